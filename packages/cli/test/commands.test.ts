// Commands and options beyond pub and sub: who is there, what was said before, by which way, under which name.

import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freshTopic, hearsay, objects, type Running, start } from './command.js'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hearsay-commands-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const running: Running[] = []
afterEach(async () => {
  for (const { child } of running) child.kill('SIGTERM')
  await Promise.all(running.splice(0).map(({ ended }) => ended))
})

const HERE = ['--no-dht', '--no-mdns', '--host', '127.0.0.1'] as const
/** Found by mDNS on this machine alone. */
const BROADCAST = ['--no-dht', '--host', '127.0.0.1', '--ephemeral'] as const
const ALONE = [...HERE, '--ephemeral'] as const

function run(args: readonly string[], options?: Parameters<typeof start>[1]): Running {
  const started = start(args, options)
  running.push(started)
  return started
}

/** A long-lived node in the topic, with how to reach it and who it is. */
async function stay(topic: string, ...args: readonly string[]) {
  const node = run(['node', topic, '-v', '--json', ...ALONE, ...args])
  const { peer, addresses } = JSON.parse(await node.line('"listening"')) as { peer: string; addresses: string[] }
  return { ...node, peer, addresses, dial: ['--seed-peer', addresses[0] as string] }
}

describe('peers', () => {
  it('says who is there, by which transport, how far away and who dialled', async () => {
    const topic = freshTopic()
    const node = await stay(topic)
    const asked = await hearsay(['peers', topic, '--json', ...ALONE, ...node.dial])
    expect(asked.code).toBe(0)
    const [peer] = objects(asked.stdout)
    expect(peer).toMatchObject({ type: 'peer', peer: node.peer, transport: 'tcp', direction: 'out' })
    expect(peer).toMatchObject({ address: node.addresses[0], rttMs: expect.any(Number) })
    const told = await hearsay(['peers', topic, ...ALONE, ...node.dial])
    expect(told.stdout).toMatch(new RegExp(`^${node.peer}  tcp  out  [0-9.]+ ms  tcp://127.0.0.1:\\d+\n$`))
  })

  it('ends with code 3 when nobody comes in time', async () => {
    const asked = await hearsay(['peers', freshTopic(), '--timeout', '0.3', '--json', ...ALONE])
    expect(asked.code).toBe(3)
    expect(objects(asked.stderr)).toMatchObject([{ type: 'error', code: 'ERR_NO_PEER' }])
  })
})

describe('sub --since', () => {
  it('prints what was said before, all of it or as far back as asked, and nothing of it by default', async () => {
    const topic = freshTopic()
    const node = await stay(topic)
    for (const text of ['one', 'two']) await hearsay(['pub', topic, text, ...ALONE, '--no-listen', ...node.dial])
    const listen = (...args: readonly string[]) => hearsay(['sub', topic, ...args, ...ALONE, ...node.dial])
    expect(await listen('--since', 'all', '--count', '2')).toMatchObject({ code: 0, stdout: 'one\ntwo\n' })
    expect(await listen('--since', '10m', '--count', '2')).toMatchObject({ code: 0, stdout: 'one\ntwo\n' })
    expect(await listen('--timeout', '1')).toMatchObject({ code: 4, stdout: '' })
  })

  it.each(['yesterday', '10', '-1s', '1d'])('refuses %s as a time', async (since) => {
    const refused = await hearsay(['sub', freshTopic(), '--since', since, '--json', ...ALONE])
    expect(refused.code).toBe(2)
    expect(objects(refused.stderr)).toMatchObject([{ type: 'error', code: 'ERR_USAGE' }])
  })
})

describe('--transport', () => {
  it('ws listens and links by WebSocket alone', async () => {
    const topic = freshTopic()
    const node = await stay(topic, '--transport', 'ws')
    expect(node.addresses.every((address) => address.startsWith('ws://'))).toBe(true)
    const asked = await hearsay(['peers', topic, '--json', ...ALONE, ...node.dial])
    expect(objects(asked.stdout)).toMatchObject([{ peer: node.peer, transport: 'ws' }])
  })

  it('utp listens at the number that TCP has, and links by UDP', async () => {
    const topic = freshTopic()
    const node = await stay(topic, '--transport', 'tcp,utp')
    const [utp] = node.addresses.filter((address) => address.startsWith('utp://'))
    const asked = await hearsay([
      'peers',
      topic,
      '--json',
      ...ALONE,
      '--transport',
      'utp',
      '--seed-peer',
      utp as string,
    ])
    expect(objects(asked.stdout)).toMatchObject([{ peer: node.peer, transport: 'utp' }])
  })

  it('is not needed to dial a WebSocket address, nor to listen for browsers beside TCP', async () => {
    const topic = freshTopic()
    const node = await stay(topic, '--ws', '0')
    const [ws] = node.addresses.filter((address) => address.startsWith('ws://'))
    expect(node.addresses[0]).toMatch(/^tcp:/)
    const asked = await hearsay(['peers', topic, '--json', ...ALONE, '--seed-peer', ws as string])
    expect(objects(asked.stdout)).toMatchObject([{ peer: node.peer, transport: 'ws' }])
  })

  it('refuses a name that it does not know', async () => {
    const refused = await hearsay(['sub', freshTopic(), '--transport', 'pigeon', ...ALONE])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('Name some of tcp')
  })
})

