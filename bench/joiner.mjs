// Somebody who comes late to a room with history: how long until all of it is delivered, over TCP and Noise on loopback.

import { createNode, printAddress, seeds } from 'hearsay'

const MESSAGES = 10_000
const RUNS = 7

export async function benchJoiner(scale) {
  const holder = createNode({ discovery: [], host: '127.0.0.1' })
  const rows = []
  for (const batch of [1, 64]) {
    const room = await holder.join(`history ${batch}`, { encoding: 'bytes' })
    for (let sent = 0; sent < MESSAGES; sent += batch) {
      await Promise.all(Array.from({ length: batch }, () => room.publish(new Uint8Array(100))))
    }
    const took = []
    for (let run = 0; run < Math.max(3, Math.round(RUNS * scale)); run++)
      took.push(await join(holder, `history ${batch}`))
    const what = `${MESSAGES.toLocaleString('en')} messages of 100 B, ${batch} a signature, median`
    rows.push(
      [what, `${median(took, 'ms')} ms`],
      [`CPU of both nodes, ${batch} a signature, median`, `${median(took, 'cpuMs')} ms`],
    )
  }
  await holder.close()
  return { title: "A joiner with `since: 'all'`, two nodes in one process", rows }
}

async function join(holder, topic) {
  const node = createNode({ discovery: [seeds(holder.addresses.map(printAddress))], host: '127.0.0.1' })
  await node.ready()
  const [startedAt, before] = [performance.now(), process.cpuUsage()]
  const room = await node.join(topic, { since: 'all', encoding: 'bytes' })
  let heard = 0
  for await (const _ of room) if (++heard === MESSAGES) break
  const ms = performance.now() - startedAt
  const { user, system } = process.cpuUsage(before)
  await node.close()
  return { ms, cpuMs: (user + system) / 1_000 }
}

function median(runs, unit) {
  const values = runs.map((run) => run[unit]).sort((a, b) => a - b)
  return values[values.length >> 1].toFixed(0)
}
