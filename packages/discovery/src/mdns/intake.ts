// How much of what neighbours say is considered: checking an instance costs a hash for each topic of ours, and anybody on
// the network can invent instances. A single source has a small budget, so that it costs the others nothing; all together
// have one that keeps the processor free. A repetition of what is known costs nothing and needs no budget.

/** New instances of one source at once: a host with eight nodes of many topics, or many nodes of few, that start together. */
const SOURCE_BURST = 64
/** New instances of one source a second after that: so many ports of one host at most are ever dialled for its word. */
const SOURCE_PER_S = 8
/** Hashes a second for all sources: some 50 ms of a processor. */
const HASHES_PER_S = 8_192
/** Sources whose budget is remembered; the one heard longest ago makes room. */
export const MAX_SOURCES = 1_024

interface Allowance {
  left: number
  at: number
}

export class Intake {
  readonly #sources = new Map<string, Allowance>()
  readonly #total: Allowance = { left: HASHES_PER_S, at: Number.NEGATIVE_INFINITY }

  get size(): number {
    return this.#sources.size
  }

  /** True if a new instance of this source, which costs so many hashes, is to be looked at. Null has no limit of its own. */
  admits(source: string | null, hashes: number, now: number): boolean {
    if (source !== null && !take(this.#of(source, now), { amount: 1, perS: SOURCE_PER_S, burst: SOURCE_BURST, now }))
      return false
    return take(this.#total, { amount: Math.max(hashes, 1), perS: HASHES_PER_S, burst: HASHES_PER_S, now })
  }

  #of(source: string, now: number): Allowance {
    const allowance = this.#sources.get(source) ?? { left: SOURCE_BURST, at: now }
    this.#sources.delete(source)
    const [oldest] = this.#sources.keys()
    if (oldest !== undefined && this.#sources.size >= MAX_SOURCES) this.#sources.delete(oldest)
    this.#sources.set(source, allowance)
    return allowance
  }
}

interface Taking {
  readonly amount: number
  readonly perS: number
  readonly burst: number
  readonly now: number
}

/** A bucket that fills with time and holds no more than the burst. */
function take(allowance: Allowance, { amount, perS, burst, now }: Taking): boolean {
  allowance.left = Math.min(burst, allowance.left + (Math.max(0, now - allowance.at) / 1_000) * perS)
  allowance.at = now
  // Somebody with more topics than the budget has hashes looks at one instance at a time.
  if (allowance.left < Math.min(amount, burst)) return false
  allowance.left -= amount
  return true
}