describe('chat --name', () => {
  it('shows the name, with the first letters of the key that anybody who takes the name lacks', async () => {
    const topic = freshTopic()
    const listener = run(['chat', topic, '-v', ...ALONE])
    const listening = await listener.line('listening on')
    const [, address, author] = /on (\S+).* as (\w+)/.exec(listening) ?? []
    expect(author).toHaveLength(52)
    const dial = ['--seed-peer', address as string, '--name', 'Ann']
    const speaker = run(['chat', topic, ...ALONE, ...dial], { input: 'hello there\n' })
    expect(await listener.line('hello there')).toMatch(/^Ann \([a-z0-9]{8}\): hello there$/)
    await speaker.ended
  })
})

describe('the address book of a data directory', () => {
  it('leads the next run to peers of the last one, with no discovery and no seed', async () => {
    const topic = freshTopic()
    const node = await stay(topic)
    const own = [...HERE, '--data-dir', join(directory, 'book')]
    const first = await hearsay(['peers', topic, '--json', ...own, ...node.dial])
    expect(first.code).toBe(0)
    expect(await readdir(join(directory, 'book'))).toContain('addresses')
    const again = await hearsay(['peers', topic, '--json', '--timeout', '5', ...own])
    expect(objects(again.stdout)).toMatchObject([{ peer: node.peer }])
  })
})

describe('query and answer', () => {
  it('ask everybody and print what a program says, as text and as JSON', async () => {
    const topic = freshTopic()
    const node = await stay(topic)
    const program = join(directory, 'shout')
    await writeFile(program, '#!/bin/sh\ntr a-z A-Z\n')
    await chmod(program, 0o755)
    for (let count = 0; count < 2; count++) {
      const answering = run(['answer', topic, 'shout', '--exec', program, '-v', ...ALONE, ...node.dial])
      await answering.line('+ ')
    }
    const told = await hearsay([
      'query',
      topic,
      'shout',
      'hello',
      '--count',
      '2',
      '--wait',
      '10',
      ...ALONE,
      ...node.dial,
    ])
    expect(told).toMatchObject({ code: 0, stdout: 'HELLO\nHELLO\n' })
    const asked = ['query', topic, 'shout', 'hi', '--count', '1', '--wait', '10', '--json', ...ALONE, ...node.dial]
    expect(objects((await hearsay(asked)).stdout)).toMatchObject([{ type: 'answer', query: 'shout', data: 'HI' }])
    const silent = await hearsay(['query', topic, 'unknown', '--wait', '0.3', ...ALONE, ...node.dial])
    expect(silent).toMatchObject({ code: 0, stdout: '' })
  })

  it('gives no answer where the program fails, and ends with 3 where nobody is', async () => {
    const topic = freshTopic()
    const node = await stay(topic)
    const answering = run(['answer', topic, 'no', '--exec', '/bin/false', '-v', ...ALONE, ...node.dial])
    await answering.line('+ ')
    const asked = await hearsay(['query', topic, 'no', '--wait', '1', ...ALONE, ...node.dial])
    expect(asked).toMatchObject({ code: 0, stdout: '' })
    expect((await hearsay(['query', freshTopic(), 'x', '--timeout', '0.2', ...ALONE])).code).toBe(3)
  })
})

describe('sub --exec', () => {
  it('runs the program for each message, in order, without a shell', async () => {
    const topic = freshTopic()
    const sub = run(['sub', topic, '--exec', '/bin/cat', '--count', '2', '-v', ...ALONE])
    const [, address] = /on (\S+)/.exec(await sub.line('listening on')) ?? []
    await hearsay(['pub', topic, ...ALONE, '--no-listen', '--seed-peer', address as string], { input: '$(id)\ntwo\n' })
    expect((await sub.ended).stdout).toBe('$(id)\ntwo\n')
  })
})

describe('pipe', () => {
  it('carries a megabyte each way, and ends when both ends have', async () => {
    const waiting = run(['pipe', '--json', ...BROADCAST], { input: 'a'.repeat(1_000_000) })
    const { ticket } = JSON.parse(await waiting.line('"ticket"'))
    const other = await hearsay(['pipe', ticket, ...BROADCAST], { input: 'b'.repeat(1_000_000) })
    const first = await waiting.ended
    expect([first.code, other.code]).toEqual([0, 0])
    expect(first.stdout === 'b'.repeat(1_000_000)).toBe(true)
    expect(other.stdout === 'a'.repeat(1_000_000)).toBe(true)
  })

  it('refuses what is no ticket, and gives up with 3 when the other end is not there', async () => {
    const refused = await hearsay(['pipe', 'pipe1nonsense', '--json', ...ALONE])
    expect(refused.code).toBe(2)
    expect(objects(refused.stderr)).toMatchObject([{ code: 'ERR_TICKET' }])
    const ticket = `pipe1${Buffer.alloc(64, 3).toString('base64url')}`
    expect((await hearsay(['pipe', ticket, '--timeout', '0.3', ...ALONE])).code).toBe(3)
  })
})
