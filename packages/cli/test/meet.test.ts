// Two real processes that find each other and talk.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBootstrapServer } from 'hearsay'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshTopic, hearsay, objects, start } from './command.js'

const SUB = ['--json', '--count', '1', '--timeout', '20'] as const

interface Way {
  readonly way: string
  options(): readonly string[]
}

let bootstrap: Awaited<ReturnType<typeof createBootstrapServer>>
let directory: string
beforeAll(async () => {
  bootstrap = await createBootstrapServer({ host: '127.0.0.1' })
  directory = await mkdtemp(join(tmpdir(), 'hearsay-cli-'))
})
afterAll(async () => {
  await bootstrap.close()
  await rm(directory, { recursive: true, force: true })
})

const ways: readonly Way[] = [
  { way: 'mDNS', options: () => ['--no-dht', '--ephemeral'] },
  { way: 'a private DHT network', options: () => ['--no-mdns', '--ephemeral', '--bootstrap', bootstrap.address] },
  { way: 'mDNS with one data directory', options: () => ['--no-dht', '--data-dir', join(directory, 'mdns')] },
  {
    way: 'a private DHT network with one data directory',
    options: () => ['--no-mdns', '--bootstrap', bootstrap.address, '--data-dir', join(directory, 'dht')],
  },
]

async function expectMessage(
  topic: string,
  sub: ReturnType<typeof start>,
  pub: ReturnType<typeof start>,
): Promise<void> {
  const [heard, said] = await Promise.all([sub.ended, pub.ended])
  expect(said).toMatchObject({ code: 0, stdout: '' })
  expect(heard, heard.stderr).toMatchObject({ code: 0 })
  const [message, ...more] = objects(heard.stdout)
  expect(more).toEqual([])
  expect(message).toEqual({
    type: 'message',
    topic,
    author: expect.stringMatching(/^[a-z0-9]{52}$/),
    epoch: expect.any(Number),
    seq: 0,
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    hops: 1,
    data: 'hello',
  })
}

describe.each(ways)('over $way', ({ options }) => {
  it('a message arrives when both start in the same instant', async () => {
    const topic = freshTopic()
    const sub = start(['sub', topic, ...SUB, ...options()])
    await expectMessage(topic, sub, start(['pub', topic, 'hello', ...options()]))
  })

  it('a message arrives when the subscriber starts first', async () => {
    const topic = freshTopic()
    const sub = start(['sub', topic, ...SUB, '-v', ...options()])
    await sub.line('"listening"')
    const pub = start(['pub', topic, 'hello', ...options()])
    const [heard, said] = await Promise.all([sub.ended, pub.ended])
    expect([heard.code, said.code]).toEqual([0, 0])
    expect(objects(heard.stdout).map(({ type }) => type)).toEqual(['listening', 'peer', 'message'])
  })

  it('a message arrives when the publisher starts first', async () => {
    const topic = freshTopic()
    const pub = start(['pub', topic, 'hello', '-v', ...options()])
    await pub.line('listening on')
    await expectMessage(topic, start(['sub', topic, ...SUB, ...options()]), { ...pub, ended: pub.ended })
  })
})

describe('one user in two terminals', () => {
  it('signs with one key in both, and the second command says that it links under another', async () => {
    const topic = freshTopic()
    const own = ['--no-dht', '--data-dir', join(directory, 'two')]
    const sub = start(['sub', topic, '--count', '1', '-v', '--timeout', '20', ...own])
    await sub.line('listening on')
    const said = await hearsay(['pub', topic, 'hello', ...own])
    const { stdout } = await hearsay(['id', ...own])
    expect(said.stderr).toMatch(/^another command uses this data directory.*\n$/)
    expect((await sub.ended).stdout).toBe(`${stdout.trim()} hello\n`)
  })
})

describe('a seed peer', () => {
  it('is enough to meet, with no discovery at all', async () => {
    const topic = freshTopic()
    const alone = ['--no-dht', '--no-mdns', '--ephemeral', '--host', '127.0.0.1']
    const sub = start(['sub', topic, ...SUB, '-v', ...alone])
    const { addresses } = JSON.parse(await sub.line('"listening"'))
    const pub = await hearsay(['pub', topic, 'hello', '--no-listen', '--seed-peer', addresses[0], '--json', ...alone])
    expect(pub.code).toBe(0)
    expect(objects(pub.stdout)).toEqual([
      { type: 'published', author: expect.any(String), epoch: expect.any(Number), seq: 0, peers: 1 },
    ])
    expect((await sub.ended).code).toBe(0)
  })

  it('joins a line of three: the far end hears through the middle, with the author and two hops', async () => {
    const topic = freshTopic()
    const alone = ['--no-dht', '--no-mdns', '--ephemeral', '--host', '127.0.0.1', '--json']
    const middle = start(['sub', topic, '-v', ...alone])
    const { addresses } = JSON.parse(await middle.line('"listening"'))
    const dialOnly = [...alone, '--no-listen', '--seed-peer', addresses[0]]
    const far = start(['sub', topic, ...SUB, '-v', ...dialOnly])
    await far.line('"peer"')
    const near = await hearsay(['pub', topic, 'hello', ...dialOnly])
    const heard = await far.ended
    middle.child.kill('SIGTERM')
    expect(near.code).toBe(0)
    const message = objects(heard.stdout).find(({ type }) => type === 'message')
    expect(message).toMatchObject({ author: objects(near.stdout)[0]?.author, hops: 2, data: 'hello' })
    expect(await middle.ended).toMatchObject({ code: 143 })
  })
})
