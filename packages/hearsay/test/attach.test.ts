// Links over streams that somebody else made, and a hostile relay on one of them.

import { connect, createServer } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import { createIdentity } from '@hearsay/core'
import { memoryStreamPair } from '@hearsay/core/memory'
import { afterEach, describe, expect, it } from 'vitest'
import type { Node } from '../src/index.js'
import { localNode, next, TOPIC, take } from './nodes.js'

const open: Node[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((node) => node.close()))
})

function start(...args: Parameters<typeof localNode>): Node {
  const node = localNode({ listen: false, ...args[0] })
  open.push(node)
  return node
}

/** Two Node duplexes joined by pass-throughs. */
function duplexPair(): readonly [Duplex, Duplex] {
  const [there, back] = [new PassThrough(), new PassThrough()]
  return [Duplex.from({ readable: back, writable: there }), Duplex.from({ readable: there, writable: back })]
}

async function socketPair() {
  const server = createServer().listen(0, '127.0.0.1')
  await next((listener) => server.once('listening', listener))
  const accepted = next<[import('node:net').Socket]>((listener) => server.once('connection', listener))
  const dialled = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [socket] = await accepted
  server.close()
  return [dialled, socket] as const
}

describe.each([
  ['memory streams', async () => memoryStreamPair()],
  ['memory streams cut into single bytes', async () => memoryStreamPair({ chunkBytes: 1 })],
  ['Node duplexes', async () => duplexPair()],
  ['sockets', socketPair],
])('attach over %s', (_name, pair) => {
  it('makes a link that rooms talk over', async () => {
    const [a, b] = [start(), start()]
    const [left, right] = await pair()
    const [toB, toA] = await Promise.all([
      a.attach(left, { initiator: true }),
      b.attach(right, { initiator: false, peer: a.id }),
    ])
    expect([toB.remote, toA.remote]).toEqual([b.id, a.id])
    const [roomA, roomB] = [await a.join(TOPIC), await b.join(TOPIC)]
    await (await roomA.publish('over any duplex')).confirmed(1)
    expect((await take(roomB, 1))[0]).toMatchObject({ author: a.author, data: 'over any duplex' })
  })
})

describe('attach', () => {
  it('rejects with a code when another peer is at the other end than was expected', async () => {
    const [a, b] = [start(), start()]
    const [left, right] = memoryStreamPair()
    const stranger = createIdentity().id
    const results = await Promise.allSettled([
      a.attach(left, { initiator: true, peer: stranger }),
      b.attach(right, { initiator: false }),
    ])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(results[0]).toMatchObject({ reason: { code: 'ERR_PEER_MISMATCH' } })
  })

  it('rejects with a code when the other end sends garbage', async () => {
    const a = start()
    const [left, right] = memoryStreamPair()
    const attached = a.attach(left, { initiator: true })
    right.write(new Uint8Array(2_000).fill(0xff))
    await expect(attached).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_/) })
  })
})
