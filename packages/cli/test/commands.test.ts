// Commands and options beyond pub and sub: who is there, what was said before, by which way, under which name.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
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
