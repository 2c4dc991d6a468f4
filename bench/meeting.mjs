// How long two nodes take to meet that join one topic in the same instant: over mDNS, and over a private DHT network.

import { createBootstrapServer, createNode, hyperdht, mdns } from 'hearsay'

async function meetings(rounds, discoveryOf) {
  const took = []
  for (let round = 0; round < rounds; round++) {
    const nodes = [0, 1].map(() => createNode({ discovery: [discoveryOf()], host: '127.0.0.1' }))
    await Promise.all(nodes.map((node) => node.ready()))
    const startedAt = performance.now()
    const rooms = await Promise.all(nodes.map((node) => node.join(`bench-${process.pid}-${round}`)))
    await Promise.all(rooms.map((room) => room.ready()))
    took.push(performance.now() - startedAt)
    await Promise.all(nodes.map((node) => node.close()))
  }
  took.sort((a, b) => a - b)
  return `${took[Math.floor(rounds / 2)].toFixed(0)} ms, slowest ${took.at(-1).toFixed(0)} ms of ${rounds}`
}

export async function benchMeeting(scale) {
  const rounds = Math.max(5, Math.round(20 * scale))
  const server = await createBootstrapServer({ host: '127.0.0.1' })
  const rows = [
    ['mDNS, median', await meetings(rounds, () => mdns({ host: '127.0.0.1' }))],
    ['HyperDHT, median', await meetings(rounds, () => hyperdht({ bootstrap: [server.address], host: '127.0.0.1' }))],
  ]
  await server.close()
  return { title: 'Two nodes that join in the same instant', rows }
}
