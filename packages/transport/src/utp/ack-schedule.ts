// When to acknowledge what came: at once, with the second packet, or after a while in which data may take it along.

/** So long may an acknowledgement wait. libutp: 100 ms. */
const DELAY_US = 50_000
/** RFC 1122 §4.2.3.2: at least every second packet is acknowledged. */
const PACKETS = 2

export class AckSchedule {
  #packets = 0
  #at: number = Number.POSITIVE_INFINITY
  #isUrgent = false

  /** When the timer is due. */
  get at(): number {
    return this.#at
  }

  /** Something waits to be acknowledged. */
  get isOwed(): boolean {
    return this.#isUrgent || this.#packets > 0
  }

  /** It must be acknowledged now. */
  get isDue(): boolean {
    return this.#isUrgent || this.#packets >= PACKETS
  }

  onPacket(): void {
    this.#packets++
  }

  hurry(): void {
    this.#isUrgent = true
  }

  /** It may wait, but not for ever. */
  wait(now: number): void {
    if (this.#packets > 0) this.#at = Math.min(this.#at, now + DELAY_US)
  }

  onSent(): void {
    this.#packets = 0
    this.#at = Number.POSITIVE_INFINITY
    this.#isUrgent = false
  }
}
