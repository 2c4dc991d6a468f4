// Proofs of forks of authors that are not heard yet: who comes late is told of forks before it is told what was said. They wait
// for the first word, unverified: else a neighbour could fill this node with authors that do not exist.

import type { ForkProof } from '@hearsay/core'
import type { PeerHandle } from '../engine.js'
import type { Source } from './arrivals.js'
import { placeKey } from './place-key.js'

/** Of all neighbours together: 29 KiB. Who has brought most makes room. */
const MAX_EARLY = 64

interface Early {
  readonly key: string
  readonly proof: ForkProof
  readonly via: PeerHandle
}

export class EarlyProofs {
  /** The oldest first; of one place at most one by each neighbour. */
  #waiting: readonly Early[] = []
  readonly #heard = new Set<string>()

  put(source: Source, proof: ForkProof, via: PeerHandle): void {
    const key = placeKey(source)
    if (this.#waiting.some((early) => early.key === key && early.via === via)) return
    this.#waiting = [...this.#waiting, { key, proof, via }]
    if (this.#waiting.length > MAX_EARLY) this.#makeRoom()
  }

  /** Something of this place was delivered. */
  heard(source: Source): void {
    if (this.#waiting.length > 0) this.#heard.add(placeKey(source))
  }

  /** Those of which something was heard; they wait no longer. */
  take(): readonly Early[] {
    if (this.#heard.size === 0) return []
    const taken = this.#waiting.filter(({ key }) => this.#heard.has(key))
    this.#waiting = this.#waiting.filter(({ key }) => !this.#heard.has(key))
    this.#heard.clear()
    return taken
  }

  #makeRoom(): void {
    const counts = new Map<PeerHandle, number>()
    for (const { via } of this.#waiting) counts.set(via, (counts.get(via) ?? 0) + 1)
    const most = Math.max(...counts.values())
    const first = this.#waiting.findIndex(({ via }) => counts.get(via) === most)
    this.#waiting = this.#waiting.filter((_, index) => index !== first)
  }
}
