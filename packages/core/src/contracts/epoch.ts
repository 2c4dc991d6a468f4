// The number of a process's life. Whoever signs takes a new one at each start, so that a restored backup, a copied key or
// two processes with one key never sign the same place twice.

/** Where epochs come from. */
export interface EpochSource {
  /** An epoch below 2^53 that this source has never given and will never give again, durably claimed; or `ERR_EPOCH`. */
  next(): Promise<number>
}
