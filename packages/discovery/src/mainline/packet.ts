// Which datagrams may reach the DHT library: messages of BEP 5 whose every field that the library touches has its type and
// its size. The library's own handlers throw for many others, and nobody could catch that.

import { type Bencoded, decodeBencode } from './bencode.js'

const ID_BYTES = 20
/** An id, an IPv4 address and a port. */
const NODE_BYTES = 26
/** What the longest datagram holds; some nodes tell all that they have. */
const MAX_NODES = 2_520
const PEER_BYTES = 6
/** The same. */
const MAX_PEERS = 8_192
const MAX_TOKEN_BYTES = 64
const MAX_TRANSACTION_BYTES = 16

type Dictionary = ReadonlyMap<string, Bencoded>

/** A message that the library may see. */
export interface Packet {
  /** An answer need not be one to a query of ours. */
  readonly kind: 'query' | 'answer'
  /** In hexadecimal. */
  readonly transaction: string
}

/** What the datagram is, or null for what the library must not see. */
export function readPacket(bytes: Uint8Array): Packet | null {
  const message = decodeBencode(bytes)
  const transaction = isDictionary(message) && message.get('t')
  if (!transaction || !isBytes(transaction, { least: 1, most: MAX_TRANSACTION_BYTES })) return null
  const kind = kindOf(message)
  return kind && { kind, transaction: Buffer.from(transaction).toString('hex') }
}

function kindOf(message: Dictionary): Packet['kind'] | null {
  const kind = textOf(message.get('y'))
  if (kind === 'q') return isQuery(message) ? 'query' : null
  if (kind === 'r') return isReply(message.get('r')) ? 'answer' : null
  return kind === 'e' && isError(message.get('e')) ? 'answer' : null
}

function isQuery(message: Dictionary): boolean {
  const args = message.get('a')
  if (!isDictionary(args) || !isId(args.get('id'))) return false
  switch (textOf(message.get('q'))) {
    case 'ping':
      return true
    case 'find_node':
      return isId(args.get('target'))
    case 'get_peers':
      return isId(args.get('info_hash'))
    case 'announce_peer':
      return isAnnouncement(args)
    // BEP 44's `get` and `put` would have us store anybody's bytes.
    default:
      return false
  }
}

function isAnnouncement(args: Dictionary): boolean {
  const implied = args.get('implied_port') ?? 0
  const port = args.get('port')
  if (!isId(args.get('info_hash')) || !isToken(args.get('token')) || typeof implied !== 'number') return false
  return isPort(port) || (implied !== 0 && (port === undefined || port === 0))
}

function isReply(reply: Bencoded | undefined): boolean {
  if (!isDictionary(reply) || !isId(reply.get('id'))) return false
  const [token, nodes, values] = [reply.get('token'), reply.get('nodes'), reply.get('values')]
  if (token !== undefined && !isToken(token)) return false
  if (nodes !== undefined && !isNodes(nodes)) return false
  return values === undefined || isPeers(values)
}

function isError(error: Bencoded | undefined): boolean {
  if (!Array.isArray(error) || error.length > 4) return false
  return error.every((part) => typeof part === 'number' || part instanceof Uint8Array)
}

function isNodes(nodes: Bencoded): boolean {
  return isBytes(nodes, { least: 0, most: MAX_NODES * NODE_BYTES }) && nodes.byteLength % NODE_BYTES === 0
}

function isPeers(values: Bencoded): boolean {
  if (!Array.isArray(values) || values.length > MAX_PEERS) return false
  return values.every((value) => isBytes(value, { least: PEER_BYTES, most: PEER_BYTES }))
}

function isId(value: Bencoded | undefined): boolean {
  return isBytes(value, { least: ID_BYTES, most: ID_BYTES })
}

function isToken(value: Bencoded | undefined): boolean {
  return isBytes(value, { least: 1, most: MAX_TOKEN_BYTES })
}

function isPort(value: Bencoded | undefined): boolean {
  return typeof value === 'number' && value > 0 && value < 65_536
}

function isBytes(
  value: unknown,
  { least, most }: { readonly least: number; readonly most: number },
): value is Uint8Array {
  return value instanceof Uint8Array && value.byteLength >= least && value.byteLength <= most
}

function isDictionary(value: unknown): value is Dictionary {
  return value instanceof Map
}

function textOf(value: Bencoded | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : ''
}
