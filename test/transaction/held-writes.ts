import type { TestContext } from 'node:test'
import { kindOf } from '../support/kill-points.ts'
import type { Statement } from '../support/postgres-protocol.ts'
import type { ServiceProcess } from '../support/process.ts'
import type { Scene } from '../support/scene.ts'
import { startPostgresProxy, type Held, type TcpProxy } from '../support/tcp-proxy.ts'
import { PATHS, writesOf, type Point } from './journal-points.ts'
import type { CallerRequest, RequestKind } from './requests.ts'

/** A transaction that stands still at one of its writes to the journal. */
export interface AtWrite {
  readonly point: Point
  readonly request: CallerRequest
  readonly answer: Promise<Response>
  /** Before: the statement, which has not arrived; after: the database's answer to it. */
  readonly held: Held<Statement>
}

/** So many transactions of one process can stand still at once: each keeps one of its ten connections, and others go on. */
const AT_ONCE = 8

/** @returns the cases in groups of as many as one process can hold still */
export function groupsOf<T>(cases: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(cases.length / AT_ONCE) }, (_, i) => cases.slice(i * AT_ONCE, (i + 1) * AT_ONCE))
}

/**
 * Starts a process whose journal is behind a proxy, and lets one transaction after the other come to a point, where it stands still.
 * @param kind of all requests
 * @param requests what is sent, and how far it gets
 */
export async function holdAtWrites(
  t: TestContext, scene: Scene, journalUrl: string, kind: RequestKind, requests: readonly { readonly point: Point; readonly request: CallerRequest }[],
): Promise<{ victim: ServiceProcess; transactions: readonly AtWrite[] }> {
  const proxy = await startPostgresProxy(journalUrl)
  t.after(() => proxy.stop())
  const victim = scene.launch({ JOURNAL_URL: proxy.url })
  await victim.listening
  const transactions: AtWrite[] = []
  for (const { point, request } of requests) {
    const [path, write, when] = point
    PATHS[path].breaks(scene)
    const stops = nthWrite(proxy, writesOf(path, kind).indexOf(write) + 1, when)
    const answer = victim.post(request.body, request.headers)
    answer.catch(() => undefined)
    transactions.push({ point, request, answer, held: await stops })
    scene.simulator.faults.clear()
  }
  return { victim, transactions }
}

async function nthWrite(proxy: TcpProxy<Statement>, n: number, when: Point[2]): Promise<Held<Statement>> {
  const isWrite = ({ sql, parameters }: Statement): boolean => kindOf(sql, parameters) === 'journal'
  for (let i = 1; i < n; i += 1) await proxy.seen(isWrite)
  return when === 'before' ? proxy.holdBefore(isWrite) : proxy.holdAfter(isWrite)
}
