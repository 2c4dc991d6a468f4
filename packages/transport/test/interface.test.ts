import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { forget, ip, makeSpace, whyNoNamespaces } from './nat-lab.js'
import { bundled, type Program, start } from './program.js'

const script = fileURLToPath(new URL('interface.child.ts', import.meta.url))
const PING_MS = 800
const spaces = [`hs${process.pid}-left`, `hs${process.pid}-right`] as const
const HOSTS = ['10.77.0.1', '10.77.0.2'] as const

const reason = whyNoNamespaces((probe) =>
  ip('-n', probe, 'link', 'add', 'one', 'type', 'veth', 'peer', 'name', 'other'),
)
if (reason) console.warn(`skipped: an interface that vanishes (${reason})`)

/** A cable between the two machines, with the same addresses each time. */
function plugIn(): void {
  const [left, right] = spaces
  ip('link', 'add', 'eth0', 'netns', left, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', right)
  for (const [index, space] of spaces.entries()) {
    ip('-n', space, 'addr', 'add', `${HOSTS[index]}/24`, 'dev', 'eth0')
    ip('-n', space, 'link', 'set', 'eth0', 'up')
  }
}

/** Each end of the cable vanishes with the other. */
const pullOut = (): void => ip('-n', spaces[0], 'link', 'del', 'eth0')

const programs: Program[] = []
const undo: (() => void)[] = []

// Not in the test: one that takes too long never gets to its end.
afterEach(async () => {
  await Promise.all(programs.splice(0).map((each) => each.kill()))
  for (const each of undo.splice(0)) each()
})

/** The next thing of that name that each of them tells, before anything else. */
async function hear(programs: readonly Program[], event: string): Promise<void> {
  expect(await Promise.all(programs.map((each) => each.next()))).toEqual(programs.map(() => ({ event })))
}

describe.skipIf(reason !== null)('two nodes whose network interface vanishes in the middle of a transfer', () => {
  it('live, miss each other within three ping intervals, and link again when it is back', async () => {
    const bundle = await bundled(script)
    undo.push(() => bundle.remove())
    const run = (space: string, ...args: string[]): Program => {
      const program = start('ip', ['netns', 'exec', space, process.execPath, bundle.file, String(PING_MS), ...args])
      programs.push(program)
      return program
    }
    for (const space of spaces) {
      undo.push(() => forget(space))
      makeSpace(space)
    }
    plugIn()
    const left = run(spaces[0])
    const { addresses } = await left.next()
    const address = (addresses as string[]).find((each) => each.includes(HOSTS[0]))
    expect(address).toBeDefined()
    const right = run(spaces[1], String(address))
    for (let round = 0; round < 2; round++) {
      await hear([left, right], 'link')
      await hear([left, right], 'flows')
      const pulledAt = performance.now()
      pullOut()
      await hear([left, right], 'unlink')
      // No word of an end can come from the other side: it takes two and a half intervals without an answer.
      expect(performance.now() - pulledAt).toBeLessThan(3 * PING_MS)
      plugIn()
    }
    await hear([left, right], 'link')
    await hear([left, right], 'flows')
    for (const each of programs) each.tell('end')
    expect(await Promise.all(programs.map(({ exit }) => exit))).toEqual([0, 0])
  })
})
