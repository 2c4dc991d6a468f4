// What of the bytes that arrive at the mDNS port is worth decoding. The port is everybody's: most of what comes is about
// printers, and anybody may send anything. The decoding library reserves room for as many records as a packet says it has,
// so a packet's word is checked against its size before it is believed.

/** Our own packets have 1,232 bytes at most; an Ethernet frame carries no more than this of anybody's. */
const MAX_PACKET_BYTES = 1_500
const HEADER_BYTES = 12
/** An empty name, type and class. */
const MIN_QUESTION_BYTES = 5
/** An empty name, type, class, TTL and the length of no data. */
const MIN_RECORD_BYTES = 11
/** The first label of the service, as it stands in a packet at least once, however the names in it are compressed. */
const SERVICE_LABEL = '\x08_hearsay'

/** True for a DNS message that has room for what it says it carries, and in which our service is named. Never throws. */
export function isWorthDecoding(bytes: Uint8Array): boolean {
  if (bytes.byteLength < HEADER_BYTES || bytes.byteLength > MAX_PACKET_BYTES) return false
  const packet = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isPlain(packet) && hasRoom(packet) && namesService(packet)
}

function namesService(packet: Buffer): boolean {
  return packet.toString('latin1', HEADER_BYTES).toLowerCase().includes(SERVICE_LABEL)
}

/** RFC 6762 §18.3 and §18.11: messages with another opcode or a response code are ignored. */
function isPlain(packet: Buffer): boolean {
  return (packet.readUInt16BE(2) & 0x780f) === 0
}

function hasRoom(packet: Buffer): boolean {
  const [questions = 0, ...records] = [4, 6, 8, 10].map((at) => packet.readUInt16BE(at))
  const counted = records.reduce((sum, count) => sum + count, 0)
  return HEADER_BYTES + questions * MIN_QUESTION_BYTES + counted * MIN_RECORD_BYTES <= packet.byteLength
}
