// Questions and answers across a line of nodes, messages and streams between two, and what happens when nobody answers.

import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type Answer,
  createIdentity,
  type DirectMessage,
  type Node,
  type NodeOptions,
  type Query,
  type Room,
} from '../src/index.js'
import { addressOf, localNode, next } from './nodes.js'

const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

function start(options: NodeOptions = {}): Node {
  const node = localNode({ exchange: false, ...options })
  open.push(node)
  return node
}

/** A line of nodes in one topic, each linked to the next alone. */
async function line(count: number, options: Parameters<Node['join']>[1] = {}): Promise<Room<unknown>[]> {
  const nodes = Array.from({ length: count }, () => start())
  const rooms = await Promise.all(nodes.map((node) => node.join('line', options)))
  for (const [index, node] of nodes.slice(1).entries()) await node.connect(addressOf(nodes[index] as Node))
  for (const [index, room] of rooms.entries()) {
    await room.ready({ peers: index === 0 || index === count - 1 ? 1 : 2 })
  }
  // The query channels open with the room's; a question that the far end hears shows that all are there.
  let isHeard = false
  const stop = rooms[count - 1]?.on('query', () => {
    isHeard = true
  })
  while (!isHeard) await all(rooms[0]?.query('there?', undefined, { wait: 50 }))
  stop?.()
  return rooms
}

async function all<T>(answers: AsyncIterable<Answer<T>> | undefined): Promise<Answer<T>[]> {
  const found: Answer<T>[] = []
  for await (const answer of answers ?? []) found.push(answer)
  return found
}

describe('a question across a line of five', () => {
  it.each([
    ['an object', { encoding: 'json' }, { question: 1 }, { answer: [2] }],
    ['text', { encoding: 'text' }, 'what?', 'that'],
    ['bytes', { encoding: 'bytes' }, Uint8Array.of(1), Uint8Array.of(2, 3)],
    ['nothing', { encoding: 'json' }, undefined, null],
  ] as const)('is answered by each other node with its hop count, as %s', async (_what, options, question, reply) => {
    const rooms = await line(5, options as never)
    const heard: Query<unknown>[] = []
    for (const room of rooms.slice(1)) {
      room.answer('test', (query) => {
        heard.push(query)
        return reply
      })
    }
    const answers = await all(rooms[0]?.query('test', question, { count: 4, wait: 5_000 }))
    expect(answers.map(({ hops }) => hops).sort()).toEqual([1, 2, 3, 4])
    for (const answer of answers) expect(answer).toMatchObject({ data: reply, undecodable: false })
    expect(new Set(answers.map(({ author }) => author)).size).toBe(4)
    expect(heard.map(({ data }) => data)).toEqual([question, question, question, question])
    expect(heard.map(({ hops }) => hops).sort()).toEqual([1, 2, 3, 4])
  })

  it.each([
    ['text', '', ''],
    ['bytes', new Uint8Array(), new Uint8Array()],
    ['json', undefined, undefined],
  ] as const)('carries what has no bytes as %s does', async (encoding, nothing, read) => {
    const [one, other] = (await line(2, { encoding } as never)) as [Room<unknown>, Room<unknown>]
    const asked: unknown[] = []
    other.answer('test', ({ data }) => {
      asked.push(data)
      return data ?? null
    })
    const heard = next<[DirectMessage<unknown>]>((listener) => other.on('direct-message', listener))
    const [answer] = await all(one.query('test', nothing, { count: 1, wait: 5_000 }))
    await one.send([...one.peers.keys()][0] as never, nothing)
    expect([asked[0], answer?.data ?? undefined, (await heard)[0].data]).toEqual([read, read, read])
  })

  it('goes no further than its hops, and ends in time when nobody answers, or nobody is there', async () => {
    const rooms = await line(4)
    const heard: number[] = []
    for (const [index, room] of rooms.entries()) room.on('query', ({ type }) => type === 'near' && heard.push(index))
    expect(await all(rooms[0]?.query('near', null, { hops: 2, wait: 300 }))).toEqual([])
    expect(heard).toEqual([1, 2])
    const alone = await start().join('nobody')
    expect(await all(alone.query('anybody', null, { wait: 50 }))).toEqual([])
  })

  it('ends with the signal, with the room, and when its reader has enough', async () => {
    const rooms = await line(3)
    for (const room of rooms.slice(1)) room.answer('test', async () => 'here')
    const abort = new AbortController()
    const waiting = all(rooms[0]?.query('silent', null, { wait: 60_000, signal: abort.signal }))
    abort.abort(new Error('mine'))
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: abort.signal.reason })
    for await (const { data } of rooms[0]?.query('test', null, { wait: 60_000 }) ?? []) {
      expect(data).toBe('here')
      break
    }
    const ending = all(rooms[0]?.query('silent', null, { wait: 60_000 }))
    await rooms[0]?.close()
    expect(await ending).toEqual([])
    expect(() => rooms[0]?.query('test')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })

  it('is not answered twice, nor by a handler that throws, returns nothing, or is gone', async () => {
    const rooms = await line(2)
    const [asking, asked] = rooms as [Room<unknown>, Room<unknown>]
    const warnings: Error[] = []
    asked.on('warning', (error) => warnings.push(error))
    asked.answer('throws', () => {
      throw new Error('a mistake of the application')
    })
    asked.answer('nothing', () => undefined)
    asked.answer('gone', () => 'no')()
    expect(() => asked.answer('nothing', () => 1)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    for (const type of ['throws', 'nothing', 'gone', 'unknown']) {
      expect(await all(asking.query(type, null, { wait: 150 }))).toEqual([])
    }
    expect(warnings.map(({ message }) => message)).toEqual(['a mistake of the application'])
  })

  it.each([
    ['a type that is none', 'two words', null, {}],
    ['a wait that is none', 'test', null, { wait: 0 }],
    ['a wait beyond a minute', 'test', null, { wait: 60_001 }],
    ['no hops', 'test', null, { hops: 0 }],
    ['more than 64 KiB', 'test', 'x'.repeat(65_536), {}],
  ] as const)('is refused with a code for %s', async (_what, type, data, options) => {
    const room = await start().join('odd')
    expect(() => room.query(type, data, options)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_(OPTION|MESSAGE_SIZE)$/) }),
    )
  })

  it('is sealed in a private room, and answered there', async () => {
    const rooms = await line(3, { secret: 'four words like these' })
    rooms[2]?.answer('test', ({ data }) => `${data}!`)
    const [answer] = await all(rooms[0]?.query('test', 'secret', { count: 1, wait: 5_000 }))
    expect(answer).toMatchObject({ data: 'secret!', hops: 2 })
  })
})

