import { withAttempts } from './attempts.ts'
import { readBundle, readJson } from './read-answer.ts'
import { exchange, type Attempt, type ClientRequest, type Success } from './exchange.ts'
import type { Bundle, ClientSettings, IssuedBundle, IssueOptions, Order, RequestOptions, TransactionView } from './types.ts'

export { BundleProblem, NoAnswer, type NoAnswerReason } from './errors.ts'
export type { Bundle, ClientSettings, IssuedBundle, IssueOptions, Order, Problem, ProblemCode, RequestOptions, Retry, TransactionView } from './types.ts'

/**
 * The service as a caller uses it. Every call tries again where that can help and is safe, and throws BundleProblem, NoAnswer or its
 * signal's reason.
 */
export interface BundleClient {
  /**
   * Makes a key, its CSR and its attestation, and gives the verified bundle. The label is the prefix, a hyphen and the transaction's id, so it is
   * fresh at every order, and no key of somebody else can be in its way. All tries have one Idempotency-Key: there is one key, or none.
   * @param labelPrefix 1 to 91 characters; has to be among those that this caller may use
   */
  issue(labelPrefix: string, order: Order, options?: IssueOptions): Promise<IssuedBundle>
  /** The same under a label of your own. Where deleted keys are only invalidated, a label that failed once is never free again: prefer `issue`. */
  issueUnderLabel(label: string, order: Order, options?: IssueOptions): Promise<IssuedBundle>
  /** Fetches a bundle again. @param id of its transaction */
  bundle(id: string, options?: RequestOptions): Promise<Bundle>
  /** How a transaction stands, with every check of its evidence. */
  transaction(id: string, options?: RequestOptions): Promise<TransactionView>
  /** Your own transactions whose label is this or begins so, the newest first, 100 at most. */
  list(label: string, options?: RequestOptions): Promise<readonly TransactionView[]>
  /** The bundle of exactly this label, where its answer was lost. @returns undefined where no completed transaction of yours has the label */
  bundleOf(label: string, options?: RequestOptions): Promise<Bundle | undefined>
}

const BUNDLES = '/v1/attestation-bundles'
const IDEMPOTENCY_KEY = /^[!-~]{1,255}$/

/**
 * Opens a client. Nothing is sent before its first call, and nothing has to be closed.
 * @throws TypeError where the URL is none
 */
export function openBundleClient(settings: ClientSettings): BundleClient {
  if (!/^https?:$/.test(new URL(settings.url).protocol)) throw new TypeError('the URL of the service begins with http:// or https://')

  const ask = <T>(request: ClientRequest, read: (answer: Success, attempt: Attempt) => Promise<T>): Promise<T> =>
    withAttempts(settings, request.signal, async (attempts, cause) => {
      const attempt = { idempotencyKey: request.idempotencyKey, attempts, cause }
      return read(await exchange(settings, request, attempt), attempt)
    })
  const get = (path: string, accept: string, { signal }: RequestOptions): ClientRequest => ({ method: 'GET', path, accept, signal })

  async function issue(label: { label: string } | { labelPrefix: string }, { key, ...order }: Order, { idempotencyKey = crypto.randomUUID(), signal }: IssueOptions): Promise<IssuedBundle> {
    if (!IDEMPOTENCY_KEY.test(idempotencyKey)) throw new TypeError('an Idempotency-Key is 1 to 255 visible ASCII characters')
    const body = JSON.stringify({ key: { ...key, ...label }, ...order })
    return ask({ method: 'POST', path: BUNDLES, accept: 'application/zip', body, idempotencyKey, signal }, async (answer, attempt) => ({
      ...await readBundle(answer, attempt), replayed: answer.headers.get('idempotency-replayed') === 'true', idempotencyKey,
    }))
  }

  const client: BundleClient = {
    issue: (labelPrefix, order, options = {}) => issue({ labelPrefix }, order, options),
    issueUnderLabel: (label, order, options = {}) => issue({ label }, order, options),
    bundle: (id, options = {}) => ask(get(`${BUNDLES}/${encodeURIComponent(id)}`, 'application/zip', options), async (answer, attempt) => ({ ...await readBundle(answer, attempt), id })),
    transaction: (id, options = {}) => ask(get(`${BUNDLES}/${encodeURIComponent(id)}`, 'application/json', options), readJson<TransactionView>),
    list: async (label, options = {}) => {
      const { transactions } = await ask(get(`${BUNDLES}?label=${encodeURIComponent(label)}`, 'application/json', options), readJson<{ transactions: TransactionView[] }>)
      return transactions
    },
    async bundleOf(label, options) {
      const found = await client.list(label, options)
      const completed = found.find((transaction) => transaction.label === label && transaction.status === 'completed')
      return completed && client.bundle(completed.id, options)
    },
  }
  return client
}
