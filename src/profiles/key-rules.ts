import Type from 'typebox'
import { listed, namesOf, ruleKind } from './rule.ts'

const ALGORITHMS = ['RSA', 'EC', 'ED'] as const
const KEY_ATTRIBUTES = ['modifiable', 'decrypt', 'unwrap', 'derive'] as const

/** Curves by the names that ETSI TS 119 312 and the CA/Browser Forum use. */
const CURVES = {
  'P-256': '1.2.840.10045.3.1.7', 'P-384': '1.3.132.0.34', 'P-521': '1.3.132.0.35', brainpoolP256r1: '1.3.36.3.3.2.8.1.1.7',
  brainpoolP384r1: '1.3.36.3.3.2.8.1.1.11', brainpoolP512r1: '1.3.36.3.3.2.8.1.1.13',
} as const
const CURVE_NAMES = Object.keys(CURVES) as (keyof typeof CURVES)[]

const keyAlgorithm = ruleKind({
  members: Type.Object({ algorithms: namesOf(ALGORITHMS) }),
  describe: ({ algorithms }) => `the key is of algorithm ${listed(algorithms)}`,
  violations: ({ algorithms }, { algorithm }) =>
    algorithms.includes(algorithm) ? [] : [{ pointer: '/key/algorithm', expected: `must be ${listed(algorithms)}` }],
})

const keyStrength = ruleKind({
  members: Type.Object({ rsaBits: Type.Integer({ minimum: 2048, maximum: 16_384 }) }),
  describe: ({ rsaBits }) => `an RSA key has at least ${rsaBits} bits`,
  violations: ({ rsaBits }, facts) => facts.algorithm !== 'RSA' || (facts.rsaBits ?? 0) >= rsaBits
    ? []
    : [{ pointer: '/key/keySize', expected: `must be at least ${rsaBits} bits` }],
})

const keyCurve = ruleKind({
  members: Type.Object({ curves: namesOf(CURVE_NAMES) }),
  describe: ({ curves }) => `an EC key is on ${listed(curves)}`,
  violations: ({ curves }, { algorithm, curveOid }) => algorithm !== 'EC' || curves.some((name) => CURVES[name] === curveOid)
    ? []
    : [{ pointer: '/key/curveOid', expected: `must be ${listed(curves.map((name) => `${CURVES[name]} (${name})`))}` }],
})

const keyAttribute = ruleKind({
  members: Type.Object({ attributes: namesOf(KEY_ATTRIBUTES), value: Type.Boolean() }),
  describe: ({ attributes, value }) => `the key has ${listed(attributes.map((name) => `${name}=${value}`), 'and')}`,
  violations: ({ attributes, value }, { keyAttributes }) => attributes
    .filter((name) => keyAttributes[name] !== value)
    .map((name) => ({ pointer: `/key/attributes/${name}`, expected: `must be ${value}` })),
})

/** Rules about the key. */
export const KEY_RULES = {
  'key-algorithm': keyAlgorithm, 'key-strength': keyStrength, 'key-curve': keyCurve, 'key-attribute': keyAttribute,
}
