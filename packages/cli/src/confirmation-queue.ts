// What was published and is not confirmed yet: bounded in bytes, told when confirmed, given up when nothing is confirmed
// for too long.

import { setMaxListeners } from 'node:events'
import type { Receipt, Room } from 'hearsay'
import { CommandError, EXIT } from './exit.js'

export interface ConfirmationTerms {
  readonly room: Room<unknown>
  /** How many peers must confirm each message. */
  readonly peers: number
  /** How long it may take until the next message is confirmed. */
  readonly timeoutMs: number
  readonly ended: AbortSignal
  readonly onConfirmed: (receipt: Receipt) => Promise<void>
}

/** No more is taken while so much waits for confirmation. */
const MAX_UNCONFIRMED_BYTES = 64 * 1024 * 1024

export class ConfirmationQueue {
  readonly #terms: ConfirmationTerms
  readonly #waiting = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  #bytes = 0
  #failure: unknown = null
  #stalled = false
  #timer: NodeJS.Timeout | null = null

  constructor(terms: ConfirmationTerms) {
    this.#terms = terms
    // One listener for each unconfirmed message is the purpose here, not a leak.
    setMaxListeners(0, this.#stop.signal)
    terms.ended.addEventListener('abort', () => this.#stop.abort(), { once: true })
  }

  /** Resolves when the message is on its way and there is room for more. */
  async publish(value: unknown): Promise<void> {
    this.#restartTimer()
    const bytes = Buffer.byteLength(JSON.stringify(value))
    const receipt = await this.#terms.room.publish(value, { signal: this.#stop.signal })
    const confirmed = this.#confirm(receipt, bytes)
    this.#waiting.add(confirmed)
    this.#bytes += bytes
    void confirmed.finally(() => this.#waiting.delete(confirmed))
    while (this.#bytes > MAX_UNCONFIRMED_BYTES && this.#failure === null) await Promise.race(this.#waiting)
    this.#throwFailure()
  }

  /** Resolves when everything is confirmed. */
  async drained(): Promise<void> {
    while (this.#waiting.size > 0 && this.#failure === null) await Promise.race(this.#waiting)
    this.#stopTimer()
    this.#throwFailure()
  }

  async #confirm(receipt: Receipt, bytes: number): Promise<void> {
    try {
      await receipt.confirmed(this.#terms.peers, { signal: this.#stop.signal })
      this.#bytes -= bytes
      this.#restartTimer()
      await this.#terms.onConfirmed(receipt)
    } catch (error) {
      this.#failure ??= error
    }
  }

  #restartTimer(): void {
    this.#timer ??= setTimeout(() => this.#giveUp(), this.#terms.timeoutMs)
    this.#timer.refresh()
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer)
  }

  #giveUp(): void {
    this.#stalled = true
    this.#stop.abort()
  }

  #throwFailure(): void {
    if (this.#failure === null) return
    this.#stopTimer()
    if (!this.#stalled) throw this.#failure
    throw new CommandError(
      EXIT.timedOut,
      'ERR_TIMEOUT',
      `nothing was confirmed for ${this.#terms.timeoutMs / 1_000} s`,
      'Wait longer with --timeout, or ask fewer --peers.',
    )
  }
}
