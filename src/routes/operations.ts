import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import type { ProblemError } from '../errors.ts'
import { operationSchema } from './schemas/documented.ts'

export interface OperationsOptions {
  /** Why this replica should not get work; undefined where it should. */
  readonly notReady: () => ProblemError | undefined
  /** From memory: probes ask each second, and must not wait for the journal or the TSB. */
  readonly status: () => { readonly running: number; readonly queued: number; readonly rollbacksOwed: number; readonly tsb: Readonly<Record<string, string>> }
  readonly metrics: () => Promise<string>
  readonly metricsType: string
}

/** Routes for operators. They need no credential and say nothing about keys. */
export function operations({ notReady, status, metrics, metricsType }: OperationsOptions): FastifyPluginAsync {
  return async (app) => {
    app.get('/livez', operationSchema(
      { operationId: 'isAlive', summary: 'Whether the process is alive', description: 'Asks nobody else. For a liveness probe.' },
      { says: 'It is', mediaType: 'text/plain', schema: Type.String(), example: 'ok\n' },
    ), async (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'))
    app.get('/readyz', operationSchema(
      {
        operationId: 'isReady', summary: 'Whether this replica should get work',
        description: 'Fails only for what concerns this replica: its journal cannot be written, its first recovery is not through, it stops. Answers from memory.',
      },
      { says: 'It should', mediaType: 'application/json', schema: Type.Unsafe({ $ref: 'Readiness#' }), example: READY }, 'ready',
    ), async (_request, reply) => {
      const reason = notReady()
      if (reason !== undefined) throw reason
      return reply.send({ status: 'ready', ...status() })
    })
    app.get('/metrics', operationSchema(
      { operationId: 'getMetrics', summary: 'Figures for Prometheus', description: 'What each one means: docs/metrics.md.' },
      { says: 'Their text exposition', mediaType: 'text/plain', schema: Type.String(), example: 'attestation_bundle_transactions_total{outcome="completed",code=""} 42\n' },
    ), async (_request, reply) => reply.type(metricsType).send(await metrics()))
  }
}

const READY = { status: 'ready', running: 3, queued: 0, rollbacksOwed: 0, tsb: { state: 'answers', at: '2026-11-25T09:30:02.871Z', version: '2.5.1' } }
