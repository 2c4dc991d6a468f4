// A new epoch for a room whose author turns out to sign elsewhere in the same one: from a copied key, or a machine that was
// brought back to what it was. Until it is here nothing is signed.

import type { Clock, EpochSource, Timer } from '@hearsay/core'
import { GossipError, toError } from '../errors.js'
import type { Publishing } from './publishing.js'

/** So long a source may take to give an epoch before it is told that it does not: what is published waits for it. */
const PATIENCE_MS = 5_000

export interface RenewalParts {
  /** Null: there is no other epoch. */
  readonly source: EpochSource | null
  readonly clock: Clock
  readonly publishing: Pick<Publishing, 'pause' | 'resume' | 'fail'>
  /** Resolves when this node can speak in it. */
  readonly begin: (epoch: number) => Promise<void>
  readonly warn: (error: Error) => void
}

export class Renewal {
  readonly #parts: RenewalParts
  #state: 'idle' | 'running' | 'failed' = 'idle'
  /** True once it was told that the source fails: afterwards whoever publishes is told. */
  #isTold = false
  #timer: Timer | null = null

  constructor(parts: RenewalParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#state === 'idle') this.#run()
  }

  /** Something is published: a source that failed may have an epoch by now. */
  retry(): void {
    if (this.#state === 'failed' && this.#parts.source) this.#run()
  }

  close(): void {
    this.#timer?.cancel()
  }

  #run(): void {
    this.#state = 'running'
    this.#parts.publishing.pause()
    this.#renew().catch((error: unknown) => this.#failed(error))
  }

  async #renew(): Promise<void> {
    const { source, publishing, begin } = this.#parts
    if (!source) throw new GossipError('ERR_FORKED', FORKED, { remedy: REMEDY })
    await begin(await this.#next(source))
    publishing.resume()
    this.#state = 'idle'
    this.#isTold = false
  }

  async #next(source: EpochSource): Promise<number> {
    const { clock, warn } = this.#parts
    const late = `${FORKED}, and the source of epochs gives no other: what is published waits`
    this.#timer = clock.setTimer(PATIENCE_MS, () => warn(new GossipError('ERR_FORKED', late)))
    try {
      return await source.next()
    } finally {
      this.#timer.cancel()
    }
  }

  #failed(error: unknown): void {
    this.#state = 'failed'
    this.#parts.publishing.fail(toError(error))
    if (!this.#isTold) this.#parts.warn(toError(error))
    this.#isTold = true
  }
}

const FORKED = 'somebody else signs with this key in this epoch'
const REMEDY =
  'Give createGossip a source of epochs, or begin again in a new one; use another key if a copy of this one is in use.'
