import { readFileSync } from 'node:fs'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { builtInTrustAnchors, parseTrustAnchors } from '../evidence/trust-anchors.ts'
import type { TrustAnchor } from '../evidence/evidence.ts'
import { SECRETS, type Environment } from './environment.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Reads the files that settings name; what can't be read becomes a fault of its variable. */
export interface FileReader {
  text(variable: string, path: string | undefined): string | undefined
  /** One or several CA certificates. */
  certificates(variable: string, path: string | undefined): string | undefined
  /** One or several, each of them a CA. */
  authorities(variable: string, path: string | undefined): string | undefined
  /** A certificate and its private key: both or neither. */
  pair(values: Environment, certVariable: keyof Environment, keyVariable: keyof Environment): { cert: string; key: string } | undefined
}

/**
 * @param faults lines are added here
 * @returns a reader that reports instead of throwing
 */
export function fileReader(faults: string[]): FileReader {
  const text = (variable: string, path: string | undefined): string | undefined => {
    if (path === undefined) return undefined
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      faults.push(`${variable}: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
      return undefined
    }
  }
  const usable = (variable: string, parse: () => unknown, what: string): void => {
    try {
      parse()
    } catch {
      faults.push(`${variable}: the file holds no ${what}`)
    }
  }
  return {
    text,
    certificates(variable, path) {
      const pem = text(variable, path)
      if (pem !== undefined) usable(variable, () => new X509Certificate(pem), 'certificate in PEM')
      return pem
    },
    authorities(variable, path) {
      const pem = text(variable, path)
      if (pem !== undefined && !areAuthorities(pem)) faults.push(`${variable}: the file must hold CA certificates in PEM and nothing else`)
      return pem
    },
    pair(values, certVariable, keyVariable) {
      const certPath = values[certVariable]
      const keyPath = values[keyVariable]
      if (certPath === undefined && keyPath === undefined) return undefined
      if (certPath === undefined || keyPath === undefined) {
        faults.push(`${certPath === undefined ? certVariable : keyVariable}: must be set together with ${certPath === undefined ? keyVariable : certVariable}`)
        return undefined
      }
      const cert = text(certVariable, String(certPath))
      const key = text(keyVariable, String(keyPath))
      if (cert === undefined || key === undefined) return undefined
      const before = faults.length
      usable(certVariable, () => new X509Certificate(cert), 'certificate in PEM')
      usable(keyVariable, () => createPrivateKey(key), 'unencrypted private key in PEM')
      if (faults.length === before && !new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) faults.push(`${keyVariable}: is not the key of the certificate in ${certVariable}`)
      return { cert, key }
    },
  }
}

/** @returns whether a text has PEM blocks, all of them certificates of CAs */
export function areAuthorities(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN [^-]+-----[^-]*-----END [^-]+-----/g) ?? []
  try {
    return blocks.length > 0 && blocks.every((block) => new X509Certificate(block).ca)
  } catch {
    return false
  }
}

/**
 * Puts the content of `…_FILE` in place of the variable itself, for secrets. Both forms at once are a fault.
 * @returns the environment without empty variables
 */
export function withSecretFiles(env: Env, files: FileReader, faults: string[]): Record<string, string> {
  const given = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''))
  for (const name of SECRETS) {
    const variable = `${name}_FILE`
    const path = given[variable]
    if (path === undefined) continue
    if (given[name] !== undefined) faults.push(`${name}: set either this or ${variable}, not both`)
    const content = files.text(variable, path)?.replace(/\r?\n$/, '')
    if (content === '') faults.push(`${variable}: the file is empty`)
    else if (content !== undefined) given[name] = content
  }
  return given
}

/** The trust anchors of the operator's file, or the built-in one where no file is named. No anchor, no start. */
export function readAnchors(path: string | undefined, files: FileReader, faults: string[]): readonly TrustAnchor[] {
  if (path === undefined) return builtInTrustAnchors()
  const pem = files.text('TRUST_ANCHORS_FILE', path)
  if (pem === undefined) return []
  try {
    return parseTrustAnchors(pem, { builtIn: false })
  } catch (error) {
    faults.push(`TRUST_ANCHORS_FILE: ${error instanceof Error ? error.message : 'unusable'}`)
    return []
  }
}