/** Three nodes of which the middle one alone knows the others, linked in a line. */
async function threeInLine(options: NodeOptions) {
  const nodes = [start(options), start(options), start(options)]
  const rooms = await Promise.all(nodes.map((node) => node.join('far')))
  const [a, b, c] = nodes as [Node, Node, Node]
  const [one, , far] = rooms as [Room<unknown>, Room<unknown>, Room<unknown>]
  await a.connect(addressOf(b))
  await c.connect(addressOf(b))
  await Promise.all(rooms.map((room) => room.ready()))
  return { a, b, c, one, far }
}

describe('a message to one peer', () => {
  it('is heard by that peer alone, and resolves when it was', async () => {
    const rooms = await line(3)
    const [one, middle, other] = rooms as [Room<unknown>, Room<unknown>, Room<unknown>]
    const heard: DirectMessage<unknown>[] = []
    middle.on('direct-message', (message) => heard.push(message))
    other.on('direct-message', () => heard.push(undefined as never))
    const [to] = one.peers.keys()
    await one.send(to as never, { hello: 1 })
    expect(heard).toMatchObject([
      { peer: [...middle.peers.keys()].find((peer) => !other.peers.has(peer)), data: { hello: 1 } },
    ])
  })

  it.each([
    ['members tell of each other', {}],
    ['nobody tells of others', { exchange: false }],
  ])('reaches a peer two links away by making a link, where %s', async (_how, options) => {
    const { a, c, one, far } = await threeInLine(options)
    const heard = next<[DirectMessage<unknown>]>((listener) => far.on('direct-message', listener))
    await one.send(c.id, 'over there')
    expect((await heard)[0]).toMatchObject({ peer: a.id, data: 'over there' })
    expect(a.links.has(c.id)).toBe(true)
  })

  it('reaches whoever answered a question from the other end of a line of five', async () => {
    const rooms = await line(5)
    const [one, far] = [rooms[0], rooms[4]] as [Room<unknown>, Room<unknown>]
    far.answer('who', () => 'me')
    const heard = next<[DirectMessage<unknown>]>((listener) => far.on('direct-message', listener))
    const [answer] = await all(one.query('who', null, { count: 1, wait: 5_000 }))
    expect(answer).toMatchObject({ hops: 4 })
    await one.send(answer?.author as never, 'over there')
    expect((await heard)[0].data).toBe('over there')
  })

  it('is refused with a code where the peer cannot be reached, is not in the room, or the signal fires', async () => {
    const [a, b] = [start(), start()]
    const room = await a.join('here')
    await expect(room.send(createIdentity().id, 'x')).rejects.toMatchObject({ code: 'ERR_DIAL' })
    await b.ready()
    await a.connect(addressOf(b))
    await expect(room.send(b.id, 'x', { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    })
  })
})

describe('a stream to one peer', () => {
  it('reaches a peer two links away by making a link', async () => {
    const { c, one, far } = await threeInLine({ exchange: false })
    far.on('stream', (stream) => stream.pipe(stream))
    const stream = await one.openStream(c.id)
    stream.end('over there')
    expect(String((await once(stream, 'data'))[0])).toBe('over there')
  })

  it('carries bytes both ways, with half-close', async () => {
    const rooms = await line(2)
    const [one, other] = rooms as [Room<unknown>, Room<unknown>]
    const [to] = one.peers.keys()
    other.on('stream', (stream) => stream.pipe(stream))
    const stream = await one.openStream(to as never)
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.end(Buffer.alloc(1_000_000, 7))
    await once(stream, 'end')
    expect(Buffer.concat(chunks).equals(Buffer.alloc(1_000_000, 7))).toBe(true)
  })

  it('errors where nobody listens for streams, and ends when the room closes', async () => {
    const rooms = await line(2)
    const [one, other] = rooms as [Room<unknown>, Room<unknown>]
    const [to] = one.peers.keys()
    const refused = await one.openStream(to as never)
    await new Promise((resolve) => refused.on('close', resolve))
    expect(refused.errored).toMatchObject({ code: 'ERR_CLOSED' })
    const taken = next<[Duplex]>((listener) => other.on('stream', listener))
    const stream = await one.openStream(to as never)
    await taken
    const closed = new Promise((resolve) => stream.on('close', resolve))
    await other.close()
    await closed
  })
})

describe('a room as a duplex', () => {
  it('publishes what is written and reads what others say, until the room closes', async () => {
    const rooms = await line(2, { encoding: 'text' } as never)
    const [one, other] = rooms.map((room) => room.duplex()) as [Duplex, Duplex]
    const heard: unknown[] = []
    other.on('data', (value) => heard.push(value))
    one.write('first')
    one.end('second')
    while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(heard).toEqual(['first', 'second'])
    other.write('back')
    for await (const value of one) {
      expect(value).toBe('back')
      break
    }
    const ended = new Promise((resolve) => other.on('end', resolve))
    await rooms[1]?.close()
    await ended
    expect(() => rooms[1]?.duplex()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })

  it('reads what a stream cannot carry, a null or nothing, as its bytes, and goes on', async () => {
    const [one, other] = await line(2)
    const stream = other?.duplex() as Duplex
    const heard: unknown[] = []
    stream.on('data', (value) => heard.push(value))
    for (const value of [1, null, 2]) await one?.publish(value)
    while (heard.length < 3 && !stream.readableEnded) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(heard).toEqual([1, new TextEncoder().encode('null'), 2])
  })

  it('errors, without taking the process along, for a value that the encoding cannot write', async () => {
    const room = await start().join('odd', { encoding: 'text' })
    const stream = room.duplex()
    const failed = new Promise<Error>((resolve) => stream.on('error', resolve))
    stream.write(7)
    expect(await failed).toMatchObject({ code: 'ERR_ENCODING' })
  })
})
