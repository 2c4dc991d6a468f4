import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBootstrapServer } from '../src/index.js'
import { compile, type Program, type RunningProgram } from './support/child.js'

const sh = promisify(execFile)
let program: Program

beforeAll(async () => {
  program = await compile({ name: 'finder' })
})
afterAll(() => program.remove())

/** A port between 20,000 and 30,000 that other test runs on this machine are unlikely to have. */
const port = String(20_000 + (process.pid % 10_000))

async function lineWith(running: RunningProgram, text: string): Promise<string> {
  for (;;) {
    const line = await running.line()
    if (line.includes(text)) return line
  }
}

/** Ends the standard input of each and expects it to end by itself, without a word of complaint. */
async function expectCleanEnd(...all: RunningProgram[]): Promise<void> {
  for (const { process } of all) process.stdin?.end()
  for (const { ended } of all) expect(await ended).toEqual({ code: 0, complaints: '' })
}

describe('two processes', () => {
  test('find each other over mDNS on loopback, and end by themselves after close', async () => {
    const one = program.run(['mdns', '127.0.0.1', port, 'processes', '4001'])
    const other = program.run(['mdns', '127.0.0.1', port, 'processes', '4002'])
    expect(await lineWith(one, 'mdns')).toBe('mdns tcp://127.0.0.1:4002')
    expect(await lineWith(other, 'mdns')).toBe('mdns tcp://127.0.0.1:4001')
    await expectCleanEnd(one, other)
  })

  test('find each other over the DHT, and end by themselves after close', async () => {
    const network = await createBootstrapServer({ host: '127.0.0.1' })
    const args = ['hyperdht', '127.0.0.1', port, 'processes']
    const one = program.run([...args, '4001', network.address])
    const other = program.run([...args, '4002', network.address])
    expect(await lineWith(one, 'hyperdht')).toContain('hyperdht tcp://127.0.0.1:4002 hyper://')
    expect(await lineWith(other, 'hyperdht')).toContain('hyperdht tcp://127.0.0.1:4001 hyper://')
    await expectCleanEnd(one, other)
    await network.close()
  })
})

test('the program in the README finds somebody in each way and ends by itself', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [, text = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? []
  const example = await compile({ text })
  const running = example.run([])
  const sources = [await running.line(), await running.line(), await running.line()].map((line) => line.split(' ')[0])
  expect(sources).toContain('seeds')
  expect(await running.ended).toEqual({ code: 0, complaints: '' })
  await example.remove()
})

test('a process that was killed costs the others nothing', async () => {
  const one = program.run(['mdns', '127.0.0.1', port, 'killed', '4001'])
  const other = program.run(['mdns', '127.0.0.1', port, 'killed', '4002'])
  await lineWith(one, '4002')
  other.process.kill('SIGKILL')
  await other.ended
  const third = program.run(['mdns', '127.0.0.1', port, 'killed', '4003'])
  await lineWith(third, '4001')
  await expectCleanEnd(one, third)
})

describe('in network namespaces of their own', () => {
  const names = [`hd${process.pid}a`, `hd${process.pid}b`] as const
  let possible = false

  beforeAll(async () => {
    try {
      for (const name of names) {
        await sh('ip', ['netns', 'add', name])
        await sh('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
      }
      await sh('ip', [
        'link',
        'add',
        'eth0',
        'netns',
        names[0],
        'type',
        'veth',
        'peer',
        'name',
        'eth0',
        'netns',
        names[1],
      ])
      possible = true
    } catch (error) {
      console.log('skipped: no network namespaces here:', String(error).split('\n')[0])
    }
  })
  afterAll(async () => {
    for (const name of names) await sh('ip', ['netns', 'del', name]).catch(() => {})
  })

  const inside = (name: string): string[] => ['ip', 'netns', 'exec', name]
  const bringUp = async (): Promise<void> => {
    for (const [i, name] of names.entries()) {
      await sh('ip', ['-n', name, 'addr', 'replace', `10.55.0.${i + 1}/24`, 'dev', 'eth0'])
      await sh('ip', ['-n', name, 'link', 'set', 'eth0', 'up'])
    }
  }

  test('without any network everything is flushed, and leaving takes no time', async (context) => {
    if (!possible) context.skip()
    const offline = program.run(['both', '-', '5353', 'lan', '4001', '192.0.2.1:49737'], inside(names[0]))
    await lineWith(offline, 'flushed')
    offline.process.stdin?.end()
    const [, ms] = (await lineWith(offline, 'closed')).split(' ')
    expect(Number(ms)).toBeLessThan(2_000)
    expect(await offline.ended).toEqual({ code: 0, complaints: '' })
  })

  test('leaving at once, before anything could be tried, takes no time either', async (context) => {
    if (!possible) context.skip()
    const offline = program.run(['both', '-', '5353', 'lan', '4001', '192.0.2.1:49737'], inside(names[0]))
    offline.process.stdin?.end()
    const [, ms] = (await lineWith(offline, 'closed')).split(' ')
    expect(Number(ms)).toBeLessThan(2_000)
    expect(await offline.ended).toEqual({ code: 0, complaints: '' })
  })

  test('two nodes without a default route meet once a cable connects them, over IPv4 and IPv6', async (context) => {
    if (!possible) context.skip()
    const nodes = names.map((name, i) => program.run(['mdns', '-', '5353', 'lan', `400${i + 1}`], inside(name)))
    for (const node of nodes) await lineWith(node, 'flushed')
    await bringUp()
    const found = new Set<string>()
    const [one, other] = nodes as [RunningProgram, RunningProgram]
    const wanted = (address: string): boolean =>
      /10\.55\.0\.2:4002$/.test(address) || /fe80.*%eth0\]:4002$/.test(address)
    while (found.size < 2) {
      const line = await one.line()
      if (wanted(line)) found.add(line)
    }
    await lineWith(other, '10.55.0.1:4001')
    await expectCleanEnd(...nodes)
  })

  test('a bootstrap server on a LAN address serves both machines', async (context) => {
    if (!possible) context.skip()
    await bringUp()
    const server = program.run(['server', '10.55.0.1'], inside(names[0]))
    const address = await server.line()
    expect(address).toMatch(/^10\.55\.0\.1:\d+$/)
    const nodes = names.map((name, i) =>
      program.run(['hyperdht', '-', '5353', 'lan', `400${i + 1}`, address], inside(name)),
    )
    const [one, other] = nodes as [RunningProgram, RunningProgram]
    expect(await lineWith(one, 'hyperdht')).toContain(':4002')
    expect(await lineWith(other, 'hyperdht')).toContain(':4001')
    await expectCleanEnd(...nodes)
    await expectCleanEnd(server)
  })
})
