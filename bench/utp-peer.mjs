// One end of a uTP connection in a process of its own, of ours or of `utp-native`, as its parent orders in arguments:
//   serve <kind> [host]                     prints its port; counts what comes; answers the end with its end
//   send <kind> <port> <bytes> [host]       sends so many bytes; prints how long it took until the other side had ended
//   idle <kind> [port] [count]              holds so many connections; prints what each costs in memory
// Each line of output is JSON.

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const [role, kind, ...rest] = process.argv.slice(2)
const say = (line) => console.log(JSON.stringify(line))
const CHUNK = Buffer.alloc(64 * 1024, 7)
/** What utp-native needs so that it does not stall on loopback. */
const NATIVE_BUFFERS = 4_000_000

async function listen(host, onStream) {
  if (kind === 'native') {
    const { default: native } = await import('utp-native')
    const server = native.createServer((stream) => {
      stream.on('error', () => {})
      onStream(stream)
    })
    server.listen(0, host)
    await once(server, 'listening')
    server.setRecvBufferSize(NATIVE_BUFFERS)
    server.setSendBufferSize(NATIVE_BUFFERS)
    return server.address().port
  }
  const { UtpSocket } = await import(process.env.UTP_MODULE ?? '@hearsay/transport/utp')
  const socket = await UtpSocket.bind({ host, allowHalfOpen: false })
  socket.accept(onStream)
  return socket.address.port
}

async function dialler(host) {
  if (kind === 'native') {
    const { default: native } = await import('utp-native')
    const socket = native()
    socket.bind(0, host)
    await once(socket, 'listening')
    socket.setRecvBufferSize(NATIVE_BUFFERS)
    socket.setSendBufferSize(NATIVE_BUFFERS)
    return async (port) => {
      const stream = socket.connect(port, host)
      stream.on('error', () => {})
      await once(stream, 'connect')
      return stream
    }
  }
  const { UtpSocket } = await import(process.env.UTP_MODULE ?? '@hearsay/transport/utp')
  const socket = await UtpSocket.bind({ host, allowHalfOpen: false })
  return (port) => socket.connect({ host, port })
}

async function send(port, bytes, host = '127.0.0.1') {
  const stream = await (await dialler(host))(port)
  stream.resume()
  const startedAt = performance.now()
  for (let sent = 0; sent < bytes; sent += CHUNK.length) {
    const chunk = bytes - sent < CHUNK.length ? CHUNK.subarray(0, bytes - sent) : CHUNK
    if (!stream.write(chunk)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'end')
  say({ ms: performance.now() - startedAt, cpuMs: process.cpuUsage().user / 1_000 })
  process.exit(0)
}

async function memory() {
  global.gc?.()
  await sleep(300)
  global.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heap: heapUsed, external }
}

if (role === 'serve') {
  process.on('SIGTERM', () => process.exit(0))
  const port = await listen(rest[0] ?? '127.0.0.1', (stream) => {
    stream.on('data', () => {})
    stream.on('end', () => stream.end())
  })
  say({ port, pid: process.pid })
} else if (role === 'send') await send(Number(rest[0]), Number(rest[1]), rest[2])
else if (role === 'idle') {
  const dial = await dialler('127.0.0.1')
  await (await dial(Number(rest[0]))).write('x')
  const before = await memory()
  const count = Number(rest[1])
  const startedAt = performance.now()
  for (let made = 0; made < count; made += 50) {
    const streams = await Promise.all(Array.from({ length: 50 }, () => dial(Number(rest[0]))))
    for (const stream of streams) stream.write('x')
  }
  const ms = performance.now() - startedAt
  await sleep(500)
  const after = await memory()
  const each = (name) => Math.round((after[name] - before[name]) / count)
  say({ ms, rss: each('rss'), heap: each('heap'), external: each('external') })
  process.exit(0)
}
