import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Authenticator, Refused } from '../auth/authenticator.ts'
import { allowsLabel } from '../auth/label-patterns.ts'
import { ProblemError } from '../errors.ts'
import type { ProfileName } from '../profiles/profiles.ts'
import { pathOf } from '../transaction/failure.ts'
import type { Transactions } from '../transaction/transactions.ts'
import { chooseRepresentation } from './accept.ts'
import { authenticate, callerOf } from './authenticate.ts'
import { callerLeft } from './caller-left.ts'
import { readOrder } from './read-order.ts'
import { replyWith } from './representations.ts'
import { ID_EXAMPLE, IDEMPOTENCY_KEY_EXAMPLE, ORDER_EXAMPLES, TRACEPARENT_EXAMPLE } from './schemas/examples.ts'
import { OrderBody } from './schemas/order.ts'
import { bundleAnswers, problemAnswers, listAnswer } from './schemas/documented.ts'
import { transactionView } from './transaction-view.ts'

/** Ids are written in lower case. */
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const IDEMPOTENCY_KEY = /^[!-~]{1,255}$/

const ACCEPT = Type.Optional(Type.String({ description: 'application/zip (default), or application/json with a higher weight', examples: ['application/zip'] }))

export interface Callers {
  readonly authenticator: Authenticator
  refused(event: Refused): void
  /** A bundle has left for its caller. */
  delivered(transaction: { readonly id: string; readonly label: string }, caller: string): void
}

/** The one resource that does the work. Every caller has to say who it is, and sees its own transactions only. */
export function attestationBundles(
  transactions: Transactions, defaultProfile: ProfileName, { authenticator, refused, delivered }: Callers,
): FastifyPluginAsyncTypebox {
  return async (app) => {
    await authenticate(app, authenticator, refused)

    app.post('/v1/attestation-bundles', {
      schema: {
        operationId: 'issueAttestationBundle',
        summary: 'Create a key, its CSR and its key attestation, verify them, and get one zip',
        description: 'All of it, or nothing is left at the HSM: a problem says in `transaction.rollback` what was left.',
        tags: ['attestation bundles'],
        headers: Type.Object({
          'idempotency-key': Type.Optional(Type.String({
            description: '1 to 255 visible characters. Only success is remembered. Always send one with labelPrefix.', examples: [IDEMPOTENCY_KEY_EXAMPLE],
          })),
          accept: ACCEPT,
          traceparent: Type.Optional(Type.String({
            description: 'the trace that this request belongs to (W3C Trace Context); one that is not valid counts as none', examples: [TRACEPARENT_EXAMPLE],
          })),
        }),
        body: { ...OrderBody, 'x-examples': ORDER_EXAMPLES } as typeof OrderBody,
        response: { ...bundleAnswers('made'), ...bundleAnswers('replayed'), ...problemAnswers('post') },
      },
    }, async (request, reply) => {
      const representation = chooseRepresentation(request.headers.accept)
      const key = request.headers['idempotency-key']
      if (key !== undefined && !IDEMPOTENCY_KEY.test(key)) throw new ProblemError('invalid-request', 'Idempotency-Key must be 1 to 255 visible characters')
      const order = readOrder(request.body, defaultProfile)
      const caller = callerOf(request)
      if (!allowsLabel(caller.labels, order.label)) throw new ProblemError('forbidden', 'this caller may not use this label')
      const { transaction, replayed } = await transactions.issue({
        order,
        caller: caller.id,
        left: callerLeft(reply.raw),
        ...(key !== undefined && { idempotency: { key, body: request.body } }),
      })
      if (replayed) reply.header('idempotency-replayed', 'true')
      reply.header('location', pathOf(transaction.id))
      return replyWith(reply.code(replayed ? 200 : 201), transaction, representation, () => { delivered(transaction, caller.id) })
    })

    app.get('/v1/attestation-bundles/:id', {
      schema: {
        operationId: 'getAttestationBundle',
        summary: 'Get a bundle again, or see how its transaction stands',
        tags: ['attestation bundles'],
        description: 'The same bytes as the first time, or the transaction as JSON, which is 200 whatever its status.',
        params: Type.Object({ id: Type.String({ description: 'the transaction\'s id, from `location` or a problem\'s `instance`', examples: [ID_EXAMPLE] }) }),
        headers: Type.Object({ accept: ACCEPT }),
        response: { ...bundleAnswers('found'), ...problemAnswers('get') },
      },
    }, async (request, reply) => {
      const representation = chooseRepresentation(request.headers.accept)
      const { id } = request.params
      const caller = callerOf(request)
      const transaction = ID.test(id) ? await transactions.find(caller.id, id) : undefined
      if (transaction === undefined) throw new ProblemError('not-found', 'you have no transaction of this id')
      return replyWith(reply, transaction, representation, () => { delivered(transaction, caller.id) })
    })

    app.get('/v1/attestation-bundles', {
      schema: {
        operationId: 'listAttestationBundles',
        summary: 'Find your transactions by label: a lost answer can be found again',
        description: 'Your own transactions only, the newest first, 100 at most.',
        tags: ['attestation bundles'],
        // What no label holds never reaches the journal: PostgreSQL fails on U+0000, which would look like a journal that is down.
        querystring: Type.Object({
          label: Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$', description: 'the exact label, or how it begins: 1 to 128 letters, digits, dots, hyphens and underscores', examples: ['acme-seal'] }),
        }, { additionalProperties: false }),
        response: { ...listAnswer(), ...problemAnswers('list') },
      },
    }, async (request, reply) => {
      const found = await transactions.list(callerOf(request).id, request.query.label)
      return reply.header('cache-control', 'no-store').type('application/json').send(Buffer.from(JSON.stringify({ transactions: found.map(transactionView) })))
    })
  }
}
