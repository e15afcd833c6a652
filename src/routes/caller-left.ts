import type { ServerResponse } from 'node:http'

/**
 * Aborted when the caller goes away before its answer was written. Not `request.signal`: Fastify 5.12 aborts that as soon as a POST body was
 * read, with the caller still there.
 * @param response the raw response of the request
 */
export function callerLeft(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  response.once('close', () => { if (!response.writableEnded) controller.abort() })
  return controller.signal
}
