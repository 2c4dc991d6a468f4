// The signed unit on the wire: one or more consecutive messages of one author. This file knows its bytes, its hash tree
// and its signature; what may be done with a record is decided elsewhere. Byte by byte in docs/wire.md.

import { raw, uint } from 'compact-encoding'
import { copyBytes, sameBytes } from './bytes.js'
import { type Cause, encodeCauses, MAX_CAUSES, readCauses } from './causes.js'
import type { Crypto } from './contracts/crypto.js'
import { HASH_BYTES, SEAL_NONCE_BYTES, SIGNATURE_BYTES } from './crypto.js'
import { CoreError } from './errors.js'
import type { Identity } from './identity.js'
import { merkleRoot } from './merkle.js'
import { fromPeerId, type PeerId, PUBLIC_KEY_BYTES, toPeerId } from './peer-id.js'
import { Reader } from './reader.js'
import { isStrictSignature } from './strict-signature.js'
import type { Topic } from './topic.js'

/** The kind of a record that carries messages. */
export const KIND_MESSAGES = 0
/** The kind of one whose block names what its author had heard before it carries messages. */
export const KIND_CAUSED = 1
/** What a publisher puts into one record at most; a larger message is a record of its own. */
export const MAX_BATCH_BYTES: number = 16 * 1024
export const MAX_BATCH_MESSAGES = 1_024
/** Bytes of the previous record's id that a header repeats. */
export const PREV_BYTES = 16

const VERSION = 1
const DOMAIN = new TextEncoder().encode('hearsay/record/1')
const HEADER_BYTES = 1 + 1 + 32 + 32 + 8 + 8 + 4 + 8 + PREV_BYTES + 4 + 32
/** A header as its author signs it. */
export const SIGNED_HEADER_BYTES: number = DOMAIN.byteLength + HEADER_BYTES
/** Where the header's `prev` begins in what is signed: the block's length and root follow it. */
const PREV_AT = SIGNED_HEADER_BYTES - HASH_BYTES - 4 - PREV_BYTES
/** What a head that was read is kept in: what was signed ‖ signature ‖ id. */
const HEAD_MEMORY = SIGNED_HEADER_BYTES + SIGNATURE_BYTES + HASH_BYTES
/** The last millisecond that a Date can hold (ECMA-262, 21.4.1.1). */
const MAX_TIME_MS = 8.64e15
/** What the header's field takes. */
const MAX_BLOCK_BYTES = 0xffffffff

/** What an author signs, beside the topic. */
export interface RecordHeader {
  readonly kind: number
  readonly author: PeerId
  /** Below 2^53. */
  readonly epoch: number
  /** The sequence number of the first message; the last one's is below 2^53. */
  readonly firstSeq: number
  /** How many messages: 1 to 1,024. */
  readonly count: number
  /** Milliseconds since 1970, by the author's clock. */
  readonly time: number
  /** The first 16 bytes of the id of the author's previous record in this epoch; zeros at seq 0. */
  readonly prev: Uint8Array
}

/** A record without its block: what says whose it is, and which block is meant. */
export interface RecordHead {
  readonly header: RecordHeader
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** Domain ‖ header: what the signature covers. */
  readonly signed: Uint8Array
  /** BLAKE2b-256 of `signed`. */
  readonly id: Uint8Array
}

/** A record with everything that verifying and forwarding it takes. */
export interface SignedRecord extends RecordHead {
  /** The messages, each behind its length; sealed in a private topic. */
  readonly block: Uint8Array
}

/** Which block a header is signed for. */
export interface BlockName {
  readonly bytes: number
  /** 32 bytes: the root of its hash tree. */
  readonly root: Uint8Array
}

/** What `createRecord` signs. */
export interface RecordDraft {
  readonly epoch: number
  readonly firstSeq: number
  readonly time: number
  readonly prev: Uint8Array
  /** 1 to 1,024 payloads. */
  readonly messages: readonly Uint8Array[]
  /** What must be heard before it, at most 64 places, for those who want that. @default none are told */
  readonly causes?: readonly Cause[]
}

/** What is in a record's block. */
export interface RecordContents {
  readonly causes: readonly Cause[]
  readonly messages: readonly Uint8Array[]
}

