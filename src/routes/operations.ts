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
    app.get('/openapi.json', hidden, async (_request, reply) => reply.type('application/json').send(Buffer.from(JSON.stringify(app.swagger()))))
    app.get('/docs', hidden, async (_request, reply) =>
      reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'").send(page(app.swagger() as ApiDocument)))
  }
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
