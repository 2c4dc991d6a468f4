// What is measured of a swarm that is whole: each scene starts nodes of one stack, does the same with them whatever the stack is,
// and gives numbers.

import { measure, paced, publisherOf, pump } from './pace.mjs'
import { quantile, startSwarm } from './swarm.mjs'

const BATCH = 64
/** Messages that not everybody has heard yet, above which nobody publishes: ten of each node, or four batches. */
const OPEN = { single: 200, batched: 4 * BATCH }
const PER_SECOND = 10
/** The part of median speed is shown: what else the machine does meets one part or two. */
const PARTS = 5
const MIB = 1_048_576

/** As fast as the nodes take it, each in turn, one message or 64 at a time. */
export async function saturated(stack, { seconds, batched }) {
  const swarm = await startSwarm(stack)
  const publish = publisherOf(swarm, batched ? BATCH : 1)
  const open = batched ? OPEN.batched : OPEN.single
  // What is compiled and learnt on the way is not measured.
  await pump(publish, swarm.register, { open, ms: seconds * 250 })
  const parts = []
  for (let part = 0; part < PARTS; part++) {
    const measured = measure(swarm)
    await pump(publish, swarm.register, { open, ms: (seconds * 1_000) / PARTS })
    parts.push(measured())
  }
  const lost = parts.reduce((sum, part) => sum + part.lost, 0)
  return { ...parts.sort((a, b) => a.perSecond - b.perSecond)[PARTS >> 1], lost }
}

/** Ten messages a second, then a few of 1 MiB. */
export async function calm(stack, { seconds, large }) {
  const swarm = await startSwarm(stack)
  const { register, nodes } = swarm
  const measured = measure(swarm)
  register.latencies = []
  await paced({ count: seconds * PER_SECOND, perSecond: PER_SECOND }, publisherOf(swarm, 1))
  await register.atMost(0)
  const small = { ...measured(), p50: quantile(register.latencies, 0.5), p99: quantile(register.latencies, 0.99) }
  register.latencies = []
  const before = measure(swarm)
  for (let round = 0; round < large; round++) {
    await nodes[(round * 7) % nodes.length].publish([register.message(MIB)])
    await register.atMost(0)
  }
  const big = { ...before(), p50: quantile(register.latencies, 0.5) }
  return { small, big }
}
