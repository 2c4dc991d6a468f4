// The limits of uTP: documented, defaulted and resolved here alone.

/** Bounds of one UDP port that speaks uTP. */
export interface UtpLimits {
  /** Connections at once on one port, dialled and accepted; a further SYN is answered with RESET. @default 4_096 */
  readonly maxConnections: number
  /**
   * Callers that are remembered before they have proved their address; the oldest makes room, and proves itself by the
   * number that its answer carried, as with SYN cookies. @default 64
   */
  readonly maxHalfOpen: number
  /** Closed connections that still acknowledge what is sent again; the oldest makes room. @default 1_024 */
  readonly maxLingering: number
  /** Bytes that wait to be read, each packet counted with 200 more, before the remote has to wait: what may be in flight, and half as much again. @default 2_097_152 */
  readonly receiveBufferBytes: number
  /** Milliseconds until a remote has to have answered; SYN is sent at 0, 0.5, 1.5, 3.5, 5.5 and 7.5 s. @default 8_000 */
  readonly connectTimeoutMs: number
  /** Milliseconds without a packet until a remote is asked for a sign of life, and again every quarter of it. @default 20_000 */
  readonly keepAliveMs: number
  /** Milliseconds without a packet until a connection has failed. @default 60_000 */
  readonly idleTimeoutMs: number
  /** The same while something that was sent is not acknowledged. @default 30_000 */
  readonly silenceTimeoutMs: number
  /** Milliseconds that a destroyed connection goes on sending what was written. @default 5_000 */
  readonly abandonMs: number
  /** Milliseconds that a closed connection acknowledges what is sent again. @default 30_000 */
  readonly lingerMs: number
}

export const DEFAULT_UTP_LIMITS: UtpLimits = Object.freeze({
  maxConnections: 4_096,
  maxHalfOpen: 64,
  maxLingering: 1_024,
  receiveBufferBytes: 2_097_152,
  connectTimeoutMs: 8_000,
  keepAliveMs: 20_000,
  idleTimeoutMs: 60_000,
  silenceTimeoutMs: 30_000,
  abandonMs: 5_000,
  lingerMs: 30_000,
} satisfies UtpLimits)

/** Zero is a limit, too, where it counts something. */
const LEAST: Readonly<Record<keyof UtpLimits, number>> = {
  maxConnections: 1,
  maxHalfOpen: 0,
  maxLingering: 0,
  receiveBufferBytes: 16_384,
  connectTimeoutMs: 1,
  keepAliveMs: 1,
  idleTimeoutMs: 1,
  silenceTimeoutMs: 1,
  abandonMs: 0,
  lingerMs: 0,
}

/** The defaults, where nothing else was said; throws `TypeError` for what is no limit. */
export function resolveUtpLimits(given: Partial<UtpLimits> = {}): UtpLimits {
  const limits: Record<string, number> = { ...DEFAULT_UTP_LIMITS }
  for (const [name, least] of Object.entries(LEAST)) {
    const value = given[name as keyof UtpLimits]
    if (value === undefined) continue
    if (!Number.isInteger(value) || value < least || value >= 2 ** 31) throw new TypeError(`${name}: no such limit`)
    limits[name] = value
  }
  return limits as unknown as UtpLimits
}
