// Who was not there: a node that comes late, and half of the nodes without the other half. Of either, how much is heard of what
// was missed.

import { setTimeout as sleep } from 'node:timers/promises'
import { PAYLOAD_BYTES, paced } from './pace.mjs'
import { linked, startSwarm, until } from './swarm.mjs'

/** What an earlier message takes to be no news any more: longer than gossipsub keeps any to tell of. */
const STALE_MS = 6_000
const CATCH_UP_MS = 10_000
const EARLIER = 100
const PER_SECOND = 10
/** To whom the late one links. */
const NEIGHBOURS = [0, 7, 13]

/** Shares of what was said before a node joined, and of what half of the nodes said in so many seconds apart. */
export async function absent(stack, { seconds }) {
  const swarm = await startSwarm(stack)
  const joiner = await late(stack, swarm)
  const partition = await parted(swarm, seconds)
  return { joiner, partition }
}

async function late(stack, { nodes, register }) {
  const earlier = new Set()
  await paced({ count: EARLIER, perSecond: EARLIER / 2 }, async (index) => {
    const message = register.message(PAYLOAD_BYTES)
    earlier.add(numberOf(message))
    await nodes[index % nodes.length].publish([message])
  })
  await register.atMost(0)
  await sleep(STALE_MS)
  const heard = new Set()
  const joiner = await stack.start((bytes) => heard.add(numberOf(bytes)), { since: 'all' })
  const all = () => [...earlier].every((number) => heard.has(number))
  for (const neighbour of NEIGHBOURS) await joiner.dial(nodes[neighbour].address)
  await until(all, CATCH_UP_MS)
  await joiner.close()
  return [...earlier].filter((number) => heard.has(number)).length / EARLIER
}

async function parted(swarm, seconds) {
  const { nodes, links, register } = swarm
  const isFar = (index) => index >= nodes.length / 2
  const across = links.filter(([from, to]) => isFar(from) !== isFar(to))
  await Promise.all(across.map(([from, to]) => nodes[from].part(nodes[to])))
  const missed = new Set()
  let heard = 0
  register.onHeard = (number, node) => {
    if (missed.has(number) && isFar(node)) heard++
  }
  await paced({ count: seconds * PER_SECOND, perSecond: PER_SECOND }, async (index) => {
    const message = register.message(PAYLOAD_BYTES)
    missed.add(numberOf(message))
    await nodes[index % (nodes.length / 2)].publish([message])
  })
  const early = heard
  for (const [from, to] of across) await nodes[from].dial(nodes[to].address)
  await linked(swarm)
  const due = (missed.size * nodes.length) / 2
  await until(() => heard === due, CATCH_UP_MS)
  if (early > 0) throw new Error('the halves were not apart')
  return heard / due
}

function numberOf(payload) {
  return new DataView(payload.buffer, payload.byteOffset).getFloat64(0)
}
