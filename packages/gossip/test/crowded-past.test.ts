// The past of a room in which very many have spoken: more than is remembered of one neighbour at a time.

import { createIdentity } from '@hearsay/core'
import { expect, it } from 'vitest'
import { encodeFrame, flood, type Machine, type Output, resolveLimits, trees } from '../src/machine.js'
import { MAX_PLACES } from '../src/repair/runs.js'
import { createBench, crypto, helloOf, identityOf, recordOf, sent, seqsOf, topic } from './frame-bench.js'

const AUTHORS = 2 * MAX_PLACES
const SERVER = identityOf(1)
const NEWCOMER = identityOf(2)

/** A room that has heard one message of each of very many. */
function crowd(engine: typeof trees) {
  const bench = createBench(engine, 1)
  for (let index = 0; index < AUTHORS; index++) {
    const by = createIdentity({ seed: new Uint8Array(32).fill(index >> 8, 0, 1).fill(index & 255, 1) })
    bench.record(1, recordOf(0, 5, by))
  }
  return bench
}

/** What goes to and fro between two machines until both are still, and what the second one hears. */
function talk(server: Machine, newcomer: Machine, now: number): number {
  const machines = [server, newcomer] as const
  const peers = [2, 1] as const
  const ids = [SERVER.id, NEWCOMER.id] as const
  let heard = 0
  const frames: { readonly to: 0 | 1; readonly frame: Uint8Array }[] = []
  const take = (of: 0 | 1, outputs: readonly Output[]): void => {
    if (of === 1) heard += seqsOf(outputs).length
    for (const output of outputs) {
      if (output.type === 'send' && output.peer === peers[of])
        frames.push({ to: of === 0 ? 1 : 0, frame: output.frame })
    }
  }
  for (const of of [0, 1] as const) {
    const remote = ids[of === 0 ? 1 : 0]
    take(of, machines[of].handle({ type: 'peer-up', peer: peers[of], remote, window: 1e9 }, now))
  }
  for (let round = 0; round < 100; round++) {
    for (let next = frames.shift(); next; next = frames.shift()) {
      const { to, frame } = next
      take(to, machines[to].handle({ type: 'frame', peer: peers[to], frame }, now + round))
    }
    for (const of of [0, 1] as const) take(of, machines[of].handle({ type: 'timer' }, now + round))
  }
  return heard
}

it.each([
  ['flood', flood],
  ['trees', trees],
] as const)('a newcomer hears what each of very many said (%s)', (_name, engine) => {
  const bench = crowd(engine)
  const own = { topic, author: NEWCOMER, epoch: 9, crypto, limits: resolveLimits(), since: 'all' } as const
  expect(talk(bench.machine, engine().createMachine(own), 60_000)).toBe(AUTHORS)
})

it('is told in runs of which no more than 512 go before the neighbour takes more', () => {
  const bench = crowd(trees)
  const { id } = identityOf(102)
  bench.machine.handle({ type: 'peer-up', peer: 2, remote: id, window: 1e9 }, 60_000)
  const hello = encodeFrame({ ...helloOf(id), since: 'all' } as never)
  const runsIn = (outputs: readonly Output[]): number =>
    sent(outputs, 'run').reduce((sum, { frame }) => sum + (frame.type === 'run' ? frame.runs.length : 0), 0)
  expect(runsIn(bench.machine.handle({ type: 'frame', peer: 2, frame: hello }, 60_000))).toBe(512)
  expect(runsIn(bench.timer(61_000))).toBe(0)
  expect(runsIn(bench.send(2, { type: 'pull', ranges: [] }, 62_000))).toBe(256)
})
