import type { FastifyPluginAsync, FastifySchema } from 'fastify'
import Type from 'typebox'
import type { ProblemError } from '../errors.ts'
import { operationAnswer, problemAnswers } from './schemas/documented.ts'

export interface OperationsOptions {
  /** Why this replica should not get work; undefined where it should. */
  readonly notReady: () => ProblemError | undefined
  readonly status: () => Promise<{ readonly running: number; readonly queued: number; readonly rollbacksOwed: number; readonly tsbVersion?: string }>
  readonly metrics: () => Promise<string>
  readonly metricsType: string
}

/** Routes for operators. They need no credential and say nothing about keys. */
export function operations({ notReady, status, metrics, metricsType }: OperationsOptions): FastifyPluginAsync {
  return async (app) => {
    app.get('/livez', documented('Whether the process is alive', 'operations', operationAnswer('It is', 'text/plain', Type.String())),
      async (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'))
    app.get('/readyz', documented('Whether this replica should get work', 'ready', operationAnswer('It should', 'application/json', Readiness)), async (_request, reply) => {
      const reason = notReady()
      if (reason !== undefined) throw reason
      const { tsbVersion, ...load } = await status()
      return reply.send({ status: 'ready', ...load, tsb: { version: tsbVersion ?? 'not asked yet' } })
    })
    app.get('/metrics', documented('Figures for Prometheus', 'operations', operationAnswer('Its text exposition', 'text/plain', Type.String())),
      async (_request, reply) => reply.type(metricsType).send(await metrics()))
    // Made once: nobody who asks without a credential should cost more than the sending.
    let json: Buffer | undefined
    let html: Buffer | undefined
    app.get('/openapi.json', documented('This document', 'operations', operationAnswer('OpenAPI 3.1', 'application/json', Type.Unsafe({ type: 'object' }))),
      async (_request, reply) => reply.type('application/json').send(json ??= Buffer.from(JSON.stringify(app.swagger()))))
    app.get('/docs', documented('This document, to read', 'operations', operationAnswer('A page', 'text/html', Type.String())), async (_request, reply) =>
      reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
        .send(html ??= Buffer.from(page(app.swagger() as ApiDocument))))
  }
}

const Readiness = Type.Object({
  status: Type.Literal('ready'),
  running: Type.Integer({ minimum: 0 }),
  queued: Type.Integer({ minimum: 0 }),
  rollbacksOwed: Type.Integer({ minimum: 0, description: 'of all replicas' }),
  tsb: Type.Object({ version: Type.String() }),
})

/** `security` is empty: these need no credential, whatever AUTH_MODE says. */
function documented(summary: string, problems: 'operations' | 'ready', answers: object): { schema: FastifySchema } {
  return { schema: { summary, tags: ['operations'], security: [], response: { ...answers, ...problemAnswers(problems) } } }
}

interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string }
  readonly paths?: Readonly<Record<string, Readonly<Record<string, { summary?: string; responses?: Record<string, { description?: string }> }>>>>
}

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

/** A plain page made of the OpenAPI document: operations and their answers. */
function page({ info, paths = {} }: ApiDocument): string {
  const operation = (path: string, method: string, { summary = '', responses = {} }: { summary?: string; responses?: Record<string, { description?: string }> }): string => {
    const rows = Object.entries(responses).map(([status, answer]) => `<tr><td>${escape(status)}</td><td>${escape(answer.description ?? '')}</td></tr>`)
    return `<h2><code>${escape(method.toUpperCase())} ${escape(path)}</code></h2><p>${escape(summary)}</p><table>${rows.join('')}</table>`
  }
  const body = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, details]) => operation(path, method, details)))
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(info.title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}td{border-top:1px solid #ccc;padding:.3rem .8rem;vertical-align:top}</style>
<h1>${escape(info.title)} ${escape(info.version)}</h1><p>${escape(info.description ?? '')}</p>
<p>The whole contract with schemas and examples: <a href="/openapi.json">/openapi.json</a></p>${body.join('')}</html>
`
}
