// Five real processes, one of which stops (SIGSTOP) while another publishes as fast as it can.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleChild } from '../../core/test/child.js'
import type { Report } from './stopped.child.js'

const GIVEN = process.env.HEARSAY_STOPPED_MS
const MS = Number(GIVEN ?? 3_000)
const MIB = 1024 * 1024
/** Twice as many messages of 4 KiB as a history of 8 MiB holds. */
const FULL = 4_096

interface Running {
  readonly child: ChildProcess
  readonly addresses: readonly string[]
  ask<Result>(command: string, argument?: number): Promise<Result>
}

let bundle: Awaited<ReturnType<typeof bundleChild>>
const running: Running[] = []
beforeAll(async () => {
  bundle = await bundleChild(fileURLToPath(new URL('stopped.child.ts', import.meta.url)))
}, 60_000)
afterAll(async () => {
  for (const { child } of running) if (child.exitCode === null) child.kill('SIGKILL')
  await bundle.remove()
})

async function startOne(seeds: readonly string[], history: object): Promise<Running> {
  const child = fork(bundle.script, [JSON.stringify({ seeds, history })], { execArgv: ['--expose-gc'] })
  const answers = new Map<number, (result: never) => void>()
  let next = 1
  const [first] = (await once(child, 'message')) as [{ result: string[] }]
  child.on('message', ({ id, result }: { id: number; result: never }) => answers.get(id)?.(result))
  const one: Running = {
    child,
    addresses: first.result,
    ask: (command, argument) =>
      new Promise((resolve) => {
        answers.set(next, resolve)
        child.send({ id: next++, command, argument })
      }),
  }
  running.push(one)
  return one
}

async function startFive(history: object): Promise<readonly Running[]> {
  const all: Running[] = []
  while (all.length < 5)
    all.push(
      await startOne(
        all.flatMap(({ addresses }) => addresses),
        history,
      ),
    )
  await until(async () => (await reports(all)).every(({ peers }) => peers === 4))
  return all
}

const reports = (all: readonly Running[]): Promise<Report[]> => Promise.all(all.map((one) => one.ask<Report>('report')))

async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 100))
}

/** Where everything ends that was heard or told as missing; the runs and gaps side by side, in order. */
function covered({ heard, gaps }: Report): readonly (readonly [number, number])[] {
  return [...heard, ...gaps].sort(([a], [b]) => a - b)
}

/** As fast as it can, for a while, and until a history holds nothing else; answers how many messages that were. */
async function publishFull(publisher: Running): Promise<number> {
  let count = await publisher.ask<number>('publish', MS)
  while (count < FULL) count += await publisher.ask<number>('publish', MS / 3)
  return count
}

async function endAll(all: readonly Running[]): Promise<void> {
  const exits = all.map(({ child }) => once(child, 'exit'))
  for (const { ask } of all) void ask('close')
  expect((await Promise.all(exits)).map(([code]) => code)).toEqual(all.map(() => 0))
}

describe('four nodes of five, while the fifth is stopped', () => {
  it('hear everything as before, in 4 MiB more at most; and when it goes on, it hears what is retained and is told exact gaps for the rest', {
    timeout: 90_000 + 4 * MS,
  }, async () => {
    const all = await startFive({ capacityBytes: 8 * MIB })
    const [publisher, ...others] = all as [Running, ...Running[]]
    const stopped = others.at(-1) as Running
    const awake = all.filter((one) => one !== stopped)
    // Until every history is full, and then some: what grows from then on grows for the fifth.
    const warm = await publishFull(publisher)
    await until(async () => (await reports(others)).every((one) => covered(one).at(-1)?.[1] === warm))
    const before = await reports(awake)
    await Promise.all(awake.map((one) => one.ask('forget')))
    stopped.child.kill('SIGSTOP')
    const total = warm + (await publishFull(publisher))
    const hearing = awake.slice(1)
    await until(async () => (await reports(hearing)).every((one) => covered(one).at(-1)?.[1] === total))
    const after = await reports(awake)
    for (const [index, { memory }] of after.entries()) {
      expect((memory - (before[index]?.memory ?? 0)) / MIB).toBeLessThan(4)
    }
    for (const one of after.slice(1)) expect([one.heard, one.gaps]).toEqual([[[0, total]], []])
    for (const [index, { latencyMs }] of after.entries()) {
      // Not asserted: who publishes as fast as it can leaves a busy machine behind with or without a stopped peer.
      if (GIVEN) console.log(JSON.stringify({ before: before[index]?.latencyMs, meanwhile: latencyMs }))
    }

    stopped.child.kill('SIGCONT')
    const end = total + (await publisher.ask<number>('publish', 50))
    let last = await stopped.ask<Report>('report')
    await until(async () => {
      last = await stopped.ask<Report>('report')
      return covered(last).at(-1)?.[1] === end
    })
    // One behind the other, nothing twice and nothing left out.
    const ranges = covered(last)
    expect(ranges[0]?.[0]).toBe(0)
    for (const [index, [, to]] of ranges.slice(0, -1).entries()) expect(ranges[index + 1]?.[0]).toBe(to)
    expect(last.gaps.length).toBeGreaterThan(0)
    await endAll(all)
  })

  it('keep all of it for the fifth if their history is large enough, and it misses nothing', {
    timeout: 90_000 + 4 * MS,
  }, async () => {
    const all = await startFive({ capacityBytes: 1024 * MIB })
    const [publisher, ...others] = all as [Running, ...Running[]]
    const stopped = others.at(-1) as Running
    stopped.child.kill('SIGSTOP')
    const total = await publisher.ask<number>('publish', MS)
    stopped.child.kill('SIGCONT')
    await until(async () => covered(await stopped.ask<Report>('report')).at(-1)?.[1] === total)
    expect(await stopped.ask<Report>('report')).toMatchObject({ heard: [[0, total]], gaps: [] })
    await endAll(all)
  })
})
