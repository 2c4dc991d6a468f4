// Rooms over the connections of two programs that run a plain hyperswarm, beside those programs' own channels.

import { createRequire } from 'node:module'
import { createIdentity } from '@hearsay/core'
import { afterEach, expect, it } from 'vitest'
import { createBootstrapServer, createNode, hyperswarmLinks, type Node } from '../src/index.js'
import { next, TOPIC, take } from './nodes.js'

type Swarm = Parameters<typeof hyperswarmLinks>[0] & {
  readonly keyPair: { readonly secretKey: Uint8Array }
  join(topic: Uint8Array, options: object): { flushed(): Promise<void> }
  destroy(): Promise<void>
}

interface Mux {
  createChannel(options: object): { open(): void; addMessage(options: object): { send(text: string): boolean } } | null
}

const load = createRequire(import.meta.url)
const Hyperswarm = load('hyperswarm') as new (options: object) => Swarm
const Protomux = load('protomux') as { from(stream: object): Mux }
const { string } = load('compact-encoding') as { string: object }

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

/** The program's own chat on each of its connections. */
function chatOf(swarm: Swarm, heard: (text: string) => void): void {
  swarm.on('connection', (stream: object) => {
    const channel = Protomux.from(stream).createChannel({ protocol: 'somebody/chat' })
    const message = channel?.addMessage({ encoding: string, onmessage: (text: string) => heard(text) })
    channel?.open()
    message?.send('from the program')
  })
}

function nodeOf(swarm: Swarm): Node {
  const identity = createIdentity({ seed: swarm.keyPair.secretKey.subarray(0, 32) })
  const node = createNode({ identity, discovery: [], transports: [hyperswarmLinks(swarm, { identity })] })
  open.unshift(node)
  return node
}

it('two plain hyperswarm programs talk in a room over the stream that carries their own channel', async () => {
  const server = await createBootstrapServer({ host: '127.0.0.1' })
  open.push(server)
  const swarms = [0, 1].map(() => new Hyperswarm({ bootstrap: [server.address] })) as [Swarm, Swarm]
  for (const swarm of swarms) open.unshift({ close: () => swarm.destroy() })
  const chats = swarms.map((swarm) => next<[string]>((listener) => chatOf(swarm, listener)))
  const rooms = await Promise.all(swarms.map((swarm) => nodeOf(swarm).join(TOPIC)))
  const topic = new Uint8Array(32).fill(9)
  await swarms[0].join(topic, { server: true, client: false }).flushed()
  swarms[1].join(topic, { server: false, client: true })
  const [first, second] = rooms as [(typeof rooms)[0], (typeof rooms)[0]]
  await Promise.all([first.ready(), second.ready()])
  await (await first.publish('hello')).confirmed(1)
  const [message] = await take(second, 1)
  expect(message).toMatchObject({ data: 'hello', hops: 1, seq: 0 })
  expect(await Promise.all(chats)).toEqual([['from the program'], ['from the program']])
})
