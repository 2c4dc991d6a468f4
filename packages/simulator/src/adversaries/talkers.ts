// Adversaries where questions are asked: they change what they pass on, answer a question with what was said to another, or
// answer without end, under one name or many.

import { type Crypto, copyBytes, createIdentity, type Identity, type Random, type Topic } from '@hearsay/core'
import { decodeQueryFrame, encodeQueryFrame, type QueryOutput, signAnswer, signQuery } from '@hearsay/gossip/machine'
import type { AdversaryType } from '../scenario/format.js'

/** What one of them does otherwise. */
export interface Misspeak {
  /** What is sent instead of a frame. */
  say?(frame: Uint8Array): readonly Uint8Array[]
  /** Frames to who brought the question, instead of an answer. */
  answers?(query: Extract<QueryOutput, { type: 'query' }>): readonly Uint8Array[]
}

export interface Talker {
  readonly author: Identity
  readonly topic: Topic
  readonly crypto: Crypto
  readonly random: Random
}

/** Answers to one question, and questions for one that it hears: more than anybody takes. */
const ANSWERS = 1_100
const QUESTIONS = 150
/** Where the id stands in what is signed. */
const ID_AT = 32

/** Null for those that behave here. */
export function misspeaking(type: AdversaryType, talker: Talker): Misspeak | null {
  switch (type) {
    case 'forger':
      return { say: (frame) => [forged(frame)] }
    case 'replayer':
      return replaying()
    case 'flooder':
      return flooding(talker)
    case 'sybil':
      return multiplying(talker)
    default:
      return null
  }
}

function forged(bytes: Uint8Array): Uint8Array {
  const { type } = decodeQueryFrame(bytes)
  if (type !== 'query' && type !== 'answer') return bytes
  const frame = copyBytes(bytes)
  frame[frame.byteLength - 1] = (frame.at(-1) ?? 0) ^ 1
  return frame
}

/** Says to each question what somebody said to another one. */
function replaying(): Misspeak {
  let old: Uint8Array | null = null
  return {
    say: (bytes) => {
      const frame = decodeQueryFrame(bytes)
      if (frame.type === 'answer') old ??= copyBytes(frame.answer)
      return [bytes]
    },
    answers: ({ id }) => {
      if (!old) return []
      const answer = copyBytes(old)
      answer.set(id, ID_AT)
      return [encodeQueryFrame({ type: 'answer', hops: 0, answer })]
    },
  }
}

function flooding({ author, topic, crypto, random }: Talker): Misspeak {
  const signing = { author, topic, crypto, random }
  return {
    answers: ({ id }) => {
      const answer = encodeQueryFrame({ type: 'answer', hops: 0, answer: signAnswer({ id, data: id }, signing) })
      const questions = Array.from({ length: QUESTIONS }, () => {
        const query = signQuery({ id: random.bytes(16), type: 'test', data: new Uint8Array() }, signing)
        return encodeQueryFrame({ type: 'query', hops: 0, left: 1, ms: 60_000, query })
      })
      return [...Array.from({ length: ANSWERS }, () => answer), ...questions]
    },
  }
}

/** Answers as if it were a crowd. */
function multiplying({ topic, crypto, random }: Talker): Misspeak {
  const authors = Array.from({ length: ANSWERS }, () => createIdentity({ seed: random.bytes(32), crypto }))
  return {
    answers: ({ id }) =>
      authors.map((author) => {
        const answer = signAnswer({ id, data: id }, { author, topic, crypto, random })
        return encodeQueryFrame({ type: 'answer', hops: 0, answer })
      }),
  }
}
