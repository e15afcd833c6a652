import type { FastifyReply } from 'fastify'
import { ProblemError } from '../errors.ts'
import { pathOf } from '../transaction/failure.ts'
import type { OwnTransaction } from '../transaction/run-transaction.ts'
import { statusOf } from '../transaction/status.ts'
import { transactionView } from './transaction-view.ts'

/**
 * Answers with a transaction, as its bundle or as JSON.
 * @param delivered is called once the last byte of a bundle has left for the caller
 * @throws ProblemError where there are no bundle bytes to send: `bundle-not-available` or `bundle-expired`
 */
export function replyWith(reply: FastifyReply, transaction: OwnTransaction, representation: 'zip' | 'json', delivered: () => void): FastifyReply {
  reply.header('cache-control', 'no-store').header('vary', 'accept')
  // A Buffer keeps the media type as it is: Fastify would add a charset to JSON.
  if (representation === 'json') return reply.type('application/json').send(Buffer.from(JSON.stringify(transactionView(transaction))))

  const { bundle, state, id } = transaction
  const instance = pathOf(id)
  if (bundle === undefined) throw new ProblemError('bundle-not-available', `this transaction is ${statusOf(state)}`, { instance })
  if (bundle.bytes === undefined) throw new ProblemError('bundle-expired', 'the bundle is past its retention time', { instance })
  // Not `close`, which also comes where the caller went away in the middle. HEAD gets the fields alone.
  if (reply.request.method !== 'HEAD') reply.raw.once('finish', delivered)
  return reply
    .type('application/zip')
    // A label is letters, digits, dots, hyphens and underscores, so the quoted form needs no escape (RFC 6266).
    .header('content-disposition', `attachment; filename="${bundle.fileName}"`)
    .header('repr-digest', `sha-256=:${Buffer.from(bundle.sha256, 'hex').toString('base64')}:`)
    .send(bundle.bytes)
}
