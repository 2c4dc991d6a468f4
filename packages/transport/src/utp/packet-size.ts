// How long a packet may be on the way to the remote: at least what every network carries, at most what most do, found by
// packets that are longer than they need be. Only a padded packet can be too long: sent again, it is without its padding,
// so that nothing is ever stuck. `node:dgram` cannot forbid that a router breaks a packet up; where one does, longer packets
// still cost less than more of them.

import { HEADER_BYTES, MIN_PADDING_BYTES } from './packet.js'

/** RFC 8200 §5: what every link of IPv6 carries; IP header included. */
export const MIN_PACKET_BYTES = 1_280
/** Fits into Ethernet, PPPoE and the usual tunnels (WireGuard's 1,420). */
export const MAX_PACKET_BYTES = 1_400
/**
 * Within a machine: nearly all that a packet costs is the system's call. Linux carries 65,536 bytes, macOS sends 9,216; and who
 * receives into less than 8,192 bytes, which cuts a packet off, finds that a probe's padding is not whole and drops it.
 */
export const MAX_LOCAL_PACKET_BYTES = 8_192
/** A probe that was lost so often was too long. */
const TRIES = 2
/** The search ends when there is less than this to win. */
const STEP_BYTES = 2 * MIN_PADDING_BYTES
/** So many round trips without any answer in a row, and the way may have changed. */
const TIMEOUTS_TO_DOUBT = 2

/** What is known of the way to a remote before anything was sent. */
export interface Path {
  /** Bytes of the IP and UDP headers. */
  readonly overhead: number
  /** It does not leave this machine. */
  readonly isLocal: boolean
}

/** The way to an IP address. */
export function pathTo(host: string): Path {
  return { overhead: host.includes(':') ? 48 : 28, isLocal: host === '::1' || host.startsWith('127.') }
}

export class PacketSize {
  readonly #least: number
  readonly #ordinary: number
  /** What is tried first. */
  #most: number
  #low: number
  #high: number
  #losses = 0
  #timeouts = 0
  #probing = 0

  constructor({ overhead, isLocal }: Path) {
    this.#least = MIN_PACKET_BYTES - overhead
    this.#ordinary = MAX_PACKET_BYTES - overhead
    this.#most = isLocal ? MAX_LOCAL_PACKET_BYTES - overhead : this.#ordinary
    this.#low = this.#least
    this.#high = this.#most
  }

  /** Bytes of a whole uTP packet that are known to arrive. */
  get bytes(): number {
    return this.#low
  }

  /** The same without the header. */
  get payload(): number {
    return this.#low - HEADER_BYTES
  }

  /** How long the next full packet should be made to try it; 0: there is nothing to try. */
  get probe(): number {
    if (this.#probing > 0 || this.#high - this.#low < STEP_BYTES) return 0
    // Most networks carry the most: tried first.
    return this.#high === this.#most ? this.#most : this.#low + ((this.#high - this.#low) >> 1)
  }

  onProbe(bytes: number): void {
    this.#probing = bytes
  }

  /** A packet of so many bytes arrived. */
  onAcknowledged(bytes: number): void {
    this.#timeouts = 0
    if (bytes === this.#probing) this.#settle()
    if (bytes > this.#low && bytes <= this.#most) this.#low = bytes
  }

  /** The probe did not arrive. */
  onLost(): void {
    const bytes = this.#probing
    this.#probing = 0
    if (bytes === 0 || ++this.#losses < TRIES) return
    this.#losses = 0
    if (bytes > this.#ordinary) this.#most = this.#high = this.#ordinary
    else this.#high = Math.max(this.#low, bytes - 1)
  }

  onTimeout(): void {
    if (++this.#timeouts < TIMEOUTS_TO_DOUBT || this.#low === this.#least) return
    this.#timeouts = 0
    this.#low = this.#least
    this.#high = this.#most
    this.#settle()
  }

  #settle(): void {
    this.#probing = 0
    this.#losses = 0
  }
}
