// How many strangers may knock at once and how often: the limits of inbound streams before anybody has proved who they are.
// It counts; it neither reads time nor knows streams.

export interface AdmissionLimits {
  /** Streams that have not finished their handshake. */
  readonly maxHalfOpen: number
  /** The same for one IPv4 address or IPv6 /64. */
  readonly maxHalfOpenPerHost: number
  readonly inboundPerSecond: number
  readonly inboundBurst: number
}

/** What an admitted stream holds until it is done. */
export interface Ticket {
  readonly host: string | null
}

interface Host {
  halfOpen: number
  tokens: number
  /** When the tokens were counted, in milliseconds. */
  at: number
}

/** Hosts whose rate is remembered; the one that came least recently goes first, unless it is half open. */
const MAX_HOSTS = 4_096

export class Admission {
  readonly #limits: AdmissionLimits
  readonly #hosts = new Map<string, Host>()
  #halfOpen = 0

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  /** Streams that have not finished their handshake. */
  get halfOpen(): number {
    return this.#halfOpen
  }

  /** A ticket, or null if the stream is to be dropped. A host of null is exempt from all limits but the total. */
  arrive(host: string | null, now: number): Ticket | null {
    if (this.#halfOpen >= this.#limits.maxHalfOpen) return null
    const key = host === null ? null : networkOf(host)
    if (key !== null && !this.#takeToken(this.#hostOf(key, now), now)) return null
    this.#halfOpen++
    return { host: key }
  }

  /** The stream has finished its handshake, or is gone. Once for each ticket. */
  leave({ host }: Ticket): void {
    this.#halfOpen--
    const entry = host === null ? undefined : this.#hosts.get(host)
    if (entry) entry.halfOpen--
  }

  #takeToken(host: Host, now: number): boolean {
    const { inboundPerSecond, inboundBurst, maxHalfOpenPerHost } = this.#limits
    const refill = (Math.max(0, now - host.at) / 1_000) * inboundPerSecond
    host.tokens = Math.min(inboundBurst, host.tokens + refill)
    host.at = now
    if (host.tokens < 1 || host.halfOpen >= maxHalfOpenPerHost) return false
    host.tokens--
    host.halfOpen++
    return true
  }

  #hostOf(key: string, now: number): Host {
    const host = this.#hosts.get(key) ?? { halfOpen: 0, tokens: this.#limits.inboundBurst, at: now }
    this.#hosts.delete(key)
    this.#hosts.set(key, host)
    if (this.#hosts.size > MAX_HOSTS) this.#evict()
    return host
  }

  #evict(): void {
    for (const [key, { halfOpen }] of this.#hosts) {
      if (halfOpen > 0) continue
      this.#hosts.delete(key)
      return
    }
  }
}

/** What one owner can be expected to hold: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf(host: string): string {
  if (!host.includes(':')) return host
  const [address = ''] = host.split('%')
  const [head = '', tail] = address.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length)
  const groups = [...front, ...Array.from({ length: zeros }, () => '0'), ...back]
  return `${groups.slice(0, 4).join(':')}::/64`
}
