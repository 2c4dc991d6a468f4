// What a frame is, read from the bytes that the real codec wrote: its kind, and for a record its author's number of it. The
// models of other protocols bring a reader of their own.

/** Reads frames for whoever counts them. */
export interface FrameReader {
  /** Names of kinds, by their number. */
  readonly kinds: readonly string[]
  /** The number of the frame's kind. */
  kindOf(frame: Uint8Array): number
  /** The number of its first message if it is a record; null if it is not. */
  seqOf(frame: Uint8Array): number | null
}

/** What frames carry, by their first byte (docs/wire.md). */
const KINDS = [
  ...['hello', 'record', 'ack', 'fork', 'name', 'have', 'offer', 'pull', 'none', 'prune', 'graft'],
  ...['head', 'part', 'wanted', 'run', 'begin'],
]
const RECORD = 1
/** Where a record frame has the epoch: behind its type, hops, version and kind; the seq follows. */
const EPOCH_AT = 4

/** Frames of `hearsay/room/1`. */
export const ROOM_FRAMES: FrameReader = Object.freeze({
  kinds: KINDS,
  kindOf: (frame: Uint8Array) => Math.min(frame[0] ?? 0, KINDS.length - 1),
  seqOf: (frame: Uint8Array) => (frame[0] === RECORD ? uintAt(frame, EPOCH_AT + widthAt(frame, EPOCH_AT)) : null),
})

/** How many bytes a number of compact-encoding takes that begins here. */
function widthAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0xfd) return 1
  return first === 0xfd ? 3 : first === 0xfe ? 5 : 9
}

function uintAt(bytes: Uint8Array, at: number): number {
  const width = widthAt(bytes, at)
  if (width === 1) return bytes[at] ?? 0
  let value = 0
  for (let index = at + width - 1; index > at; index--) value = value * 256 + (bytes[index] ?? 0)
  return value
}
