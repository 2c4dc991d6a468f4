// How often this node may knock where it was only told to: whoever names one victim's addresses to many nodes must not make
// them a weapon. It counts; whether an address is hearsay at all is not its affair.
//
//                 | one host:port       | one host
//   this machine  | once in 10 minutes  | any
//   its network   | once in 10 minutes  | 32 ports an hour
//   elsewhere     | once in 10 minutes  | once in 10 minutes, three times an hour

import type { Address } from '@hearsay/core'
import { networkOf } from '../admission.js'
import { dialDistance } from './order.js'

const TRY_AGAIN_MS = 600_000
const HOUR_MS = 3_600_000
const TRIES_ELSEWHERE = 3
/** Two nodes on one machine are common in a local network, and behind one address of the Internet too: those have `hyper`. */
const TRIES_NEARBY = 32
/** Beyond these nothing new is tried until the oldest are forgotten: who floods us gains no second try at anybody. */
const MAX_PLACES = 4_096
const MAX_HOSTS = 8_192

interface PlaceTry {
  readonly at: number
  readonly attempt: number
}

export class HearsayBudget {
  /** In the order of their times, as are the hosts. */
  readonly #places = new Map<string, PlaceTry>()
  readonly #hosts = new Map<string, number[]>()

  /** False if it was tried too recently; otherwise it counts as tried now. Within one attempt a place may be tried by several schemes. */
  take(address: Address, attempt: number, now: number): boolean {
    this.#forget(now)
    const place = `${address.host}:${address.port}`
    const last = this.#places.get(place)
    if (last) return last.attempt === attempt
    if (this.#places.size >= MAX_PLACES || !this.#takeHost(address, now)) return false
    this.#places.set(place, { at: now, attempt })
    return true
  }

  #takeHost(address: Address, now: number): boolean {
    const distance = dialDistance(address)
    if (distance === 0) return true
    const host = networkOf(address.host)
    const tries = (this.#hosts.get(host) ?? []).filter((at) => at > now - HOUR_MS)
    const last = tries.at(-1) ?? Number.NEGATIVE_INFINITY
    const isOver =
      distance === 1 ? tries.length >= TRIES_NEARBY : tries.length >= TRIES_ELSEWHERE || now - last < TRY_AGAIN_MS
    if (isOver || (!this.#hosts.has(host) && this.#hosts.size >= MAX_HOSTS)) return false
    this.#hosts.delete(host)
    this.#hosts.set(host, [...tries, now])
    return true
  }

  #forget(now: number): void {
    for (const [place, { at }] of this.#places) {
      if (now - at < TRY_AGAIN_MS) break
      this.#places.delete(place)
    }
    for (const [host, tries] of this.#hosts) {
      if (now - (tries.at(-1) ?? 0) < HOUR_MS) break
      this.#hosts.delete(host)
    }
  }
}
