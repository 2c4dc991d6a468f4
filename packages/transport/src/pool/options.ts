// The limits of the pool: documented, defaulted and resolved here alone.

/** Bounds of a connection pool. */
export interface PoolLimits {
  /** Links at once, inbound and outbound together; at least 1. @default 128 */
  readonly maxLinks: number
  /** Streams that this node opened, whether links or not yet; 0 or infinite: any number, -1: none. @default Infinity */
  readonly maxClientSockets: number
  /** Peers linked by streams that they opened, ready or not yet; 0 or infinite: any number, -1: none. @default Infinity */
  readonly maxServerSockets: number
  /**
   * Hundredths of `maxLinks`, rounded down, that the node does not fill by dialling candidates, so that newcomers find room
   * in a full network; 0 to 90. @default 15
   */
  readonly reservePercent: number
  /** Candidates that are dialled at once; one that has not answered within `staggerMs` makes room for the next. @default 8 */
  readonly dialConcurrency: number
  /** Milliseconds until an address has to have answered and proved who it is. @default 8_000 */
  readonly dialTimeoutMs: number
  /** Milliseconds after which a candidate's next address is tried beside the first. @default 250 */
  readonly staggerMs: number
  /** Milliseconds for the handshake, and again for the hello. @default 3_000 */
  readonly handshakeTimeoutMs: number
  /** Milliseconds in which an old link has to answer to be kept when the peer connects again. @default 1_000 */
  readonly probeTimeoutMs: number
  /** Milliseconds at most between dials of a persistent candidate. @default 5_000 */
  readonly persistMs: number
  /** Milliseconds that a link stays which no topic needs any more. @default 30_000 */
  readonly graceMs: number
  /** Milliseconds that a ban lasts at least; up to half as much again by chance. @default 3_600_000 */
  readonly banMs: number
  /** Bans that are remembered; the one used least recently goes first. @default 4_096 */
  readonly maxBans: number
  /** Candidates that are remembered; the one heard of least recently goes first. @default 1_024 */
  readonly maxTargets: number
  /** Inbound streams that have not finished their handshake. @default 64 */
  readonly maxHalfOpen: number
  /** The same for one IPv4 address or IPv6 /64. @default 4 */
  readonly maxHalfOpenPerHost: number
  /** Inbound streams a second from one host, and how many at once after a pause. @default 2 */
  readonly inboundPerSecond: number
  /** @default 10 */
  readonly inboundBurst: number
  /** Milliseconds that the validation of a peer may take; then it is refused. @default 2_000 */
  readonly validateTimeoutMs: number
  /** Milliseconds without a message before a peer is pinged. @default 10_000 */
  readonly pingIntervalMs: number
}

export const DEFAULT_POOL_LIMITS: PoolLimits = Object.freeze({
  maxLinks: 128,
  maxClientSockets: Number.POSITIVE_INFINITY,
  maxServerSockets: Number.POSITIVE_INFINITY,
  reservePercent: 15,
  dialConcurrency: 8,
  dialTimeoutMs: 8_000,
  staggerMs: 250,
  handshakeTimeoutMs: 3_000,
  probeTimeoutMs: 1_000,
  persistMs: 5_000,
  graceMs: 30_000,
  banMs: 3_600_000,
  maxBans: 4_096,
  maxTargets: 1_024,
  maxHalfOpen: 64,
  maxHalfOpenPerHost: 4,
  inboundPerSecond: 2,
  inboundBurst: 10,
  validateTimeoutMs: 2_000,
  pingIntervalMs: 10_000,
}) satisfies PoolLimits

/** Limits that may be less than 1, and the least that they may be. */
const LEAST: Readonly<Partial<Record<string, number>>> = {
  graceMs: 0,
  reservePercent: 0,
  maxClientSockets: -1,
  maxServerSockets: -1,
}
const MAX_RESERVE_PERCENT = 90

/** How many sockets a limit of them means: 0 stands for no limit, -1 for none at all. */
export function socketLimit(value: number): number {
  if (value === 0) return Number.POSITIVE_INFINITY
  return Math.max(0, value)
}

/** Throws `TypeError` for a limit that is not an integer within its bounds. */
export function resolvePoolLimits(limits: Partial<PoolLimits> = {}): PoolLimits {
  const resolved = { ...DEFAULT_POOL_LIMITS, ...limits }
  for (const [name, value] of Object.entries(resolved)) {
    const least = LEAST[name] ?? 1
    const isInteger = Number.isSafeInteger(value) || (name.endsWith('Sockets') && value === Number.POSITIVE_INFINITY)
    if (!isInteger || value < least) throw new TypeError(`${name} is at least ${least}, not ${value}`)
  }
  if (resolved.reservePercent > MAX_RESERVE_PERCENT) throw new TypeError('reservePercent is at most 90')
  return resolved
}
