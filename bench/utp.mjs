// uTP of ours beside libutp (`utp-native`, with buffers as it needs them), in processes of their own: loopback, a way of 40 ms
// there and back that carries 1,500 bytes and loses one packet of a hundred, and what an idle connection costs. Rows of `utp-native` are left out
// where it does not load.

import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('utp-peer.mjs', import.meta.url))
const DELAY_MS = 20
const LOSS = 0.01
/** libutp takes 3,000; of fewer, what the engine keeps for garbage is most of what is measured. */
const IDLE = 2_900
/** What such a way carries, with headers of 28 bytes: loopback alone carries more. */
const MOST_BYTES = 1_500 - 28

function start(...args) {
  const child = spawn(process.execPath, ['--expose-gc', script, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value } = await lines.next()
    return value === undefined ? null : JSON.parse(value)
  }
  return { next, stop: () => child.kill() }
}

/** A port that passes on what comes from somebody to `port` and back, late, and not all of it. */
async function relay(port) {
  const [front, back] = [createSocket('udp4'), createSocket('udp4')]
  for (const socket of [front, back]) {
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    socket.setRecvBufferSize(4_000_000)
  }
  let dialler = null
  const pass = (bytes, send) => {
    if (bytes.length <= MOST_BYTES && Math.random() >= LOSS) setTimeout(send, DELAY_MS)
  }
  front.on('message', (bytes, from) => {
    dialler = from
    pass(bytes, () => back.send(bytes, port, '127.0.0.1'))
  })
  back.on('message', (bytes) => pass(bytes, () => front.send(bytes, dialler.port, '127.0.0.1')))
  // What is late when it ends goes nowhere.
  const close = () => setTimeout(() => [front, back].map((socket) => socket.close()), 2 * DELAY_MS)
  return { port: front.address().port, close }
}

async function rate(kind, bytes, isFar) {
  const server = start('serve', kind)
  const { port } = await server.next()
  const between = isFar ? await relay(port) : { port, close: () => {} }
  const { ms } = await start('send', kind, between.port, bytes).next()
  between.close()
  server.stop()
  return bytes / 1e6 / (ms / 1_000)
}

async function idle(kind, count) {
  const server = start('serve', kind)
  const { port } = await server.next()
  const cost = await start('idle', kind, port, count).next()
  server.stop()
  return cost
}

/** One after the other, in turns: what else the machine does meets all of them alike. The middle of each. */
async function medians(rounds, kinds, measure) {
  const values = kinds.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, [kind]] of kinds.entries()) values[index].push(await measure(kind))
  }
  return values.map((each) => each.sort((a, b) => a - b)[Math.floor(rounds / 2)])
}

export async function benchUtp(scale) {
  const kinds = [['own', 'ours']]
  const probe = start('serve', 'native')
  if (await probe.next()) kinds.push(['native', 'utp-native'])
  probe.stop()
  const near = await medians(5, kinds, (kind) => rate(kind, Math.round(100e6 * scale), false))
  const far = await medians(3, kinds, (kind) => rate(kind, Math.round(10e6 * scale), true))
  const resident = await medians(5, kinds, async (kind) => (await idle(kind, IDLE)).rss)
  const outside = await medians(1, kinds, async (kind) => (await idle(kind, IDLE)).external)
  const rows = kinds.flatMap(([, name], index) => [
    [`${name}, loopback`, `${near[index].toFixed(0)} MB/s`],
    [`${name}, 40 ms and 1 % loss`, `${far[index].toFixed(2)} MB/s`],
    [
      `${name}, an idle connection of 2,900 on one port`,
      `${resident[index]} B resident; ${outside[index]} B outside the heap`,
    ],
  ])
  return { title: 'uTP, two processes', rows }
}
