import { ProblemError } from '../errors.ts'
import { TsbError } from '../tsb/tsb-error.ts'
import type { Tsb } from '../tsb/tsb.ts'
import { compareVersions, type VersionInfo } from '../tsb/version-info.ts'

/** Older ones mix up CSRs that are made at the same time (vendor's release note 1.17.1: "fixed a multithreading issues on endpoint …/request"). */
const OLDEST: readonly [number, number, number] = [1, 17, 1]

export interface VersionGate {
  /** @throws ProblemError where the TSB is too old */
  pass(): Promise<void>
  /** The version as the TSB wrote it, once known. */
  known(): string | undefined
}

/** @returns why this service does not work with a TSB of this version; undefined where it does */
export function flawOfVersion(version: VersionInfo): string | undefined {
  if (compareVersions(version, OLDEST) >= 0) return undefined
  return `TSB ${version.text} is older than ${OLDEST.join('.')}: it can mix up CSRs that are made at the same time`
}

/**
 * Asks the TSB for its version once per process, at the first transaction, and refuses one that is too old. An unreadable or refused answer
 * is a warning: the service key may well be kept from this service.
 * @param warn is told once why the version is not known
 */
export function versionGate(tsb: Tsb, warn: (reason: string) => void): VersionGate {
  let asked: Promise<string | undefined> | undefined
  let version: string | undefined

  const ask = async (): Promise<string | undefined> => {
    try {
      const answer = await tsb.versionInfo()
      version = answer.text
      return flawOfVersion(answer)
    } catch (error) {
      // Nothing was sent, so nothing was asked: the next transaction asks.
      if (error instanceof TsbError && error.effect === 'none' && error.code === 'tsb-unavailable') asked = undefined
      warn(error instanceof TsbError ? error.detail : 'the version query failed')
      return undefined
    }
  }

  return {
    async pass() {
      asked ??= ask()
      const flaw = await asked
      if (flaw !== undefined) throw new ProblemError('tsb-error', `${flaw}. Update it, then restart this service`)
    },
    known: () => version,
  }
}
