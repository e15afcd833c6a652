import closeWithGrace from 'close-with-grace'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { buildApp } from './app.ts'
import { ConfigError, readSettings, type Settings } from './config.ts'
import { ProblemError } from './errors.ts'

/** EX_CONFIG of sysexits.h: a supervisor can tell a wrong setting from a crash. */
const EXIT_CONFIG = 78
/** EX_TEMPFAIL: the journal cannot be opened now. A supervisor starts the service again. */
const EXIT_TEMPFAIL = 75
/** A longer timer would end at once. */
const LONGEST_TIMER_MS = 2_147_483_647

function settingsOrExit(): Settings {
  try {
    return readSettings()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    exitFor(error)
  }
}

function exitFor(error: ConfigError): never {
  process.stderr.write(`${error.faults.join('\n')}\n`)
  process.exit(EXIT_CONFIG)
}

const settings = settingsOrExit()
const log = pino({ level: settings.logLevel })
for (const warning of settings.warnings) log.warn(warning)
for (const { name, sha256, builtIn } of settings.evidence.trustAnchors) {
  log.info({ anchor: name, sha256, builtIn }, builtIn ? "trust anchor (built-in: compare with the vendor's knowledge base, article 147)" : 'trust anchor')
}

const app = await buildApp(settings, log).catch((error: unknown) => {
  if (error instanceof ConfigError) exitFor(error)
  if (!(error instanceof ProblemError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(EXIT_TEMPFAIL)
})
const { delayMs, graceMs } = settings.shutdown
// The grace begins behind the delay: a transaction that was taken in its last moment has as long as any.
closeWithGrace({ delay: Math.min(delayMs + graceMs, LONGEST_TIMER_MS), logger: log }, async ({ signal, err }) => {
  if (err) log.error({ err }, 'stopping because of an error')
  log.info({ signal }, 'stopping')
  app.announceStop()
  await delay(delayMs)
  await app.stop()
})
await app.http.listen({ host: settings.http.host, port: settings.http.port })
