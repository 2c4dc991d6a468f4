// Every message of the remote passes here before protomux sees it. protomux trusts its remote: some malformed messages end
// the process, others cost unbounded memory or stack. So this parser lets through only what an honest side writes, and
// unpacks batches, so that what follows it sees one plain message at a time. It keeps no state.

import { copyBytes } from '../bytes.js'
import { MAX_CHANNEL_ID_BYTES, MAX_HANDSHAKE_BYTES, MAX_PROTOCOL_LETTERS } from '../channel-name.js'
import type { ChannelName } from '../contracts/link.js'
import { CoreError } from '../errors.js'
import type { Reader } from '../reader.js'
import type { MuxLimits } from './options.js'
import { concat, encodeUint, malformed, readMessage, readName, readSized } from './wire.js'

/** One message of the remote, well formed; `bytes` is what protomux reads. */
export type Incoming = { readonly bytes: Uint8Array } & (
  | { readonly type: 'open'; readonly id: number; readonly name: ChannelName }
  /** Refuses the channel that has this id here. */
  | { readonly type: 'reject'; readonly id: number }
  | { readonly type: 'close'; readonly id: number }
  | { readonly type: 'frame'; readonly id: number }
  | { readonly type: 'credit'; readonly id: number }
)

/** The session over which channels are opened and closed. */
const SESSIONS = 0
const BATCH = 0
const OPEN = 1
const REJECT = 2
const CLOSE = 3
const FRAME = 0
const CREDIT = 1
/** More parts than this in one batch is work made for its own sake. */
const MAX_BATCH_PARTS = 4_096
const MAX_OPEN_HANDSHAKE_BYTES = MAX_HANDSHAKE_BYTES + 9

/** What `message` says, in order; throws `ERR_PROTOCOL` or `ERR_FRAME_SIZE`. An empty message says nothing. */
export function parseMessage(message: Uint8Array, limits: MuxLimits): readonly Incoming[] {
  if (message.byteLength > limits.maxMessageBytes) {
    throw new CoreError('ERR_FRAME_SIZE', `a message of ${message.byteLength} bytes`)
  }
  if (message.byteLength === 0) return []
  const reader = readMessage(message)
  const session = reader.uint()
  if (session !== SESSIONS) return [parseChannel(session, reader, { message, limits })]
  const type = reader.uint()
  return type === BATCH ? parseBatch(reader, limits) : [parseSession(type, reader, { message, limits })]
}

interface Whole {
  readonly message: Uint8Array
  readonly limits: MuxLimits
}

/** The messages of a batch, each made whole again. */
function parseBatch(reader: Reader, limits: MuxLimits): readonly Incoming[] {
  const parts: Incoming[] = []
  let session = reader.uint()
  for (let steps = 0; reader.left > 0; steps++) {
    if (steps >= MAX_BATCH_PARTS) throw malformed(`a batch of more than ${MAX_BATCH_PARTS} parts`)
    const length = reader.uint()
    if (length === 0) session = reader.uint()
    else parts.push(parsePart(session, reader.bytes(length), limits))
  }
  return parts
}

function parsePart(session: number, part: Uint8Array, limits: MuxLimits): Incoming {
  const message = concat(encodeUint(session), part)
  const reader = readMessage(part)
  if (session !== SESSIONS) return parseChannel(session, reader, { message, limits })
  const type = reader.uint()
  if (type === BATCH) throw malformed('a batch within a batch')
  return parseSession(type, reader, { message, limits })
}

function parseSession(type: number, reader: Reader, whole: Whole): Incoming {
  const { message: bytes, limits } = whole
  if (type === OPEN) return parseOpen(reader, whole)
  if (type !== REJECT && type !== CLOSE) throw malformed(`an unknown message ${type}`)
  const id = channelNumber(reader.uint(), limits)
  reader.end()
  return { type: type === REJECT ? 'reject' : 'close', id, bytes }
}

function parseOpen(reader: Reader, { message, limits }: Whole): Incoming {
  const id = channelNumber(reader.uint(), limits)
  const protocol = readName(reader, MAX_PROTOCOL_LETTERS)
  const channelId = readSized(reader, MAX_CHANNEL_ID_BYTES)
  if (reader.left > MAX_OPEN_HANDSHAKE_BYTES) throw malformed(`a handshake of ${reader.left} bytes`)
  reader.uint()
  if (reader.left > MAX_HANDSHAKE_BYTES) throw malformed(`a handshake of ${reader.left} bytes`)
  const name = channelId.byteLength > 0 ? { protocol, id: copyBytes(channelId) } : { protocol }
  return { type: 'open', id, name, bytes: message }
}

function parseChannel(session: number, reader: Reader, { message, limits }: Whole): Incoming {
  const id = channelNumber(session, limits)
  const type = reader.uint()
  if (type === FRAME) return { type: 'frame', id, bytes: message }
  if (type !== CREDIT) throw malformed(`an unknown message ${type} on a channel`)
  if (reader.uint() === 0) throw malformed('a credit of nothing')
  reader.end()
  return { type: 'credit', id, bytes: message }
}

function channelNumber(id: number, limits: MuxLimits): number {
  if (id >= 1 && id <= limits.maxChannels) return id
  throw malformed(`a channel numbered ${id}; 1 to ${limits.maxChannels} may be`)
}
