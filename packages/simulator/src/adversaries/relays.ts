// Relays that do not pass on what they should: they drop all or one author's, fall silent, change bytes, or say old things again.

import { copyBytes, decodeRecord, encodeRecord, fromPeerId, type PeerId, type Random } from '@hearsay/core'
import { decodeFrame, type MachineContext, type Output, type PeerHandle } from '@hearsay/gossip/machine'
import type { MakeTwist } from '../twist.js'

type Send = Extract<Output, { type: 'send' }>

/** Frames that carry records or tell of them. */
const TELLING: ReadonlySet<string> = new Set(['record', 'have', 'offer', 'run', 'none'])

/** Takes everything, acknowledges it, prunes others, and passes nothing on but its own. */
export const dropping: MakeTwist = (context) => ({
  say: (output) => (output.type === 'send' && isOfOthers(output, context) ? [] : [output]),
})

/** Passes everything on but the records of some authors, of which it only tells. */
export function censoring(victims: readonly PeerId[]): MakeTwist {
  const keys = victims.map((victim) => fromPeerId(victim))
  const isCensored = (frame: Uint8Array): boolean => keys.some((key) => isRecordBy(frame, key))
  return () => ({ say: (output) => (output.type === 'send' && isCensored(output.frame) ? [] : [output]) })
}

/** Its link lives on, but nothing is behind it any more. */
export const sleeping: MakeTwist = () => ({ hear: () => [], say: () => [] })

/** Where the record begins in a frame that carries one. */
const RECORD_AT = 2

/** Passes on other bytes than the author signed. */
export const forging: MakeTwist = (context) => ({
  say: (output) => {
    if (output.type !== 'send' || !carriesBytes(output.frame) || isRecordBy(output.frame, keyOf(context)))
      return [output]
    const frame = copyBytes(output.frame)
    const last = frame.byteLength - 1
    frame[last] = (frame[last] ?? 0) ^ 1
    return [{ ...output, frame }]
  },
})

/** Records, and parts of large ones, which do not name their author. */
function carriesBytes(frame: Uint8Array): boolean {
  return isRecord(frame) || decodeFrame(frame).type === 'part'
}

/** S of every signature is written above the order of the group: a careless library takes it for the author's all the same. */
export const lax: MakeTwist = (context) => ({
  say: (output) => {
    if (output.type !== 'send' || !isRecord(output.frame) || isRecordBy(output.frame, keyOf(context))) return [output]
    const record = decodeRecord(output.frame.subarray(RECORD_AT), context.topic, context.crypto)
    const signature = copyBytes(record.signature)
    signature[63] = (signature[63] ?? 0) | 0xf0
    const frame = Uint8Array.of(...output.frame.subarray(0, RECORD_AT), ...encodeRecord({ ...record, signature }))
    return [{ ...output, frame }]
  },
})

/** Records that it remembers, to say them again. */
const REMEMBERED = 256

/** Says everything twice, and with everything it hears something old, to anybody. */
export function replaying(random: Random): MakeTwist {
  return (_context, peers) => {
    const old: Uint8Array[] = []
    return {
      say: (output) => (output.type === 'send' && isRecord(output.frame) ? [output, output] : [output]),
      add: (input) => {
        if (input.type !== 'frame' || !isRecord(input.frame)) return []
        if (old.length < REMEMBERED) old.push(input.frame)
        else if (random.below(16) === 0) old[random.below(REMEMBERED)] = input.frame
        const frame = old[random.below(old.length)]
        const peer = anyOf(peers, random)
        return frame && peer !== undefined ? [{ type: 'send', peer, frame }] : []
      },
    }
  }
}

function anyOf(peers: ReadonlySet<PeerHandle>, random: Random): PeerHandle | undefined {
  return peers.size === 0 ? undefined : [...peers][random.below(peers.size)]
}

function isOfOthers({ frame }: Send, context: MachineContext): boolean {
  return TELLING.has(decodeFrame(frame).type) && !isRecordBy(frame, keyOf(context))
}

export function isRecord(frame: Uint8Array): boolean {
  return frame[0] === 1
}

/** True if the frame is a record that carries this key as its author, whose place in it depends on numbers before it. */
export function isRecordBy(frame: Uint8Array, key: Uint8Array): boolean {
  if (!isRecord(frame)) return false
  for (let at = 6; at <= 40; at++) if (key.every((byte, index) => frame[at + index] === byte)) return true
  return false
}

export function keyOf({ author }: MachineContext): Uint8Array {
  return fromPeerId(author.id)
}
