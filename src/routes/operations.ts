import type { FastifyPluginAsync } from 'fastify'
import type { ProblemError } from '../errors.ts'

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
    const hidden = { schema: { hide: true } }
    app.get('/livez', hidden, async (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'))
    app.get('/readyz', hidden, async (_request, reply) => {
      const reason = notReady()
      if (reason !== undefined) throw reason
      return reply.send({ status: 'ready', ...status() })
    })
    app.get('/metrics', hidden, async (_request, reply) => reply.type(metricsType).send(await metrics()))
  }
}
