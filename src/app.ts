import type { RequestListener } from 'node:http'
import { readFileSync } from 'node:fs'
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Logger } from 'pino'
import { openHttpsServers } from './auth/https-servers.ts'
import { openAuthenticator } from './auth/open-authenticator.ts'
import { ConfigError, type Settings } from './config.ts'
import { ProblemError } from './errors.ts'
import type { Journal } from './journal/journal.ts'
import { openJournal } from './journal/open-journal.ts'
import { timedJournal } from './journal/timed-journal.ts'
import { JournalInUse } from './journal/sqlite.ts'
import { openObservability } from './observability/observe.ts'
import { shared } from './observability/shared.ts'
import { openTracing, type Recorder } from './observability/tracing.ts'
import { openTsbState } from './observability/tsb-state.ts'
import { attestationBundles } from './routes/attestation-bundles.ts'
import { CONNECTION_LIMITS, openConnections, serverOptions, type ConnectionLimits } from './routes/connections.ts'
import { documentation } from './routes/documentation.ts'
import { parseJsonBody } from './routes/json-body.ts'
import { OPENAPI } from './routes/openapi.ts'
import { operations } from './routes/operations.ts'
import { buildSerializers } from './routes/serializers.ts'
import { handleError, sendProblem } from './routes/problems.ts'
import { handleUnknownRoute } from './routes/unknown-route.ts'
import { watchRequests } from './routes/watch-requests.ts'
import { Problem, Readiness, TransactionList, TransactionView } from './routes/schemas/answers.ts'
import { openTransactions } from './transaction/transactions.ts'
import { watchFiles } from './settings/watched-files.ts'
import { openReloadedTsb } from './tsb/reloaded-tsb.ts'
import { openTsb } from './tsb/tsb.ts'

export interface App {
  readonly http: FastifyInstance
  /** From now on readyz fails, but work is still taken: a load balancer needs a moment to notice. */
  announceStop(): void
  /** Refuses new work, lets running transactions end, and closes everything. What is owed stays in the journal. */
  stop(): Promise<void>
}

const DAY_MS = 86_400_000
const BODY_LIMIT = 65_536
const URI_LIMIT = 8_000
/** The last answers are a few KB: what takes longer to read them once everything else has ended is not waited for. */
const LAST_ANSWERS_MS = 2_000

/**
 * Builds the application, with production's options; tests build the same one.
 * @param settings read by `readSettings`
 * @param log the process's logger
 * @param now the clock
 * @param limits what a connection may take; tests that wait for an end shorten them
 */
