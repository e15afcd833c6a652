/**
 * Work that all who ask at the same time share. /metrics is asked without a credential: a flood of it must not queue in front of the
 * transactions at the journal's database, whose leases would run out behind it.
 * @param work is begun by the first to ask; whoever asks once it has ended begins it anew
 */
export function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined
  return () => running ??= work().finally(() => { running = undefined })
}
