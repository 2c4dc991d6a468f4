// Planted faults: machines changed from outside so that each breaks one rule, with the scenario that must notice.

import { copyBytes, fromPeerId, toPeerId } from '@hearsay/core'
import { decodeFrame, type Engine, encodeFrame, type Frame, type Input, type Output } from '@hearsay/gossip/machine'
import { type MakeTwist, readScenario, type Scenario, twisted } from '../src/index.js'

export interface Mutant {
  /** The section of the design, or the number of the invariant, that it breaks. */
  readonly rule: string
  readonly name: string
  readonly mutate: (engine: Engine) => Engine
  readonly scenario: Scenario
  /** What the violation says. */
  readonly says: RegExp
  /** Every so many nodes are changed. @default 1 */
  readonly every?: number
}

const SMALL = { nodes: 24, authors: 3, records: 8, intervalMs: 300, path: { latencyMs: [10, 60] } }

const scenario = (name: string, more: object = {}): Scenario => readScenario({ ...SMALL, name, ...more })

const STEADY = scenario('steady', { records: 20, expect: { redundancy: 0.03 } })
const SPLIT = scenario('split', { faults: [{ type: 'split', parts: 2, atMs: 600, forMs: 40_000 }] })
const CRASH = scenario('crash', { records: 20, faults: [{ type: 'crash', share: 0.5, atMs: 3_000 }] })
const NARROW = scenario('narrow', { payloadBytes: 60_000, path: { latencyMs: [10, 60], bytesPerMs: 300 } })
const RESTART = scenario('restart', {
  records: 40,
  faults: [{ type: 'restart', share: 0.6, atMs: 2_000, forMs: 2_000, state: 'stale' }],
})
const FORGERS = scenario('forgers', { adversaries: [{ type: 'forger', share: 0.2 }] })
const FORKS = scenario('forks', { adversaries: [{ type: 'equivocator', share: 0.05 }] })
/** So little is remembered that what comes late is to be had nowhere: then gaps are told. */
const GAPS = scenario('gaps', {
  ...{ records: 60, holdMs: 1, room: { capacity: 3 }, path: { latencyMs: [10, 60], loss: 0.3 } },
  expect: { missed: 1_000_000 },
})

const twist = (make: MakeTwist) => (engine: Engine) => twisted(engine, make)
const saying = (say: (output: Output) => readonly Output[]) => twist(() => ({ say: (output) => say(output) }))
const hearing = (hear: (input: Input) => readonly Input[]) => twist(() => ({ hear: (input) => hear(input) }))
const withoutOutput = (type: Output['type']) => saying((output) => (output.type === type ? [] : [output]))

const typeOf = (output: Output): Frame['type'] | null =>
  output.type === 'send' ? decodeFrame(output.frame).type : null
const mute = (...types: readonly Frame['type'][]) =>
  saying((output) => (types.includes(typeOf(output) as Frame['type']) ? [] : [output]))
const deaf = (...types: readonly Frame['type'][]) =>
  hearing((input) => (input.type === 'frame' && types.includes(decodeFrame(input.frame).type) ? [] : [input]))
const rewriting = (rewrite: (frame: Frame) => Frame) =>
  saying((output) =>
    output.type === 'send' ? [{ ...output, frame: encodeFrame(rewrite(decodeFrame(output.frame))) }] : [output],
  )

/** Lets every k-th output of a kind go. */
const leaking = (k: number, isKind: (output: Output) => boolean) =>
  twist(() => {
    let count = 0
    return { say: (output) => (isKind(output) && ++count % k === 0 ? [] : [output]) }
  })

/** Hands deliveries out in another order, or later than they are acknowledged. */
const delaying = (size: number, take: (held: Output[]) => Output | undefined) =>
  twist(() => {
    const held: Output[] = []
    return {
      say: (output) => {
        if (output.type !== 'deliver') return [output]
        held.push(output)
        if (held.length < size) return []
        const next = take(held)
        return next ? [next] : []
      },
    }
  })

