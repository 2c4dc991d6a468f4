// What one room's machine holds, by what for, with the bound of each: invariant 5 of docs/simulator.md is checked against it.

/** So much is held of one thing, and no more than this may be. */
export interface Account {
  readonly entries: number
  /** Of payloads and signed headers; what tables take beside is in docs/benchmarks.md. */
  readonly bytes: number
  readonly maxEntries: number
  readonly maxBytes: number
}

export type AccountName =
  /** Messages that others may ask for. */
  | 'history'
  /** Records that wait for what comes before them. */
  | 'held'
  /** Large records of which parts are still to come. */
  | 'parts'
  /** Records that the application is asked about. */
  | 'judged'
  /** Records that wait until it is clear whether they are old. */
  | 'aside'
  /** Records that neighbours have promised, and that are not here. */
  | 'wants'
  /** (author, epoch) pairs that are followed. */
  | 'places'
  /** Pairs of which only the end is remembered. */
  | 'ends'
  /** Signed heads of records that are not here, for forks. */
  | 'heads'
  /** Authors whose trees are known. */
  | 'trees'

export type Accounts = Readonly<Partial<Record<AccountName, Account>>>

/** An account of what takes no payload with it. */
export function countOf(entries: number, maxEntries: number): Account {
  return { entries, bytes: 0, maxEntries, maxBytes: 0 }
}
