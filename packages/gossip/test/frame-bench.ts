// An engine's machine with neighbours that say whatever a test makes them say, frame by frame, in its own time.

import {
  createIdentity,
  createRecord,
  createTopic,
  encodeRecord,
  type Identity,
  type PeerId,
  PREV_BYTES,
  type SignedRecord,
  sodiumCrypto,
} from '@hearsay/core'
import { markOf } from '../src/machine/arrivals.js'
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  type GossipLimits,
  type MachineContext,
  type Output,
  resolveLimits,
  trees,
} from '../src/machine.js'

export const crypto = sodiumCrypto()
export const topic = createTopic('test')
export const identityOf = (seed: number): Identity => createIdentity({ seed: new Uint8Array(32).fill(seed) })
export const self = identityOf(1)
export const author = identityOf(3)

export const records = new Map<string, SignedRecord>()

/** The author's records, of one chain. */
export function recordOf(firstSeq: number, size = 5, by: Identity = author): SignedRecord {
  const key = `${by.id} ${firstSeq} ${size}`
  const known = records.get(key)
  if (known) return known
  const prev =
    firstSeq === 0 ? new Uint8Array(PREV_BYTES) : Uint8Array.from(recordOf(firstSeq - 1, size, by).id).subarray(0, 16)
  const draft = { epoch: 7, firstSeq, time: 0, prev, messages: [new Uint8Array(size).fill(firstSeq)] }
  const record = createRecord(draft, topic, by, crypto)
  records.set(key, record)
  return record
}

export interface Said {
  readonly peer: number
  readonly frame: Frame
}

/** A machine with so many neighbours, numbered from 1, that have said hello and nothing else. */
export function createBench(
  engine = trees,
  peers = 3,
  limits: Partial<GossipLimits> = {},
  more: Partial<MachineContext> = {},
) {
  const own = { topic, author: self, epoch: 1, crypto, limits: resolveLimits(limits) }
  const machine = engine().createMachine({ ...own, ...more })
  const up = (peer: number, now = 0): void => {
    const { id } = identityOf(100 + peer)
    machine.handle({ type: 'peer-up', peer, remote: id, window: 1e9 }, now)
    machine.handle({ type: 'frame', peer, frame: encodeFrame(helloOf(id)) }, now)
  }
  for (let peer = 1; peer <= peers; peer++) up(peer)
  const send = (peer: number, frame: Frame, now = 0) =>
    machine.handle({ type: 'frame', peer, frame: encodeFrame(frame) }, now)
  const named = new Set<number>()
  return {
    machine,
    up,
    send,
    timer: (now: number) => machine.handle({ type: 'timer' }, now),
    record: (peer: number, record: SignedRecord, now = 0) =>
      send(peer, { type: 'record', hops: 0, record: encodeRecord(record) }, now),
    /** The neighbour tells of these records of the author, under the name 0. */
    tell(peer: number, type: 'have' | 'offer', told: readonly SignedRecord[], now = 0) {
      if (!named.has(peer)) send(peer, nameOf(author.id), now)
      named.add(peer)
      const ranges = told.map((one) => ({ name: 0, first: one.header.firstSeq, count: 1, mark: markOf(one) }))
      return send(peer, { type, ranges }, now)
    },
    /** The neighbour tells of these records of the author, which follow each other, in bulk. */
    tellRun(peer: number, told: readonly SignedRecord[], now = 0) {
      if (!named.has(peer)) send(peer, nameOf(author.id), now)
      named.add(peer)
      const [first, last] = [told.at(0), told.at(-1)] as [SignedRecord, SignedRecord]
      const run = { name: 0, first: first.header.firstSeq, count: told.length, last: 1, mark: markOf(last) }
      return send(peer, { type: 'run', runs: [run] }, now)
    },
  }
}

export const helloOf = (id: PeerId): Frame => ({
  type: 'hello',
  author: id,
  epoch: 5,
  presentMs: 0,
  since: 'live',
  heads: [],
})
export const nameOf = (id: PeerId, epoch = 7): Frame => ({ type: 'name', author: id, epoch })
export const sent = (outputs: readonly Output[], type?: Frame['type']): Said[] =>
  outputs
    .flatMap((output) => (output.type === 'send' ? [{ peer: output.peer, frame: decodeFrame(output.frame) }] : []))
    .filter(({ frame }) => type === undefined || frame.type === type)
export const peersOf = (outputs: readonly Output[], type: Frame['type']): number[] =>
  sent(outputs, type).map(({ peer }) => peer)
export const wakeOf = (outputs: readonly Output[]): number | null =>
  outputs.reduce<number | null>((due, output) => (output.type === 'wake' ? output.at : due), null)
export const faultOf = (outputs: readonly Output[]): Output | undefined =>
  outputs.find(({ type }) => type === 'misbehaved')
export const seqsOf = (outputs: readonly Output[]): number[] =>
  outputs.flatMap((output) => (output.type === 'deliver' ? [output.delivery.seq] : []))
