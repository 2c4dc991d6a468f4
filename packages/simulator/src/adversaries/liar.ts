// Promises what it has not: it tells of records ahead of everybody, says that it holds all there ever was and will be, claims to
// be far ahead in its hello, and never serves.

import type { Random } from '@hearsay/core'
import { decodeFrame, encodeFrame, type Output, type PeerHandle } from '@hearsay/gossip/machine'
import type { MakeTwist } from '../twist.js'
import { isRecord, isRecordBy, keyOf } from './relays.js'

/** How far ahead of what it knows its promises and claims are. */
const AHEAD = 4
const HEAD_AHEAD = 1_000_000
/** Names that it remembers to lie about. */
const MAX_NAMES = 64

export function lying(random: Random): MakeTwist {
  return (context) => {
    const own = keyOf(context)
    /** For each neighbour: numbers of places that it was given, with the highest number told of each. */
    const told = new Map<PeerHandle, Map<number, number>>()
    const say = (output: Output): readonly Output[] => {
      if (output.type !== 'send') return [output]
      if (isRecord(output.frame)) return isRecordBy(output.frame, own) ? [output] : []
      const frame = decodeFrame(output.frame)
      if (frame.type === 'none') return []
      if (frame.type === 'hello') {
        const heads = frame.heads.map((head) => ({ ...head, next: head.next + HEAD_AHEAD }))
        return [{ ...output, frame: encodeFrame({ ...frame, heads }) }]
      }
      if (frame.type !== 'have' && frame.type !== 'offer' && frame.type !== 'run') return [output]
      const names = told.get(output.peer) ?? new Map<number, number>()
      told.set(output.peer, names)
      const ranges = frame.type === 'run' ? frame.runs : frame.ranges
      for (const { name, first } of ranges) if (names.size < MAX_NAMES) names.set(name, first)
      return [output]
    }
    return {
      say,
      add: (input) => {
        if (input.type === 'peer-down') told.delete(input.peer)
        if (input.type !== 'frame' || !isRecord(input.frame)) return []
        const lies: Output[] = []
        for (const [peer, names] of told) {
          const [name, first] = [...names][random.below(Math.max(1, names.size))] ?? []
          if (name === undefined || first === undefined) continue
          names.set(name, first + 1)
          const ranges = Array.from({ length: AHEAD }, (_, index) => {
            return { name, first: first + 1 + index, count: 1, mark: random.below(2 ** 32) }
          })
          lies.push({ type: 'send', peer, frame: encodeFrame({ type: 'have', ranges }) })
          const run = { name, first: 0, count: first + HEAD_AHEAD, last: 1, mark: random.below(2 ** 32) }
          lies.push({ type: 'send', peer, frame: encodeFrame({ type: 'run', runs: [run] }) })
        }
        return lies
      },
    }
  }
}