/** Signs consecutive messages of one author as one record. */
export function createRecord(draft: RecordDraft, topic: Topic, author: Identity, crypto: Crypto): SignedRecord {
  const { messages, causes, epoch, firstSeq, time, prev } = draft
  const kind = causes ? KIND_CAUSED : KIND_MESSAGES
  const header: RecordHeader = { kind, author: author.id, epoch, firstSeq, count: messages.length, time, prev }
  checkHeader(header)
  if (causes && causes.length > MAX_CAUSES) throw malformed(`${causes.length} causes`)
  const plain = joinMessages(messages, causes ? encodeCauses(causes) : new Uint8Array())
  const block = topic.payloadKey ? crypto.seal(plain, sealNonce(header, crypto), topic.payloadKey) : plain
  const signed = encodeSigned(header, nameOf(block, crypto), topic)
  return { header, block, signed, signature: author.sign(signed), id: crypto.hash([signed]) }
}

/** A record as it stands in a frame: header fields without topic and root (both follow), signature, block to the end. */
export function encodeRecord(record: SignedRecord): Uint8Array {
  return encodeFields(record, [], record.block)
}

/** The head of a record as it stands in a frame: as the whole record, with the bytes of the block and its root in place of it. */
export function encodeRecordHead(head: RecordHead): Uint8Array {
  const { bytes, root } = blockOf(head)
  return encodeFields(head, [bytes], root)
}

function encodeFields({ header, signature }: RecordHead, more: readonly number[], last: Uint8Array): Uint8Array {
  const { kind, author, epoch, firstSeq, count, time, prev } = header
  const state = { start: 0, end: 0, buffer: null as Uint8Array | null }
  const numbers = [VERSION, kind, epoch, firstSeq, count, time]
  for (const number of [...numbers, ...more]) uint.preencode(state, number)
  state.end += PUBLIC_KEY_BYTES + PREV_BYTES + SIGNATURE_BYTES + last.byteLength
  const filled = { start: 0, end: state.end, buffer: new Uint8Array(state.end) }
  for (const number of numbers) uint.encode(filled, number)
  for (const bytes of [fromPeerId(author), prev, signature]) raw.encode(filled, bytes)
  for (const number of more) uint.encode(filled, number)
  raw.encode(filled, last)
  return filled.buffer
}

/**
 * Reads a record of `topic`; nothing of it is verified yet. The result shares no memory with `bytes`.
 * Throws `ERR_RECORD` for a wrong shape: unknown version or kind, numbers out of range, spelt longer than needed, or no block.
 */
export function decodeRecord(bytes: Uint8Array, topic: Topic, crypto: Crypto): SignedRecord {
  const reader = new Reader(bytes, malformed)
  const fields = readFields(reader)
  const block = reader.rest()
  if (block.byteLength === 0) throw malformed('no block')
  const memory = new Uint8Array(HEAD_MEMORY + block.byteLength)
  memory.set(block, HEAD_MEMORY)
  const named = nameOf(block, crypto)
  const { header, signature, signed, id } = keepHead(fields, { memory, block: named, topic, crypto })
  return { header, signature, block: memory.subarray(HEAD_MEMORY), signed, id }
}

/** Reads the head of a record of `topic`, as `decodeRecord` reads a whole one, with the same id and the same codes. */
export function decodeRecordHead(bytes: Uint8Array, topic: Topic, crypto: Crypto): RecordHead {
  const reader = new Reader(bytes, malformed)
  const fields = readFields(reader)
  const blockBytes = reader.uint()
  if (blockBytes === 0 || blockBytes > MAX_BLOCK_BYTES) throw malformed(`a block of ${blockBytes} bytes`)
  const block = { bytes: blockBytes, root: reader.bytes(HASH_BYTES) }
  reader.end()
  return keepHead(fields, { memory: new Uint8Array(HEAD_MEMORY), block, topic, crypto })
}

interface Fields {
  readonly header: RecordHeader
  readonly signature: Uint8Array
}

