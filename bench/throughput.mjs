// Two processes over TCP on loopback: messages a second, what they cost either process, and latency, beside a bare TCP socket
// that carries the same bytes. On a machine with other work the cost tells more than the rate.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createNode, printAddress } from 'hearsay'

const listener = fileURLToPath(new URL('listener.mjs', import.meta.url))
const BYTES = 100

export async function benchThroughput(scale) {
  const node = createNode({ discovery: [], host: '127.0.0.1' })
  await node.ready()
  const room = await node.join('bench', { encoding: 'bytes' })
  const child = spawn(process.execPath, [listener, printAddress(node.addresses[0])], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await room.ready()
  const batched = await rate(room, child, { messages: Math.round(300_000 * scale), batch: 64 })
  const single = await rate(room, child, { messages: Math.round(20_000 * scale), batch: 1 })
  const rows = [...rowsOf('64 a signature', batched), ...rowsOf('one a signature', single)]
  const latencies = await confirmations(room, Math.round(500 * scale))
  rows.push(
    ['publish to confirmed, p50', `${latencies.p50.toFixed(2)} ms`],
    ['publish to confirmed, p99', `${latencies.p99.toFixed(2)} ms`],
  )
  const plain = await plainTcp(Math.round(200_000 * scale))
  rows.push(['bare TCP, writes of 100 B/s (in one process)', Math.round(plain).toLocaleString('en')])
  child.kill()
  await once(child, 'exit')
  await node.close()
  return { title: 'Two processes over TCP and Noise, the default engine', rows }
}

async function rate(room, child, { messages, batch }) {
  const payload = new Uint8Array(BYTES).fill(7)
  const before = { sender: cpuOf(process.cpuUsage()), receiver: await cpuOfListener(child) }
  const startedAt = performance.now()
  let last
  for (let sent = 0; sent < messages; sent += batch) {
    const receipts = await Promise.all(Array.from({ length: batch }, () => room.publish(payload)))
    last = receipts.at(-1)
  }
  await last.confirmed()
  return {
    perSecond: (messages / (performance.now() - startedAt)) * 1_000,
    sender: (cpuOf(process.cpuUsage()) - before.sender) / messages,
    receiver: ((await cpuOfListener(child)) - before.receiver) / messages,
  }
}

function rowsOf(how, { perSecond, sender, receiver }) {
  return [
    [`messages/s, ${BYTES} B, ${how}`, Math.round(perSecond).toLocaleString('en')],
    [`CPU of the sender and of the receiver, ${how}`, `${sender.toFixed(1)} and ${receiver.toFixed(1)} µs a message`],
  ]
}

/** Microseconds of all threads. */
function cpuOf({ user, system }) {
  return user + system
}

async function cpuOfListener(child) {
  child.send('cpu')
  const [usage] = await once(child, 'message')
  return cpuOf(usage)
}

async function confirmations(room, count) {
  const took = []
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now()
    await (await room.publish(new Uint8Array(BYTES))).confirmed()
    took.push(performance.now() - startedAt)
  }
  took.sort((a, b) => a - b)
  return { p50: took[Math.floor(count / 2)], p99: took[Math.floor(count * 0.99)] }
}

async function plainTcp(writes) {
  const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect(server.address().port, '127.0.0.1')
  await once(socket, 'connect')
  const payload = Buffer.alloc(BYTES)
  const startedAt = performance.now()
  for (let index = 0; index < writes; index++) if (!socket.write(payload)) await once(socket, 'drain')
  const result = (writes / (performance.now() - startedAt)) * 1_000
  socket.destroy()
  server.close()
  return result
}
