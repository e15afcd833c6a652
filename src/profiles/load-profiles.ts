import { readdirSync, readFileSync } from 'node:fs'
import { faultsOfProfile, type Profile } from './profile-schema.ts'

/**
 * Reads every profile of a folder: each `*.json` in it is one, under the name of its file.
 * @param folder where the files are
 * @returns the profiles by name, in the order of their names
 * @throws Error with one line per fault, each naming file and pointer; a service with a broken rule must not start
 */
export function loadProfiles(folder: URL): ReadonlyMap<string, Profile> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json')).sort()
  const read = files.map((file) => ({ file, ...readProfile(file, readFileSync(new URL(file, folder), 'utf8')) }))
  const faults = read.flatMap(({ file, faults: found }) => found.map((fault) => `profile ${file}: ${fault}`))
  if (files.length === 0) faults.push('there is no profile')
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return new Map(read.map(({ profile }) => [profile!.name, profile!]))
}

function readProfile(file: string, json: string): { readonly faults: readonly string[]; readonly profile?: Profile } {
  let content: unknown
  try {
    content = JSON.parse(json)
  } catch {
    return { faults: ['is not JSON'] }
  }
  const faults = faultsOfProfile(content)
  if (faults.length > 0) return { faults }
  const profile = content as Profile
  const name = file.slice(0, -'.json'.length)
  return profile.name === name ? { faults, profile } : { faults: [`/name must be ${name}, as the file is called`] }
}