export async function buildApp(settings: Settings, log: Logger, now: () => Date = () => new Date(), limits: ConnectionLimits = CONNECTION_LIMITS): Promise<App> {
  let stopping = false
  const connections = openConnections(limits)
  const tracing = openTracing(await openRecorder(settings, log))
  const observability = openObservability(log, tracing, now, {
    load: () => transactions.status(), owed: shared(() => transactions.owed()), ready: () => notReady() === undefined,
    keystoreStatistics: () => tsb.keystoreStatistics(),
    limits: { running: settings.transaction.maxTransactions, queued: settings.transaction.maxQueued },
  })
  const tsbState = openTsbState(now, observability.tsb)
  const journal = timedJournal(await openTheJournal(settings, now), observability.journal)
  const access = watchFiles({
    paths: settings.tsbFiles.paths,
    first: settings.tsbFiles.paths.map((path) => readFileSync(path, 'utf8')),
    parse: () => settings.tsbFiles.reread(), now,
    changed: () => log.info('the files with credentials towards the TSB were read again'),
    failed: (reason) => log.error(`${reason}; the credentials towards the TSB of before stay in force`),
  })
  const tsb = openReloadedTsb(() => access.current(), (current) => openTsb(current, settings.transaction.maxTransactions, tsbState))
  const transactions = openTransactions(tsb, journal, {
    ...settings.transaction, ...settings.evidence, leaseMs: settings.journal.leaseMs, encryptionKeys: settings.journal.encryptionKeys,
  }, observability.observer, now)
  const notReady = (): ProblemError | undefined => (stopping ? new ProblemError('shutting-down', 'this instance is stopping') : whyNotReady(transactions.notReady()))

  const https = settings.http.tls && openHttpsServers(settings.http.tls, log)
  const authenticator = openAuthenticator(settings.auth, { log: log, now, peerOf: (socket) => https?.peerOf(socket) })

  const http = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    ...(settings.http.trustProxy !== undefined && { trustProxy: settings.http.trustProxy }),
    // Beside a factory, `https` only says what the service calls itself when it listens.
    [https === undefined ? 'http' : 'https']: serverOptions(limits),
    ...(https && { serverFactory: (handler: RequestListener) => https.create(serverOptions(limits), handler) }),
    requestTimeout: limits.requestMs,
    bodyLimit: BODY_LIMIT,
    // While the service stops, `shutting-down` is said as a problem, not in Fastify's own words.
    return503OnClosing: false,
    // Fastify's defaults would drop unknown fields and coerce types: a request must never be corrected silently.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: true, verbose: true, keywords: ['x-examples'] } },
    clientErrorHandler: connections.onClientError,
    frameworkErrors: connections.onFrameworkError,
    routerOptions: { maxParamLength: 200 },
    schemaController: { compilersFactory: { buildSerializer: buildSerializers } },
  }).withTypeProvider<TypeBoxTypeProvider>()

  http.removeAllContentTypeParsers()
  http.addContentTypeParser('application/json', { parseAs: 'buffer' }, parseJsonBody)
  http.setErrorHandler(handleError)
  http.setNotFoundHandler(handleUnknownRoute)
  connections.watch(http, settings.transaction.maxTransactions + settings.transaction.maxQueued)
  watchRequests(http, observability.requests)
  http.addHook('onRequest', async (request, reply) => {
    if (request.url.length > URI_LIMIT) return sendProblem(reply, new ProblemError('uri-too-long', `a request target may have ${URI_LIMIT} characters`))
    // RFC 9112, section 3.2. HTTP/0.9, which the parser takes too, has no headers at all.
    const hosts = request.raw.rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === 'host').length
    if (hosts > 1 || (hosts === 0 && request.raw.httpVersion !== '1.0')) return sendProblem(reply, new ProblemError('invalid-request', 'one Host header is asked for'))
    // Before its body is looked at: what nobody reads is not parsed.
    return request.is404 ? handleUnknownRoute(request, reply) : undefined
  })
  // A keep-alive connection would hold the server open for its whole idle time (72 s) after the last answer.
  http.addHook('onSend', async (_request, reply) => { if (stopping) reply.header('connection', 'close') })

  for (const schema of [Problem, TransactionView, TransactionList, Readiness]) http.addSchema(schema)
  await http.register(swagger, OPENAPI)
  await http.register(attestationBundles(transactions, settings.evidence.defaultProfile, { authenticator, refused: observability.refused, delivered: observability.delivered }))
  await http.register(operations({
    notReady,
    status() {
      const { tsbVersion, ...load } = transactions.status()
      return { ...load, tsb: { ...tsbState.current(), version: tsbVersion ?? 'not asked yet' } }
    },
    metrics: shared(observability.metrics), metricsType: observability.metricsType,
  }))
  await http.register(documentation)
  await transactions.started
  await http.ready()

  return {
    http,
    announceStop: () => { stopping = true },
    async stop() {
      stopping = true
      https?.close()
      const drained = transactions.drain()
      const closed = http.close()
      await drained
      await transactions.stop()
      // Connections that ask nothing (load balancers open them ahead) or never finish asking would hold the process until it is killed.
      const cut = setTimeout(() => http.server.closeAllConnections(), LAST_ANSWERS_MS)
      await closed
      clearTimeout(cut)
      await tsb.close()
      await journal.close()
      await tracing.close()
    },
  }
}

const whyNotReady = (reason: string | undefined): ProblemError | undefined => (reason === undefined ? undefined : new ProblemError('journal-unavailable', reason))

/** @throws ConfigError where another process has it; ProblemError where it cannot be opened now */
async function openTheJournal({ journal, tsb }: Settings, now: () => Date): Promise<Journal> {
  const { url, leaseMs, retentionDays } = journal
  return openJournal({ url, leaseMs, tsb: tsb.id, retentionMs: retentionDays * DAY_MS, now: () => now().getTime() }).catch((error: unknown) => {
    throw error instanceof JournalInUse ? new ConfigError([`JOURNAL_URL: ${error.message}`]) : error
  })
}

/** OpenTelemetry is loaded only where the environment asks for it: it costs a fifth of a second at start, and memory. */
async function openRecorder({ traces }: Settings, log: Logger): Promise<Recorder | undefined> {
  if (traces === undefined) return undefined
  const { openOpenTelemetry } = await import('./observability/opentelemetry.ts')
  return openOpenTelemetry(traces, (failed, reason) => {
    if (failed) log.warn({ reason }, 'spans could not be exported; those of a failed export are lost')
    else log.info('spans are exported again')
  })
}
