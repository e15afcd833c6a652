import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import { apiPage, API_PAGE_POLICY } from '../api-page/api-page.ts'
import type { ApiDocument } from '../api-page/api-document.ts'
import { operationSchema } from './schemas/documented.ts'

/** The contract for machines and for people. Both are made once, when they are first asked for: routes do not change while the service runs. */
export const documentation: FastifyPluginAsync = async (app) => {
  let json: Buffer | undefined
  let page: Buffer | undefined
  app.get('/openapi.json', operationSchema(
    { operationId: 'getOpenApi', summary: 'This document', description: 'For generators of clients.' },
    { says: 'OpenAPI 3.1', mediaType: 'application/json', schema: Type.Unsafe({ type: 'object' }), example: { openapi: '3.1.0' } },
  ), async (_request, reply) => {
    json ??= Buffer.from(JSON.stringify(app.swagger()))
    return reply.type('application/json').send(json)
  })
  app.get('/docs', operationSchema(
    { operationId: 'getDocumentation', summary: 'This document, to read', description: 'One page that loads nothing.' },
    { says: 'The page', mediaType: 'text/html', schema: Type.String(), example: '<!doctype html>' },
  ), async (_request, reply) => {
    page ??= Buffer.from(apiPage(app.swagger() as unknown as ApiDocument))
    return reply.type('text/html; charset=utf-8').header('content-security-policy', API_PAGE_POLICY)
      .header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer').send(page)
  })
}