const changedPayload = saying((output) => {
  if (output.type !== 'deliver') return [output]
  const payload = copyBytes(output.delivery.payload)
  payload[0] = (payload[0] ?? 0) ^ 1
  return [{ ...output, delivery: { ...output.delivery, payload } }]
})

const believing = (engine: Engine): Engine => ({
  ...engine,
  createMachine: (context) => engine.createMachine({ ...context, crypto: { ...context.crypto, verify: () => true } }),
})

/** Each node's first epoch again in every life. */
const reusingEpochs = (): ((engine: Engine) => Engine) => {
  const first = new Map<string, number>()
  return (engine) => ({
    ...engine,
    createMachine: (context) => {
      const epoch = first.get(context.author.id) ?? context.epoch
      first.set(context.author.id, epoch)
      return engine.createMachine({ ...context, epoch })
    },
  })
}

const limited =
  (limits: Partial<Engine['limits']>) =>
  (engine: Engine): Engine => ({
    ...engine,
    createMachine: (context) => engine.createMachine({ ...context, limits: { ...context.limits, ...limits } }),
  })

const forgingRelay = twist(({ author }) => {
  const key = fromPeerId(author.id).join()
  return {
    say: (output) => {
      if (output.type !== 'send' || output.frame[0] !== 1 || output.frame.join().includes(key)) return [output]
      const frame = copyBytes(output.frame)
      frame[frame.byteLength - 1] = (frame.at(-1) ?? 0) ^ 1
      return [{ ...output, frame }]
    },
  }
})

const hearingItself = twist(({ author, epoch }) => ({
  add: (input) =>
    input.type !== 'publish'
      ? []
      : input.payloads.map((payload): Output => {
          const place = { author: author.id, epoch, seq: 0, time: input.wall, hops: 0, via: null }
          return { type: 'deliver', delivery: { ...place, payload } }
        }),
}))

const suspicious = twist(() => {
  let frames = 0
  return {
    add: (input) =>
      input.type === 'frame' && ++frames === 50
        ? [{ type: 'misbehaved', peer: input.peer, code: 'ERR_RECORD', message: 'nothing', ban: true }]
        : [],
  }
})

const inventing = saying((output) =>
  output.type === 'deliver'
    ? [{ ...output, delivery: { ...output.delivery, author: toPeerId(new Uint8Array(32)) } }]
    : [output],
)

const twice = (type: Output['type']) => saying((output) => (output.type === type ? [output, output] : [output]))

const sleepless = twist(() => {
  let at: number | null = null
  return {
    wakeAt: () => at,
    add: (_input, now) => {
      at = now + 1_000
      return []
    },
  }
})

