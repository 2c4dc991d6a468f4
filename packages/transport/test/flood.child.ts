// A pool is knocked at by 5,000 streams of another process, from as many addresses of this machine, that never finish a
// handshake; meanwhile honest peers connect. Prints what became of both as one line of JSON.

import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createIdentity, type Link, type Transport } from '@hearsay/core'
import { createPool, tcp } from '@hearsay/transport'

const FLOOD = 5_000
const HONEST = 60
const LIMIT = 64

/** Opens the streams as fast as it can and keeps them until its input ends; a third sends bytes that make no handshake. */
const attacker = `
const { connect } = require('node:net')
const port = Number(process.argv[1])
let opened = 0
let next = 0
const open = () => {
  if (next >= ${FLOOD}) return
  const n = next++
  const localAddress = '127.' + (1 + n % 199) + '.' + ((n >> 8) & 255) + '.' + (1 + n % 250)
  const socket = connect({ host: '127.0.0.1', port, localAddress })
  let settled = false
  const settle = () => {
    if (settled) return
    settled = true
    if (++opened === ${FLOOD}) console.log('done')
    open()
  }
  socket.on('connect', () => { if (n % 3 === 0) socket.write(Buffer.from([0x20, 1, 2, 3])); settle() })
  socket.on('error', settle)
  socket.on('close', settle)
  socket.resume()
}
for (let lane = 0; lane < 128; lane++) open()
process.stdin.resume().on('end', () => process.exit(0))
`

/** TCP from an address of one's own. */
function tcpFrom(localAddress: string): Transport {
  const inner = tcp()
  const dial: Transport['dial'] = ({ host, port }, { signal } = {}) =>
    new Promise((resolve, reject) => {
      const socket = connect({ host, port, localAddress, noDelay: true })
      socket.once('connect', () => resolve(socket))
      socket.on('error', reject)
      signal?.addEventListener('abort', () => socket.destroy())
    })
  const { scheme, capabilities } = inner
  return {
    scheme,
    capabilities,
    dial,
    listen: (options, onStream) => inner.listen(options, onStream),
    close: () => inner.close(),
  }
}

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void
const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const pool = createPool({
  identity: createIdentity(),
  transports: [tcp()],
  network: 'test',
  ownHosts: [],
  limits: { maxHalfOpen: LIMIT },
})
await pool.listen({ host: '127.0.0.1' })
const [address] = pool.addresses
if (!address) throw new Error('listening')
const heapBefore = heap()
let most = 0
const watch = setInterval(() => {
  most = Math.max(most, pool.inspect().halfOpen)
}, 1)

const flood = spawn(process.execPath, ['-e', attacker, String(address.port)], { stdio: ['pipe', 'pipe', 'inherit'] })
let floodedAt = 0
flood.stdout.on('data', () => {
  floodedAt = performance.now()
})
while (pool.inspect().halfOpen < LIMIT) await pause(1)

const times: number[] = []
let failures = 0
for (let index = 0; index < HONEST; index++) {
  const peer = createPool({
    identity: createIdentity(),
    transports: [tcpFrom(`127.200.${index}.1`)],
    network: 'test',
  })
  const from = performance.now()
  let link: Link | null = null
  while (!link && performance.now() - from < 5_000) {
    link = await peer.connect(address).catch(() => null)
    if (!link) failures++
  }
  times.push(performance.now() - from)
  await peer.close()
}
while (floodedAt === 0) await pause(5)
while (pool.inspect().halfOpen > 0) await pause(5)
const reapedMs = Math.max(0, performance.now() - floodedAt)
clearInterval(watch)
flood.stdin.end()
await new Promise((resolve) => flood.on('exit', resolve))
times.sort((a, b) => a - b)
const grownBytes = heap() - heapBefore
const p50 = times[Math.floor(times.length / 2)]
console.log(JSON.stringify({ most, failures, p50, p99: times.at(-1), reapedMs, grownBytes }))
await pool.close()
