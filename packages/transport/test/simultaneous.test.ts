// Two nodes that dial each other at the same instant over every transport that both have: of up to four streams one
// becomes the link, the same one on both sides, and what it carries is none the worse for the others.

import { type Address, createIdentity, createTopic, type Identity, type Link } from '@hearsay/core'
import { createPool, type Pool, tcp } from '@hearsay/transport'
import { websocket } from '@hearsay/transport/ws'
import { afterEach, describe, expect, it } from 'vitest'
import { exchange, outcome } from './fixtures.js'

const ROUNDS = 50
/** Rounds that go on at once: enough for the dials to overtake each other, few enough for a busy machine. */
const ABREAST = 10
const BYTES = 300_000
/** Longer than the probe that decides between an old link and a new one. */
const WINDOW_MS = 1_200

const topic = createTopic('simultaneous').id
const open: Pool[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

/** A node that listens on both transports, and what it heard. */
interface Node {
  readonly identity: Identity
  readonly pool: Pool
  readonly tcp: Address
  readonly ws: Address
  readonly heard: { readonly links: Link[]; unlinks: number }
  /** Of the transfer that began when the first link came; true if it came whole. */
  readonly intact: Promise<boolean>
}

async function createNode(): Promise<Node> {
  const identity = createIdentity()
  // A machine at work may take longer than a second to answer a probe; whether that ends a link is tested elsewhere.
  const limits = { staggerMs: 1, dialConcurrency: 8, probeTimeoutMs: 10_000 }
  const pool = createPool({ identity, transports: [tcp(), websocket()], network: 'test', limits })
  open.push(pool)
  const heard: Node['heard'] = { links: [], unlinks: 0 }
  const intact = new Promise<boolean>((resolve) => {
    pool.on('link', (link) => {
      heard.links.push(link)
      // At once: the other dials are still on their way.
      if (heard.links.length === 1) void exchange(link, BYTES).then(resolve)
    })
  })
  pool.on('unlink', () => heard.unlinks++)
  await pool.listen({ host: '127.0.0.1' })
  const addressOf = (scheme: string): Address => {
    const address = pool.addresses.find((each) => each.scheme === scheme)
    if (!address) throw new Error(`listening on ${scheme}`)
    return address
  }
  return { identity, pool, tcp: addressOf('tcp'), ws: addressOf('ws'), heard, intact }
}

/** All four dials by hand in one turn, or in every other round as candidates of which the pool races both addresses. */
function dialEachOther([a, b]: readonly [Node, Node], round: number): Promise<unknown[]> {
  if (round % 2 === 0) {
    return Promise.all([a.pool.connect(b.tcp), b.pool.connect(a.ws), a.pool.connect(b.ws), b.pool.connect(a.tcp)])
  }
  const addresses = (node: Node): Address[] => (round % 4 === 1 ? [node.tcp, node.ws] : [node.ws, node.tcp])
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pool.want({ peer: to.identity.id, addresses: addresses(to), source: 'test' }, { topic })
    for (const address of addresses(to)) {
      from.pool.want({ peer: null, addresses: [address], source: 'test' }, { topic })
    }
  }
  return Promise.all([a.pool.connect(b.identity.id), b.pool.connect(a.identity.id)])
}

/** Streams beside the link, dialled by either side over either transport, in the middle of its transfer. */
async function dialAgain(from: Node, to: Node): Promise<unknown[]> {
  const [overTcp, overWebSocket] = [tcp(), websocket()]
  try {
    const streams = await Promise.all([overTcp.dial(to.tcp), overWebSocket.dial(to.ws)])
    return await Promise.all(streams.map((stream) => outcome(from.pool.attach(stream, { initiator: true }))))
  } finally {
    await Promise.all([overTcp.close(), overWebSocket.close()])
  }
}

async function playRound(round: number): Promise<readonly [Node, Node]> {
  const pair = [await createNode(), await createNode()] as const
  const [a, b] = pair
  const links = new Set(await dialEachOther(pair, round))
  const again = await Promise.all([dialAgain(a, b), dialAgain(b, a)])
  expect([round, ...(await Promise.all([a.intact, b.intact]))]).toEqual([round, true, true])
  // One link of a, one of b, whichever dial asked for it.
  expect([round, links.size, a.heard.links.length, b.heard.links.length]).toEqual([round, 2, 1, 1])
  expect(links.has(a.heard.links[0]) && links.has(b.heard.links[0])).toBe(true)
  expect(again.flat()).toMatchObject(Array.from({ length: 4 }, () => ({ code: 'ERR_DUPLICATE' })))
  return pair
}

describe('two pools over TCP and WebSocket', () => {
  it('have one and the same link when both dial over both at once, fifty times, which loses nothing and stays', async () => {
    const pairs: (readonly [Node, Node])[] = []
    for (let round = 0; round < ROUNDS; round += ABREAST) {
      const rounds = Array.from({ length: ABREAST }, (_, index) => playRound(round + index))
      pairs.push(...(await Promise.all(rounds)))
    }
    // A window to look for what must not happen: nobody changes links afterwards.
    await new Promise((resolve) => setTimeout(resolve, WINDOW_MS))
    for (const [a, b] of pairs) {
      const [one, other] = [a.pool.links.get(b.identity.id), b.pool.links.get(a.identity.id)]
      expect([one, other]).toEqual([a.heard.links[0], b.heard.links[0]])
      expect(Buffer.from(one?.handshakeHash ?? []).equals(other?.handshakeHash ?? Buffer.alloc(1))).toBe(true)
      expect(one?.initiator).toBe(!other?.initiator)
      for (const { pool, heard } of [a, b]) {
        expect([pool.links.size, pool.inspect().halfOpen, heard.links.length, heard.unlinks]).toEqual([1, 0, 1, 0])
      }
    }
  })
})
