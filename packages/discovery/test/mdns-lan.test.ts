// Interfaces that come, go and come back, and hosts that are bound to one address, between two network namespaces that a
// cable connects. It needs root and `ip`.

import { execFileSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { compile, type Program, type RunningProgram } from './support/child.js'

const spaces = [`hm${process.pid}a`, `hm${process.pid}b`] as const
const why = whyNot()
if (why) console.log(`skipped: ${why}`)

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function whyNot(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces need root on Linux'
  try {
    ip('netns', 'add', spaces[0])
    return null
  } catch (error) {
    return `no network namespaces here: ${String(error).split('\n')[0]}`
  } finally {
    removeSpaces()
  }
}

function removeSpaces(): void {
  for (const space of spaces) {
    try {
      ip('netns', 'del', space)
    } catch {
      // It was not there.
    }
  }
}

/** One cable; the cards have the same numbers each time, as one that is pulled and put back. */
function plugIn(): void {
  const card = (i: number): string => `02:00:00:00:00:0${i + 1}`
  const end = ['type', 'veth', 'peer', 'name', 'eth0', 'address', card(1), 'netns', spaces[1]]
  ip('link', 'add', 'eth0', 'address', card(0), 'netns', spaces[0], ...end)
  for (const [i, space] of spaces.entries()) {
    ip('-n', space, 'link', 'set', 'eth0', 'addrgenmode', 'none')
    ip('-n', space, 'addr', 'add', `10.55.0.${i + 1}/24`, 'dev', 'eth0')
    ip('-n', space, 'link', 'set', 'eth0', 'up')
  }
}

function pullOut(): void {
  ip('-n', spaces[0], 'link', 'del', 'eth0')
}

function addIPv6(): void {
  for (const [i, space] of spaces.entries()) {
    for (const network of ['fe80::', 'fd55::'])
      ip('-n', space, 'addr', 'add', `${network}${i + 1}/64`, 'dev', 'eth0', 'nodad')
  }
}

async function lineWith(running: RunningProgram, text: string): Promise<void> {
  while (!(await running.line()).includes(text));
}

async function expectCleanEnd(...all: RunningProgram[]): Promise<void> {
  for (const { process } of all) process.stdin?.end()
  for (const { ended } of all) expect(await ended).toEqual({ code: 0, complaints: '' })
}

describe.skipIf(why)('between two machines', () => {
  let program: Program
  beforeAll(async () => {
    program = await compile({ name: 'finder' })
  })
  beforeEach(() => {
    for (const space of spaces) {
      ip('netns', 'add', space)
      ip('-n', space, 'link', 'set', 'lo', 'up')
    }
    plugIn()
  })
  afterEach(removeSpaces)
  afterAll(() => program?.remove())

  function run(space: number, host = '-'): RunningProgram {
    const args = ['mdns', host, '5353', 'lan', `400${space + 1}`]
    return program.run(args, ['ip', 'netns', 'exec', spaces[space] ?? ''])
  }

  test.each([
    ['while nobody notices', 0],
    ['until it is missed', 2_200],
  ])('an interface that is gone %s does no harm, and is spoken on again when it is back', async (_when, goneMs) => {
    const stays = run(0)
    await lineWith(stays, 'flushed')
    const first = run(1)
    await lineWith(stays, '10.55.0.2:4002')
    await expectCleanEnd(first)
    pullOut()
    await new Promise((resolve) => setTimeout(resolve, goneMs))
    plugIn()
    const second = run(1)
    await lineWith(second, '10.55.0.1:4001')
    await lineWith(stays, '10.55.0.2:4002')
    await expectCleanEnd(stays, second)
  })

  test('leaving while the only cable is out takes no time', async () => {
    const stays = run(0)
    await lineWith(stays, 'flushed')
    pullOut()
    const startedAt = performance.now()
    await expectCleanEnd(stays)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  test.each([
    ['10.55.0.1', '10.55.0.1:4001'],
    ['10.55.0.11', '10.55.0.11:4001'],
    ['fd55::1', '[fd55::1]:4001'],
    ['fe80::1%eth0', '[fe80::1%eth0]:4001'],
  ])('a node that is bound to %s is found at %s and nowhere else', async (host, address) => {
    ip('-n', spaces[0], 'addr', 'add', '10.55.0.11/24', 'dev', 'eth0')
    addIPv6()
    const bound = run(0, host)
    await lineWith(bound, 'flushed')
    const other = run(1)
    await lineWith(bound, ':4002')
    const found = [await other.line(), await other.line()].filter((line) => line !== 'flushed')
    expect(found).toEqual(found.map(() => `mdns tcp://${address}`))
    await expectCleanEnd(bound, other)
  })
})
