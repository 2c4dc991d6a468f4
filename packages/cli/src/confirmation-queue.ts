// What was published and is not confirmed yet: bounded in bytes, told when confirmed, given up when nothing is confirmed
// for too long.

import { setMaxListeners } from 'node:events'
import type { Receipt, Room } from 'hearsay'
import { CommandError, EXIT } from './exit.js'

export interface ConfirmationTerms {
  readonly room: Room<unknown>
  /** How many peers must confirm each message. */
  readonly peers: number
  /** How long the next confirmation may take while one is awaited. */
  readonly timeoutMs: number
  readonly ended: AbortSignal
  readonly onConfirmed: (receipt: Receipt) => Promise<void>
}

/** No more is taken while so much waits for confirmation. */
const MAX_UNCONFIRMED_BYTES = 64 * 1024 * 1024

export class ConfirmationQueue {
  readonly #terms: ConfirmationTerms
  readonly #stop = new AbortController()
  readonly #failed = new AbortController()
  #waiting = 0
  #bytes = 0
  #failure: unknown = null
  #stalled = false
  #timer: NodeJS.Timeout | null = null
  /** Resolved, and made anew, whenever something was confirmed or failed. */
  #changed = deferred()

  constructor(terms: ConfirmationTerms) {
    this.#terms = terms
    // One listener for each unconfirmed message is the purpose here, not a leak.
    setMaxListeners(0, this.#stop.signal)
    terms.ended.addEventListener('abort', () => this.#stop.abort(), { once: true })
    if (terms.ended.aborted) this.#stop.abort()
  }

  /** Fires when something failed: there is no use in reading on. */
  get failed(): AbortSignal {
    return this.#failed.signal
  }

  /** Publishes; what is added in one go shares a signature. */
  add(value: unknown): void {
    const bytes = Buffer.byteLength(JSON.stringify(value))
    if (this.#waiting++ === 0) this.#startTimer()
    this.#bytes += bytes
    void this.#confirm(value).then(() => {
      this.#waiting--
      this.#bytes -= bytes
      if (this.#waiting === 0) this.#stopTimer()
      else this.#timer?.refresh()
      this.#tellChange()
    })
  }

  /** Resolves when there is room for more; rejects with what failed. */
  async ready(): Promise<void> {
    while (this.#bytes > MAX_UNCONFIRMED_BYTES && this.#failure === null) await this.#changed.promise
    this.#throwFailure()
  }

  /** Resolves when everything is confirmed; rejects with what failed. */
  async drained(): Promise<void> {
    while (this.#waiting > 0 && this.#failure === null) await this.#changed.promise
    this.#throwFailure()
  }

  async #confirm(value: unknown): Promise<void> {
    try {
      const signal = this.#stop.signal
      const receipt = await this.#terms.room.publish(value, { signal })
      await receipt.confirmed(this.#terms.peers, { signal })
      await this.#terms.onConfirmed(receipt)
    } catch (error) {
      this.#failure ??= error
      this.#failed.abort()
    }
  }

  #tellChange(): void {
    this.#changed.resolve()
    this.#changed = deferred()
  }

  #startTimer(): void {
    this.#timer = setTimeout(() => {
      this.#stalled = true
      this.#stop.abort()
    }, this.#terms.timeoutMs)
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
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

/** What Promise.withResolvers of Node 22 gives. */
function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
