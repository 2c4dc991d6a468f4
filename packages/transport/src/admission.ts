// How many strangers may knock at once and how often: the limits of inbound streams before anybody has proved who they are.
// When all places are taken, one that has been sitting there idly, or whose network has many, makes room for a newcomer, so
// that a crowd that never says a word keeps nobody out. It counts; it neither reads time nor knows streams.

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
  /** What one attacker can be expected to hold many hosts of. */
  readonly group: string
  readonly at: number
  /** Who is there has been proved: it no longer makes room. */
  proven: boolean
}

interface Host {
  halfOpen: number
  tokens: number
  /** When the tokens were counted, in milliseconds. */
  at: number
}

/** Hosts whose rate is remembered; the one that came least recently goes first, unless it is half open. */
const MAX_HOSTS = 4_096
/** A handshake takes a few round trips; one that takes longer than this may have to make room. */
const PATIENCE_MS = 250

export class Admission {
  readonly #limits: AdmissionLimits
  readonly #onEvicted: (ticket: Ticket) => void
  readonly #hosts = new Map<string, Host>()
  /** In the order they came; as many as may be half open. */
  readonly #tickets = new Set<Ticket>()
  readonly #groups = new Map<string, number>()

  /** @param onEvicted its stream is to be dropped; it has left already */
  constructor(limits: AdmissionLimits, onEvicted: (ticket: Ticket) => void = () => {}) {
    this.#limits = limits
    this.#onEvicted = onEvicted
  }

  /** Streams that have not finished their handshake. */
  get halfOpen(): number {
    return this.#tickets.size
  }

  /** A ticket, or null if the stream is to be dropped. A host of null is exempt from all limits but the total. */
  arrive(host: string | null, now: number): Ticket | null {
    const ticket = { host: host === null ? null : networkOf(host), group: groupOf(host), at: now, proven: false }
    if (this.#tickets.size >= this.#limits.maxHalfOpen && !this.#victimFor(ticket)) return null
    if (ticket.host !== null && !this.#takeToken(this.#hostOf(ticket.host, now), now)) return null
    if (this.#tickets.size >= this.#limits.maxHalfOpen) this.#makeRoom(ticket)
    this.#tickets.add(ticket)
    this.#groups.set(ticket.group, (this.#groups.get(ticket.group) ?? 0) + 1)
    return ticket
  }

  /** The stream has finished its handshake, or is gone. Twice is once. */
  leave(ticket: Ticket): void {
    if (!this.#tickets.delete(ticket)) return
    const { host, group } = ticket
    const left = (this.#groups.get(group) ?? 1) - 1
    if (left > 0) this.#groups.set(group, left)
    else this.#groups.delete(group)
    const entry = host === null ? undefined : this.#hosts.get(host)
    if (entry) entry.halfOpen--
  }

  #makeRoom(newcomer: Ticket): void {
    const victim = this.#victimFor(newcomer)
    if (!victim) return
    this.leave(victim)
    this.#onEvicted(victim)
  }

  /** The oldest of the largest group, if it has had its time or its group has more than the newcomer's will have. */
  #victimFor({ group, at }: Ticket): Ticket | null {
    let victim: Ticket | null = null
    for (const ticket of this.#tickets) {
      if (!ticket.proven && (!victim || this.#sizeOf(ticket.group) > this.#sizeOf(victim.group))) victim = ticket
    }
    if (!victim) return null
    const isLate = at - victim.at >= PATIENCE_MS
    return isLate || this.#sizeOf(victim.group) > this.#sizeOf(group) + 1 ? victim : null
  }

  #sizeOf(group: string): number {
    return this.#groups.get(group) ?? 0
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

/** The network that one attacker may hold as a whole: an IPv4 /16, the first 48 bits of IPv6; exempt hosts are one too. */
function groupOf(host: string | null): string {
  if (host === null) return ''
  return networkOf(host)
    .split(host.includes(':') ? ':' : '.')
    .slice(0, host.includes(':') ? 3 : 2)
    .join('.')
}
