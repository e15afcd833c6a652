import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkProfile, profileOf, PROFILE_NAMES, refusalsOf } from '../../src/profiles/profiles.ts'
import { readOrder } from '../../src/routes/read-order.ts'
import type { OrderBody } from '../../src/routes/schemas/order.ts'
import { orderedFacts } from '../../src/transaction/order.ts'
import { bodyOf, ROWS, type Change } from './rows.ts'

const factsOf = (...changes: readonly Change[]) => orderedFacts(readOrder(bodyOf('profile-row', ...changes) as OrderBody, 'tsb-default'))
const nameOf = (change: Change): string => Object.entries(change)
  .map(([pointer, value]) => `${pointer.split('/').at(-1)} ${JSON.stringify(value) ?? 'left out'}`.slice(0, 60))
  .join(', ')

test('every profile has a row, and every row its profile', () => {
  assert.deepEqual(Object.keys(ROWS).sort(), [...PROFILE_NAMES].sort())
})

test('the seven profiles of the design are there', () => {
  const designed = [
    'tsb-default', 'qualified-seal', 'qualified-signature', 'code-signing', 'psd2-qseal', 'd-trust-psd2', 'digicert-eu-eseal',
  ]
  assert.deepEqual(designed.filter((name) => !PROFILE_NAMES.includes(name)), [])
})

for (const [name, row] of Object.entries(ROWS)) {
  describe(`profile ${name}`, () => {
    test('has nothing against the good request', () => {
      assert.deepEqual(refusalsOf(name, factsOf(row.good)), [])
      const checks = checkProfile(name, factsOf(row.good))
      assert.deepEqual(checks.filter(({ outcome }) => outcome !== 'passed'), [])
      assert.deepEqual(checks.map(({ id }) => id).sort(), [...new Set(profileOf(name).rules.map(({ rule }) => `profile.${rule}`))].sort())
    })
    for (const { rule, change, pointer } of row.errors) {
      test(`refuses ${nameOf(change)}: ${rule}`, () => {
        const facts = factsOf(row.good, change)
        const refusals = refusalsOf(name, facts)
        assert.deepEqual(refusals.map((each) => each.pointer), [pointer])
        const [source] = profileOf(name).rules.filter((each) => each.rule === rule && each.severity === 'error').map((each) => each.source)
        assert.ok(refusals[0]!.detail.endsWith(`(${source})`), refusals[0]!.detail)
        assert.deepEqual(checkProfile(name, facts).filter(({ outcome }) => outcome === 'failed').map(({ id }) => id), [`profile.${rule}`])
      })
    }
    for (const { rule, change, pointer } of row.warnings) {
      test(`warns of ${nameOf(change)}: ${rule}`, () => {
        const facts = factsOf(row.good, change)
        assert.deepEqual(refusalsOf(name, facts), [])
        const [warning, ...others] = checkProfile(name, facts).filter(({ outcome }) => outcome !== 'passed')
        assert.deepEqual([warning?.id, warning?.outcome, others], [`profile.${rule}`, 'warning', []])
        assert.ok(warning!.detail.startsWith(`Profile ${name}: ${pointer.split('/').at(-1)} `), warning!.detail)
      })
    }
    test('has no rule that no request above breaks', () => {
      const told = [...row.errors.map(({ rule }) => `${rule} error`), ...row.warnings.map(({ rule }) => `${rule} warning`)]
      assert.deepEqual(profileOf(name).rules.map(({ rule, severity }) => `${rule} ${severity}`).filter((each) => !told.includes(each)), [])
    })
    test('is not passed by what could not be read', () => {
      const outcomes = checkProfile(name, undefined).map(({ outcome }) => outcome)
      assert.deepEqual([...new Set(outcomes)], ['skipped'])
    })
  })
}

test('every broken rule is told at once', () => {
  const facts = factsOf({ '/csr/extendedKeyUsage': ['CLIENT_AUTH'], '/key/attributes/derive': true, '/key/attributes/unwrap': true })
  assert.deepEqual(refusalsOf('qualified-seal', facts).map(({ pointer }) => pointer).sort(), [
    '/csr/extendedKeyUsage', '/csr/keyUsage', '/csr/standardCertificateAttributes/organizationIdentifier', '/key/attributes/derive',
    '/key/attributes/unwrap',
  ])
})

test('a malformed organizationIdentifier is told with the form that was meant', () => {
  const S = '/csr/standardCertificateAttributes/organizationIdentifier'
  const [refusal] = refusalsOf('qualified-seal', factsOf(ROWS['qualified-seal']!.good, { [S]: 'CHE-464.234.583 MWST' }))
  assert.match(refusal!.detail, /; did you mean `VATCH-CHE-464\.234\.583`\? a qualified certificate names /)
  const [warning] = checkProfile('tsb-default', factsOf({ [S]: 'CHE-464.234.583 MWST' })).filter(({ outcome }) => outcome === 'warning')
  assert.match(warning!.detail, /did you mean `VATCH-CHE-464\.234\.583`\?/)
})

describe('what only a CSR can have, and no request', () => {
  const good = factsOf(ROWS['d-trust-psd2']!.good)
  const failedOf = (name: string, facts: typeof good) =>
    checkProfile(name, facts).filter(({ outcome }) => outcome === 'failed').map(({ id }) => id)
  test('an attribute twice', () => {
    const subject = { ...good.subject, locality: ['Berlin', 'Bonn'] }
    assert.deepEqual(failedOf('d-trust-psd2', { ...good, subject }), ['profile.subject-required'])
  })
  test('an attribute without readable text', () => {
    assert.deepEqual(failedOf('d-trust-psd2', { ...good, subject: { ...good.subject, locality: [''] } }), ['profile.subject-required'])
  })
  test('an attribute that the TSB has no name for', () => {
    assert.deepEqual(failedOf('d-trust-psd2', { ...good, furtherSubjectOids: ['2.5.4.5'] }), ['profile.subject-allowed'])
  })
  test('a malformed second organizationIdentifier', () => {
    const seal = factsOf(ROWS['psd2-qseal']!.good)
    const subject = { ...seal.subject, organizationIdentifier: ['PSDCH-FINMA-1234', 'x'] }
    assert.deepEqual(failedOf('psd2-qseal', { ...seal, subject }), ['profile.subject-required', 'profile.organization-identifier'])
  })
  test('an extended key usage known by its number only', () => {
    const seal = factsOf(ROWS['psd2-qseal']!.good)
    assert.deepEqual(failedOf('psd2-qseal', { ...seal, extendedKeyUsage: ['1.3.6.1.5.5.7.3.36'] }), ['profile.extended-key-usage'])
  })
  test('a size that no order can name', () => {
    assert.deepEqual(failedOf('d-trust-psd2', { ...good, rsaBits: 3071 }), ['profile.key-strength'])
  })
})
