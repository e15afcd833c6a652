import type { FastifyPluginAsync } from 'fastify'
import { apiPage, API_PAGE_POLICY } from '../api-page/api-page.ts'
import type { ApiDocument } from '../api-page/api-document.ts'

/** The contract for machines and for people. Both are made once, when they are first asked for: routes do not change while the service runs. */
export const documentation: FastifyPluginAsync = async (app) => {
  const hidden = { schema: { hide: true } }
  let json: Buffer | undefined
  let page: Buffer | undefined
  app.get('/openapi.json', hidden, async (_request, reply) => {
    json ??= Buffer.from(JSON.stringify(app.swagger()))
    return reply.type('application/json').send(json)
  })
  app.get('/docs', hidden, async (_request, reply) => {
    page ??= Buffer.from(apiPage(app.swagger() as unknown as ApiDocument))
    return reply.type('text/html; charset=utf-8').header('content-security-policy', API_PAGE_POLICY)
      .header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer').send(page)
  })
}
