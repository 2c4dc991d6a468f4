// Each transport on loopback within one process: bytes a second of its bare stream and of a link over it, side by side, and
// how long a link takes to be made. HyperDHT's streams are encrypted by themselves: their link adds channels alone.

import { createIdentity, parseAddress } from '@hearsay/core'
import { createPool, tcp } from '@hearsay/transport'
import { hyper } from '@hearsay/transport/hyperdht'
import { websocket } from '@hearsay/transport/ws'
import { createBootstrapServer } from 'hearsay'

const CHUNK = new Uint8Array(64 * 1024)

export async function benchTransports(scale) {
  const total = Math.round(100 * scale) * 1024 * 1024
  const server = await createBootstrapServer({ host: '127.0.0.1' })
  const bootstrap = [server.address]
  const kinds = [
    ['tcp', () => tcp()],
    ['ws', () => websocket()],
    ['hyper', (identity) => hyper({ identity, bootstrap, host: '127.0.0.1', port: 0 })],
  ]
  const rows = []
  for (const [name, create] of kinds) {
    const raw = await rawRate(create, total)
    const link = await linkRate(create, total)
    rows.push(
      [`${name}, bare stream`, `${raw.toFixed(0)} MB/s`],
      [`${name}, link`, `${link.toFixed(0)} MB/s, ${((100 * link) / raw).toFixed(0)} % of the stream`],
      [`${name}, time to link, median`, await connectTime(create, Math.max(5, Math.round(20 * scale)))],
    )
  }
  await server.close()
  return { title: 'Transports on loopback, both ends in one process', rows }
}

const megabytesPerSecond = (bytes, ms) => bytes / 1e6 / (ms / 1_000)

async function rawRate(create, total) {
  const [near, far] = [createIdentity(), createIdentity()].map((identity) => create(identity))
  let received = 0
  let finish = () => {}
  const done = new Promise((resolve) => {
    finish = resolve
  })
  const { addresses } = await near.listen({ host: '127.0.0.1' }, ({ stream }) => {
    stream.on('data', (chunk) => {
      received += chunk.byteLength
      if (received >= total) finish()
    })
  })
  const stream = await far.dial(addresses[0])
  const startedAt = performance.now()
  let sent = 0
  const send = () => {
    while (sent < total) {
      sent += CHUNK.byteLength
      if (!stream.write(CHUNK)) return
    }
  }
  stream.on('drain', send)
  send()
  await done
  const rate = megabytesPerSecond(total, performance.now() - startedAt)
  stream.destroy()
  await Promise.all([far.close(), near.close()])
  return rate
}

async function linked(create) {
  const identities = [createIdentity(), createIdentity()]
  const [near, far] = identities.map((identity) => createPool({ identity, transports: [create(identity)] }))
  const accepted = new Promise((resolve) => near.once('link', resolve))
  const [address] = await near.listen({ host: '127.0.0.1' })
  const startedAt = performance.now()
  const link = await far.connect(address ?? parseAddress(`hyper://${identities[0].id}`))
  const ms = performance.now() - startedAt
  const close = () => Promise.all([near.close(), far.close()])
  return { link, accepted, ms, close }
}

async function linkRate(create, total) {
  const { link, accepted, close } = await linked(create)
  const reader = (await accepted).openChannel({ protocol: 'bench' })
  const writer = link.openChannel({ protocol: 'bench' })
  let received = 0
  const done = new Promise((resolve) => {
    reader.on('frame', (frame) => {
      received += frame.byteLength
      if (received >= total) resolve()
    })
  })
  let sent = 0
  const send = () => {
    while (sent < total && writer.send(CHUNK)) sent += CHUNK.byteLength
  }
  writer.on('drain', send)
  await new Promise((resolve) => writer.on('open', resolve))
  const startedAt = performance.now()
  send()
  await done
  const rate = megabytesPerSecond(total, performance.now() - startedAt)
  await close()
  return rate
}

async function connectTime(create, rounds) {
  const took = []
  for (let round = 0; round < rounds; round++) {
    const { ms, close } = await linked(create)
    took.push(ms)
    await close()
  }
  took.sort((a, b) => a - b)
  return `${took[Math.floor(rounds / 2)].toFixed(1)} ms, slowest ${took.at(-1).toFixed(1)} ms of ${rounds}`
}