/** Views of the frame that is read. */
function readFields(reader: Reader): Fields {
  const version = reader.uint()
  if (version !== VERSION) throw malformed(`version ${version}`)
  const [kind, epoch, firstSeq] = [reader.uint(), reader.uint(), reader.uint()]
  const [count, time] = [reader.uint(), reader.uint()]
  const author = toPeerId(reader.bytes(PUBLIC_KEY_BYTES))
  const prev = reader.bytes(PREV_BYTES)
  const signature = reader.bytes(SIGNATURE_BYTES)
  const header = { kind, author, epoch, firstSeq, count, time, prev }
  checkHeader(header)
  return { header, signature }
}

/** Thousands of records are kept: all parts of one are views of one piece of memory, for a piece costs 200 bytes beside its own. */
function keepHead(
  { header, signature }: Fields,
  to: { readonly memory: Uint8Array; readonly block: BlockName; readonly topic: Topic; readonly crypto: Crypto },
): RecordHead {
  const { memory, block, topic, crypto } = to
  const signed = memory.subarray(0, SIGNED_HEADER_BYTES)
  const kept = memory.subarray(SIGNED_HEADER_BYTES, SIGNED_HEADER_BYTES + SIGNATURE_BYTES)
  const id = memory.subarray(SIGNED_HEADER_BYTES + SIGNATURE_BYTES, HEAD_MEMORY)
  writeSigned(signed, header, block, topic)
  kept.set(signature)
  id.set(crypto.hash([signed]))
  const { kind, author, epoch, firstSeq, count, time } = header
  const prev = signed.subarray(PREV_AT, PREV_AT + PREV_BYTES)
  return { header: { kind, author, epoch, firstSeq, count, time, prev }, signature: kept, signed, id }
}

/** Which block the head is signed for: the end of what is signed. */
export function blockOf({ signed }: RecordHead): BlockName {
  const view = new DataView(signed.buffer, signed.byteOffset, signed.byteLength)
  const root = signed.subarray(SIGNED_HEADER_BYTES - HASH_BYTES)
  return { bytes: view.getUint32(SIGNED_HEADER_BYTES - HASH_BYTES - 4, true), root }
}

/**
 * `valid`: strict and correct. `lax`: an encoding that the strict rule refuses, whatever a library would say, so that
 * every backend agrees. `invalid`: the author did not sign this.
 */
export type Verdict = 'valid' | 'lax' | 'invalid'

/** Checks the signature of a record, or of its head (Ed25519, RFC 8032, with the strict rule of docs/wire.md). */
export function verifyRecord(record: RecordHead, crypto: Crypto): Verdict {
  const publicKey = fromPeerId(record.header.author)
  if (!isStrictSignature(record.signature, publicKey)) return 'lax'
  return crypto.verify(record.signature, record.signed, publicKey) ? 'valid' : 'invalid'
}

/** The record's messages, opened and split; throws `ERR_RECORD` if they are not exactly `count` payloads. */
export function recordMessages(record: SignedRecord, topic: Topic, crypto: Crypto): readonly Uint8Array[] {
  return recordContents(record, topic, crypto).messages
}

/** The same with what its author had heard before it. */
export function recordContents(record: SignedRecord, topic: Topic, crypto: Crypto): RecordContents {
  const { header, block } = record
  const plain = topic.payloadKey ? crypto.open(block, sealNonce(header, crypto), topic.payloadKey) : block
  if (plain === null) throw malformed('sealed under another key')
  const reader = new Reader(plain, malformed)
  const causes = header.kind === KIND_CAUSED ? readCauses(reader, malformed) : []
  const messages: Uint8Array[] = []
  while (messages.length < header.count) messages.push(reader.bytes(reader.uint()))
  reader.end()
  return { causes, messages }
}

function checkHeader(header: RecordHeader): void {
  const { kind, epoch, firstSeq, count, time, prev } = header
  if (kind !== KIND_MESSAGES && kind !== KIND_CAUSED) throw malformed(`kind ${kind}`)
  if (count < 1 || count > MAX_BATCH_MESSAGES) throw malformed(`${count} messages`)
  if (time > MAX_TIME_MS) throw malformed('a time beyond any calendar')
  if (prev.byteLength !== PREV_BYTES) throw malformed(`${prev.byteLength} bytes of the previous id`)
  // In this order: above 2^53 the sum would be rounded first.
  for (const number of [epoch, firstSeq, firstSeq + (count - 1), time]) {
    if (!Number.isSafeInteger(number) || number < 0) throw malformed('not a number below 2^53')
  }
}

