// Says the same to everybody, and long after to one neighbour that it had said something else.

import { createRecord, decodeRecord, encodeRecord, type SignedRecord } from '@hearsay/core'
import { decodeFrame, encodeFrame } from '@hearsay/gossip/machine'
import type { MakeTwist } from '../twist.js'
import { isRecordBy, keyOf } from './relays.js'

/** So many records later: within what forks are looked for in, and far beyond a small history. */
const LATER = 1_000
const OTHERWISE = new TextEncoder().encode('!')

export const recanting: MakeTwist = (context, peers) => {
  const { topic, crypto, author } = context
  let first: SignedRecord | null = null
  let said = 0
  return {
    say: (output) => {
      if (first || output.type !== 'send' || !isRecordBy(output.frame, keyOf(context))) return [output]
      const frame = decodeFrame(output.frame)
      if (frame.type === 'record') first = decodeRecord(frame.record, topic, crypto)
      return [output]
    },
    add: (input) => {
      if (input.type !== 'publish' || ++said !== LATER || !first) return []
      const [peer] = peers
      const other = createRecord({ ...first.header, messages: [OTHERWISE] }, topic, author, crypto)
      const frame = encodeFrame({ type: 'record', hops: 0, record: encodeRecord(other) })
      return peer === undefined ? [] : [{ type: 'send', peer, frame }]
    },
  }
}
