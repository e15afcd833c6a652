import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import lock from '../package-lock.json' with { type: 'json' }
import pkg from '../package.json' with { type: 'json' }

interface Component {
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly scope: 'required' | 'optional'
  readonly properties?: readonly { readonly name: string; readonly value: string }[]
  readonly licenses?: readonly { readonly license?: { readonly id?: string }; readonly expression?: string }[]
}

/** Licences that ask for no more than a notice. Of two to choose from, one of them is enough. */
const ALLOWED: ReadonlySet<string> = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Zlib', 'BlueOak-1.0.0'])

function isAllowed(expression: string): boolean {
  const either = expression.replace(/^\((.*)\)$/, '$1').split(' OR ')
  return either.some((choice) => choice.split(' AND ').every((id) => ALLOWED.has(id)))
}

// Not with `--omit dev`: npm 11 then leaves out what a development dependency needs too, pg-protocol for one, which pg cannot do without.
const inventory = JSON.parse(execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], { encoding: 'utf8' })) as {
  readonly bomFormat: string
  readonly specVersion: string
  readonly metadata: { readonly component: Component }
  readonly components: readonly Component[]
}
/** What the image holds: neither development nor optional dependencies. */
const shipped = inventory.components.filter(({ scope, properties = [] }) =>
  scope === 'required' && !properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true'))
const named = ({ name, version }: { name: string; version: string }): string => `${name}@${version}`

test('npm sbom gives a CycloneDX document of this version', () => {
  assert.equal(inventory.bomFormat, 'CycloneDX')
  assert.match(inventory.specVersion, /^1\.\d+$/)
  assert.equal(inventory.metadata.component.purl, `pkg:npm/${pkg.name}@${pkg.version}`)
})

test('without what is for development only it has every package that a production install has, in the locked version, and no other', () => {
  const installed = Object.entries(lock.packages as Record<string, { version?: string; dev?: boolean; optional?: boolean }>)
    .filter(([path, { dev, optional }]) => path !== '' && dev !== true && optional !== true)
    .map(([path, { version = '' }]) => named({ name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length), version }))
  assert.deepEqual([...new Set(shipped.map(named))].sort(), [...new Set(installed)].sort())
  for (const [name, version] of Object.entries(pkg.dependencies)) assert.ok(installed.includes(named({ name, version })), name)
})

test('each has a licence that this project may use', () => {
  const licenceOf = ({ licenses = [] }: Component): string[] => licenses.map(({ license, expression }) => expression ?? license?.id ?? 'none')
  const wrong = shipped.filter((component) => {
    const licences = licenceOf(component)
    return licences.length === 0 || !licences.every(isAllowed)
  })
  assert.deepEqual(wrong.map((component) => [named(component), ...licenceOf(component)]), [])
})

test('a licence that asks for more is seen', () => {
  for (const expression of ['GPL-3.0-or-later', 'none', '', '(MIT AND GPL-2.0-only)', 'AGPL-3.0-only OR SSPL-1.0', 'UNLICENSED', 'SEE LICENSE IN LICENSE.md']) {
    assert.equal(isAllowed(expression), false, expression)
  }
  for (const expression of ['MIT', '(MIT OR GPL-3.0-or-later)', '(MIT AND Zlib)']) assert.equal(isAllowed(expression), true, expression)
})
