// How much may be in flight: LEDBAT (RFC 6817) with libutp's constants, and what LEDBAT++ (draft-irtf-iccrg-ledbat-plus-plus)
// repairs in it. It aims at a queueing delay of 100 ms, so that whoever needs the link more finds room. Two flows share
// fairly because each gives way in proportion to what it has, and because each lets the queue run dry now and then: a
// newcomer that took a full queue for an empty one learns the truth. It is told of time; it knows no packets.

import { DelayHistory } from './delay.js'

/** RFC 6817's TARGET, as libutp has it. */
export const TARGET_US = 100_000
/** libutp's MAX_CWND_INCREASE_BYTES_PER_RTT. */
const GAIN_BYTES = 3_000
/** RFC 6817's MIN_CWND. */
const MIN_PACKETS = 2
/** RFC 6928: a beginning that is neither slow nor rude. */
const INITIAL_PACKETS = 10
/** After a loss; RFC 9438 §4.6. Delay has made us give way before, wherever there is a queue. */
const LOSS_FACTOR = 0.7
/** LEDBAT++ §4.2: slow start ends before the queue is as long as we aim at. */
const SLOW_START_DELAY_US = (TARGET_US * 3) / 4
/** LEDBAT++ §4.4: a pause takes two round trips, and nine times as long goes by until the next. */
const PAUSE_ROUND_TRIPS = 2
const PAUSE_RATIO = 9
/** Rarer than in LEDBAT++, whose pauses cost a tenth of a fast link. */
const MIN_PAUSE_INTERVAL_US = 10_000_000
/** libutp: who has not used the window for so long does not get a larger one. */
const UNUSED_US = 1_000_000
/** What the clocks of two machines may drift apart between two samples. */
const MAX_DRIFT_US = 10_000

export interface AckSample {
  readonly bytes: number
  /** What the remote reports of our timestamp, modulo 2^32; 0: nothing. */
  readonly difference: number
  /** Of a packet that this acknowledges; 0: unknown. */
  readonly roundTripUs: number
}

export class Ledbat {
  /** Bytes that may be in flight. */
  window: number
  readonly #ours = new DelayHistory()
  readonly #theirs = new DelayHistory()
  readonly #most: number
  #packet: number
  #threshold: number = Number.POSITIVE_INFINITY
  #isSlowStart = true
  #delay = 0
  #fullAt = 0
  #pausedUntil = 0
  /** When the present pause began; 0: none. */
  #pausedAt = 0
  #pauseAt: number = Number.POSITIVE_INFINITY

  constructor(packetBytes: number, maxBytes: number) {
    this.#packet = packetBytes
    this.#most = maxBytes
    this.window = INITIAL_PACKETS * packetBytes
  }

  /** Microseconds that our packets wait in queues, as far as is known. */
  get queueingUs(): number {
    return this.#delay
  }

  /** The window doubles in each round trip. */
  get isSlowStart(): boolean {
    return this.#isSlowStart
  }

  set packetBytes(bytes: number) {
    this.#packet = bytes
  }

  /** There was more to send than the window allows. */
  onFull(now: number): void {
    this.#fullAt = now
  }

  /** How long the remote's packets took, for the drift of its clock: if theirs get quicker for good, ours seem slower. */
  onTheirs(difference: number, now: number): void {
    const before = this.#theirs.base
    this.#theirs.onSample(difference, now)
    const drift = before === null ? 0 : (before - (this.#theirs.base ?? before)) | 0
    if (drift > 0 && drift <= MAX_DRIFT_US) this.#ours.shift(drift)
  }

  onAck({ bytes, difference, roundTripUs }: AckSample, now: number, smoothedUs: number): void {
    if (difference !== 0) this.#ours.onSample(difference, now)
    // No packet waits longer than it takes there and back: so a remote that lies cannot say anything it likes.
    this.#delay = roundTripUs > 0 ? Math.min(this.#ours.queueing, roundTripUs) : this.#ours.queueing
    if (bytes === 0 || now < this.#pausedUntil) return
    if (this.#mayPause(now)) return this.#pause(now, smoothedUs)
    if (this.#isSlowStart) this.#grow(bytes, now, smoothedUs)
    else this.#steer(bytes, now)
    this.#clamp()
  }

  /** Something was lost; told once for each round trip. */
  onLoss(now: number, smoothedUs: number): void {
    this.window *= LOSS_FACTOR
    this.#clamp()
    if (this.#isSlowStart) this.#planPause(now, smoothedUs)
    this.#isSlowStart = false
  }

  /** Nothing came back in time. */
  onTimeout(): void {
    this.#threshold = Math.max(this.window / 2, MIN_PACKETS * this.#packet)
    this.window = MIN_PACKETS * this.#packet
    this.#isSlowStart = true
  }

  #grow(bytes: number, now: number, smoothedUs: number): void {
    if (now - this.#fullAt < UNUSED_US) this.window = Math.min(this.window + bytes, this.#threshold)
    if (this.window < this.#threshold && this.#delay <= SLOW_START_DELAY_US) return
    this.#isSlowStart = false
    this.#planPause(now, smoothedUs)
  }

  /**
   * LEDBAT++ §4.2: the same gain for everybody, and above the target a loss in proportion to the window: where both are
   * equal, so are the windows of all who see the same queue. RFC 6817's gain, in proportion to the distance from the target,
   * leaves any shares as they are.
   */
  #steer(bytes: number, now: number): void {
    const excess = Math.max(0, this.#delay / TARGET_US - 1)
    this.window -= Math.min(bytes * excess, bytes / 2)
    if (now - this.#fullAt >= UNUSED_US) return
    this.window += (GAIN_BYTES * Math.min(bytes, this.window)) / Math.max(bytes, this.window)
  }

  #planPause(now: number, smoothedUs: number): void {
    const took = this.#pausedAt === 0 ? 0 : now - this.#pausedAt
    const wait = took === 0 ? PAUSE_ROUND_TRIPS * smoothedUs : Math.max(PAUSE_RATIO * took, MIN_PAUSE_INTERVAL_US)
    this.#pausedAt = 0
    this.#pauseAt = now + wait
  }

  /** Where there is no queue of ours, nothing is learnt from emptying it. */
  #mayPause(now: number): boolean {
    return now >= this.#pauseAt && !this.#isSlowStart && this.#delay > TARGET_US / 2
  }

  #pause(now: number, smoothedUs: number): void {
    this.#threshold = this.window
    this.window = MIN_PACKETS * this.#packet
    this.#isSlowStart = true
    this.#pausedAt = now
    this.#pausedUntil = now + PAUSE_ROUND_TRIPS * smoothedUs
    this.#pauseAt = Number.POSITIVE_INFINITY
  }

  #clamp(): void {
    this.window = Math.min(Math.max(this.window, MIN_PACKETS * this.#packet), this.#most)
  }
}