export const MUTANTS: readonly Mutant[] = [
  {
    rule: 'invariant 1',
    name: 'delivers twice',
    mutate: twice('deliver'),
    scenario: STEADY,
    says: /where \d+ was due/,
  },
  { rule: 'invariant 2', name: 'delivers other bytes', mutate: changedPayload, scenario: STEADY, says: /other bytes/ },
  { rule: 'invariant 2', name: 'invents authors', mutate: inventing, scenario: STEADY, says: /words of nobody/ },
  {
    ...{ rule: 'invariant 3', name: 'swaps the order', scenario: STEADY, says: /was due|did not deliver/ },
    mutate: delaying(2, (held) => held.pop()),
  },
  {
    ...{
      rule: 'invariant 3',
      name: 'swallows every fifth delivery',
      scenario: STEADY,
      says: /was due|did not deliver/,
    },
    mutate: leaking(5, ({ type }) => type === 'deliver'),
  },
  { rule: '8.1 and invariant 3', name: 'hides gaps', mutate: withoutOutput('gap'), scenario: GAPS, says: /was due/ },
  { rule: 'invariant 8', name: 'bans whom it should not', mutate: suspicious, scenario: STEADY, says: /for hostile/ },
  { rule: 'invariant 9', name: 'never rests', mutate: sleepless, scenario: STEADY, says: /never at rest/, every: 8 },
  {
    rule: '8.1',
    name: 'verifies nothing',
    mutate: believing,
    scenario: FORGERS,
    says: /other bytes|for hostile|forked/,
  },
  {
    ...{ rule: '8.1', name: 'passes on what it did not verify', mutate: forgingRelay, scenario: STEADY },
    ...{ says: /for hostile: ERR_RECORD_FORGED/, every: 8 },
  },
  {
    rule: '8.1',
    name: 'keeps forks to itself',
    mutate: withoutOutput('fork'),
    scenario: FORKS,
    says: /not told of the fork/,
    every: 4,
  },
  { rule: '8.1', name: 'tells forks twice', mutate: twice('fork'), scenario: FORKS, says: /twice/ },
  {
    rule: '8.1',
    name: 'never tells others of forks, nor hears of them',
    mutate: deaf('fork'),
    scenario: FORKS,
    says: /not told of the fork/,
  },
  {
    rule: '8.2 and invariant 4',
    name: 'begins no new epoch',
    mutate: reusingEpochs(),
    scenario: RESTART,
    says: /never said|forked|was due|other bytes|missed|confirmed/,
  },
  {
    rule: '8.3',
    name: 'passes nothing on',
    mutate: mute('record', 'have', 'offer', 'run'),
    scenario: STEADY,
    says: /missed|confirmed by nobody/,
  },
  { rule: '8.3', name: 'never prunes', mutate: mute('prune'), scenario: STEADY, says: /redundant/ },
  { rule: '8.3', name: 'ignores prunes', mutate: deaf('prune'), scenario: STEADY, says: /redundant/ },
  {
    rule: '8.3',
    name: 'tells nobody what it does not send',
    mutate: mute('have', 'offer', 'run'),
    scenario: CRASH,
    says: /missed|was due/,
  },
  { rule: '8.3', name: 'never pulls', mutate: mute('pull'), scenario: CRASH, says: /missed|was due/ },
  { rule: '8.3', name: 'never answers a pull', mutate: deaf('pull'), scenario: SPLIT, says: /missed/ },
  {
    ...{
      rule: '8.3',
      name: 'loses every tenth record that it sends',
      scenario: STEADY,
      says: /missed|was due|redundant/,
    },
    mutate: leaking(10, (output) => typeOf(output) === 'record'),
  },
  { rule: '8.5', name: 'tells nothing of the past', mutate: mute('offer', 'run'), scenario: SPLIT, says: /missed/ },
  { rule: '8.5', name: 'remembers one record', mutate: limited({ capacity: 1 }), scenario: SPLIT, says: /missed/ },
  {
    ...{ rule: '8.5', name: 'claims to be further than it is', scenario: SPLIT, says: /missed/ },
    mutate: rewriting((frame) =>
      frame.type === 'hello'
        ? { ...frame, heads: frame.heads.map((head) => ({ ...head, next: head.next + 100 })) }
        : frame,
    ),
  },
  {
    ...{
      rule: '8.5',
      name: 'forgets how long it has been there',
      scenario: SPLIT,
      says: /first word was due|missed|was due/,
    },
    mutate: rewriting((frame) => (frame.type === 'hello' ? { ...frame, presentMs: 0, heads: [] } : frame)),
  },
  { rule: '8.6', name: 'acknowledges nothing', mutate: mute('ack'), scenario: STEADY, says: /confirmed by nobody/ },
  {
    ...{
      rule: '8.6',
      name: 'acknowledges what it has not handed over',
      scenario: STEADY,
      says: /which it did not deliver/,
    },
    mutate: delaying(4, (held) => held.shift()),
  },
  {
    ...{ rule: '8.6', name: 'sends beyond the window', scenario: NARROW, says: /beyond the window/ },
    mutate: hearing((input) => [input.type === 'peer-up' ? { ...input, window: 2 ** 40 } : input]),
  },
  {
    ...{ rule: '8.6', name: 'does not go on when there is window again', scenario: NARROW, says: /missed|confirmed/ },
    mutate: hearing((input) => (input.type === 'window' ? [] : [input])),
  },
  { rule: '8.6', name: 'hears itself', mutate: hearingItself, scenario: STEADY, says: /heard itself/ },
]
