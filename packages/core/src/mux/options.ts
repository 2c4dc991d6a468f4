// The limits of a multiplexed link: documented, defaulted and resolved here alone.

/** What a link allows itself and its remote. */
export interface MuxLimits {
  /** Channels that one side may have open, or waiting for an answer, at once; 2 to 65,536. @default 1_024 */
  readonly maxChannels: number
  /** Bytes of the largest message, checked as it arrives; a frame is at most 64 less. @default 1_048_576 */
  readonly maxMessageBytes: number
  /** Bytes that each channel grants its remote. @default 262_144 */
  readonly windowBytes: number
  /** Milliseconds without a message before the remote is pinged; a dead one is found in under three. @default 10_000 */
  readonly pingIntervalMs: number
  /** Milliseconds that a link takes at most to send what is left when it is closed. @default 3_000 */
  readonly lingerMs: number
}

export const DEFAULT_MUX_LIMITS: MuxLimits = Object.freeze({
  maxChannels: 1_024,
  maxMessageBytes: 1024 * 1024,
  windowBytes: 256 * 1024,
  pingIntervalMs: 10_000,
  lingerMs: 3_000,
}) satisfies MuxLimits

/** What a frame's message carries beside the frame is at most this. */
export const FRAME_OVERHEAD_BYTES = 64

export function resolveMuxLimits(limits: Partial<MuxLimits> = {}): MuxLimits {
  const resolved = { ...DEFAULT_MUX_LIMITS, ...limits }
  for (const [name, value] of Object.entries(resolved)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`${name} is a positive integer, not ${value}`)
  }
  return resolved
}
