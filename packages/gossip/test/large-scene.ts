// Large records frame by frame, for tests: heads, parts, and a neighbour that sends what it is asked for.

import { CHUNK_BYTES, createRecord, encodeRecordHead, MerkleTree, PREV_BYTES, type SignedRecord } from '@hearsay/core'
import { type Frame, type flood, type Output, trees } from '../src/machine.js'
import { author, createBench, crypto, nameOf, sent, topic } from './frame-bench.js'

export const PARTS = 10
export const SIZE = PARTS * CHUNK_BYTES - 100

export const headFrame = (record: SignedRecord, parts = 0): Frame => ({
  ...{ type: 'head', hops: 0, parts },
  head: encodeRecordHead(record),
})

export function partFrame(record: SignedRecord, index: number, name = 0): Extract<Frame, { type: 'part' }> {
  return {
    ...{ type: 'part', name, first: record.header.firstSeq, index },
    proof: MerkleTree.of(record.block, crypto).proof(index),
    chunk: record.block.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
  }
}

/** Indices of the parts that a neighbour is asked for of the record that begins at `first`. */
export const askedOf = (outputs: readonly Output[], peer: number, first = 0): number[] =>
  sent(outputs).flatMap(({ peer: to, frame }) =>
    to === peer && frame.type === 'wanted' && frame.first === first
      ? frame.parts.flatMap(({ from, to: end }) => Array.from({ length: end - from }, (_, at) => from + at))
      : [],
  )
/** Neighbours that are told to send no more. */
export const stopped = (outputs: readonly Output[]): number[] =>
  sent(outputs, 'wanted').flatMap(({ peer, frame }) =>
    frame.type === 'wanted' && frame.parts.length === 0 ? [peer] : [],
  )
export const partsTo = (outputs: readonly Output[], peer: number): number[] =>
  sent(outputs, 'part').flatMap(({ peer: to, frame }) => (to === peer && frame.type === 'part' ? [frame.index] : []))
export const pushedOf = (outputs: readonly Output[]): number[] =>
  outputs.flatMap((output) => (output.type === 'pushed' ? [output.from] : []))

export function chained(firstSeq: number, size: number): SignedRecord {
  const draft = { epoch: 7, firstSeq, time: 0, prev: new Uint8Array(PREV_BYTES), messages: [new Uint8Array(size)] }
  return createRecord(draft, topic, author, crypto)
}

/** A bench whose neighbours have named the author. */
export function benchOf(peers = 3, engine: typeof trees | typeof flood = trees, limits = {}) {
  const bench = createBench(engine, peers, limits)
  for (let peer = 1; peer <= peers; peer++) bench.send(peer, nameOf(author.id))
  return bench
}

/** The neighbour answers all that it is asked for, until nothing more is. */
export function feed(
  bench: ReturnType<typeof benchOf>,
  peer: number,
  record: SignedRecord,
  first: readonly Output[],
  now = 0,
) {
  const outputs = [...first]
  const { firstSeq } = record.header
  for (let asked = askedOf(first, peer, firstSeq); asked.length > 0; ) {
    const index = asked.shift() as number
    const more = bench.send(peer, partFrame(record, index), now)
    asked.push(...askedOf(more, peer, firstSeq))
    outputs.push(...more)
  }
  return outputs
}

/** A small record that follows another. */
export function chainAfter({ header, id }: SignedRecord): SignedRecord {
  const draft = { epoch: 7, firstSeq: header.firstSeq + 1, time: 0, prev: id.subarray(0, PREV_BYTES) }
  return createRecord({ ...draft, messages: [new Uint8Array(3)] }, topic, author, crypto)
}

/** Heads that need no predecessor: each stands alone. */
const heads = new Map<number, SignedRecord>()
export function far(seq: number): SignedRecord {
  const known = heads.get(seq) ?? chained(seq * 2, 2 * CHUNK_BYTES)
  heads.set(seq, known)
  return known
}
