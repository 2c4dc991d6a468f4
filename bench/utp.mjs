// uTP of ours beside libutp (`utp-native`, with buffers as it needs them), in processes of their own: loopback, a way of 40 ms
// there and back that loses one packet of a hundred, and what an idle connection costs. Rows of `utp-native` are left out
// where it does not load.

import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('utp-peer.mjs', import.meta.url))
const DELAY_MS = 20
const LOSS = 0.01

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
  const pass = (send) => {
    if (Math.random() >= LOSS) setTimeout(send, DELAY_MS)
  }
  front.on('message', (bytes, from) => {
    dialler = from
    pass(() => back.send(bytes, port, '127.0.0.1'))
  })
  back.on('message', (bytes) => pass(() => front.send(bytes, dialler.port, '127.0.0.1')))
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

async function median(rounds, measure) {
  const values = []
  for (let round = 0; round < rounds; round++) values.push(await measure())
  return values.sort((a, b) => a - b)[Math.floor(rounds / 2)]
}

export async function benchUtp(scale) {
  const kinds = [['own', 'ours']]
  const probe = start('serve', 'native')
  if (await probe.next()) kinds.push(['native', 'utp-native'])
  probe.stop()
  const rows = []
  for (const [kind, name] of kinds) {
    const near = await median(3, () => rate(kind, Math.round(100e6 * scale), false))
    const far = await median(3, () => rate(kind, Math.round(10e6 * scale), true))
    const cost = await idle(kind, 1_000)
    rows.push(
      [`${name}, loopback`, `${near.toFixed(0)} MB/s`],
      [`${name}, 40 ms and 1 % loss`, `${far.toFixed(2)} MB/s`],
      [
        `${name}, an idle connection of 1,000 on one port`,
        `${cost.rss} B resident, ${cost.external} B of them outside the heap`,
      ],
    )
  }
  return { title: 'uTP, two processes', rows }
}
