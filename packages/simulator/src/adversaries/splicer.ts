// Goes on from what it never said: its third words follow others than its second, and it is silent after them.

import { createRecord, decodeRecord, encodeRecord, PREV_BYTES, type SignedRecord } from '@hearsay/core'
import { decodeFrame, encodeFrame } from '@hearsay/gossip/machine'
import type { MakeTwist } from '../twist.js'
import { isRecordBy, keyOf } from './relays.js'

/** Words that it says as everybody does. */
const PLAIN = 2

export const splicing: MakeTwist = (context, peers) => {
  const { topic, crypto, author } = context
  let last: SignedRecord | null = null
  let said = 0
  return {
    hear: (input) => (input.type === 'publish' && said >= PLAIN ? [] : [input]),
    say: (output) => {
      // It would tell of the fork itself.
      if (said > PLAIN) return []
      if (output.type !== 'send' || !isRecordBy(output.frame, keyOf(context))) return [output]
      const frame = decodeFrame(output.frame)
      if (frame.type === 'record') last = decodeRecord(frame.record, topic, crypto)
      return [output]
    },
    add: (input) => {
      if (input.type !== 'publish' || ++said !== PLAIN + 1 || !last) return []
      const { header, id } = last
      const prev = crypto.hash([id]).subarray(0, PREV_BYTES)
      const draft = { ...header, firstSeq: header.firstSeq + header.count, prev, messages: input.payloads }
      const record = encodeRecord(createRecord(draft, topic, author, crypto))
      const frame = encodeFrame({ type: 'record', hops: 0, record })
      return Array.from(peers, (peer) => ({ type: 'send', peer, frame }) as const)
    },
  }
}