function encodeSigned(header: RecordHeader, block: BlockName, topic: Topic): Uint8Array {
  const out = new Uint8Array(SIGNED_HEADER_BYTES)
  writeSigned(out, header, block, topic)
  return out
}

/** Fixed widths, little endian, so that a second implementation has nothing to choose. */
function writeSigned(out: Uint8Array, header: RecordHeader, block: BlockName, topic: Topic): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength)
  out.set(DOMAIN)
  let at = DOMAIN.byteLength
  const put = (bytes: Uint8Array): void => {
    out.set(bytes, at)
    at += bytes.byteLength
  }
  const put64 = (value: number): void => {
    view.setUint32(at, value % 2 ** 32, true)
    view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
    at += 8
  }
  const put32 = (value: number): void => {
    view.setUint32(at, value, true)
    at += 4
  }
  put(Uint8Array.of(VERSION, header.kind))
  put(topic.idBytes)
  put(fromPeerId(header.author))
  put64(header.epoch)
  put64(header.firstSeq)
  put32(header.count)
  put64(header.time)
  put(header.prev)
  put32(block.bytes)
  put(block.root)
}

function nameOf(block: Uint8Array, crypto: Crypto): BlockName {
  return { bytes: block.byteLength, root: merkleRoot(block, crypto) }
}

/** A header from what its author signed; throws `ERR_RECORD` for any other bytes. */
export function decodeSigned(signed: Uint8Array): { readonly header: RecordHeader; readonly topicId: Uint8Array } {
  if (signed.byteLength !== SIGNED_HEADER_BYTES) throw malformed('not as long as a header')
  if (!sameBytes(DOMAIN, signed.subarray(0, DOMAIN.byteLength))) throw malformed('another domain')
  const view = new DataView(signed.buffer, signed.byteOffset, signed.byteLength)
  let at = DOMAIN.byteLength
  const take = (length: number): Uint8Array => {
    at += length
    return signed.subarray(at - length, at)
  }
  const take64 = (): number => {
    const value = Number(view.getBigUint64(at, true))
    at += 8
    return value
  }
  const take32 = (): number => {
    const value = view.getUint32(at, true)
    at += 4
    return value
  }
  const [version = 0, kind = 0] = take(2)
  if (version !== VERSION) throw malformed(`version ${version}`)
  const topicId = copyBytes(take(PUBLIC_KEY_BYTES))
  const author = toPeerId(take(PUBLIC_KEY_BYTES))
  const [epoch, firstSeq, count, time] = [take64(), take64(), take32(), take64()]
  const header = { kind, author, epoch, firstSeq, count, time, prev: copyBytes(take(PREV_BYTES)) }
  checkHeader(header)
  return { header, topicId }
}

function joinMessages(messages: readonly Uint8Array[], before: Uint8Array): Uint8Array {
  const state = { start: 0, end: before.byteLength, buffer: null as Uint8Array | null }
  for (const message of messages) {
    uint.preencode(state, message.byteLength)
    state.end += message.byteLength
  }
  const filled = { start: 0, end: state.end, buffer: new Uint8Array(state.end) }
  raw.encode(filled, before)
  for (const message of messages) {
    uint.encode(filled, message.byteLength)
    raw.encode(filled, message)
  }
  return filled.buffer
}

/** A place is signed only once; should an author fork all the same, time and predecessor mostly keep the nonces apart. */
function sealNonce({ author, epoch, firstSeq, count, time, prev }: RecordHeader, crypto: Crypto): Uint8Array {
  const place = new Uint8Array(28)
  const view = new DataView(place.buffer)
  view.setBigUint64(0, BigInt(epoch), true)
  view.setBigUint64(8, BigInt(firstSeq), true)
  view.setUint32(16, count, true)
  view.setBigUint64(20, BigInt(time), true)
  return crypto.hash([fromPeerId(author), place, prev]).subarray(0, SEAL_NONCE_BYTES)
}

function malformed(why: string, cause?: unknown): CoreError {
  return new CoreError('ERR_RECORD', `malformed record: ${why}`, cause === undefined ? {} : { cause })
}
