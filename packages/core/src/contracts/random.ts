// Randomness as an argument, so that one seed decides everything in a test or a simulation.

/** Where randomness comes from. */
export interface Random {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
  /** A uniform integer in [0, limit), for 1 ≤ limit ≤ 2^32. */
  below(limit: number): number
}
