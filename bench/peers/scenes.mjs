// What is measured: each scene starts nodes of one stack, does the same with them whatever the stack is, and gives numbers.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { counted, countedSince } from './counters.mjs'
import { copiesOf, linked, quantile, startSwarm, until } from './swarm.mjs'

const PAYLOAD_BYTES = 256
const BATCH = 64
/** Messages that not everybody has heard yet, above which nobody publishes: ten of each node, or four batches. */
const OPEN = { single: 200, batched: 4 * BATCH }
const PER_SECOND = 10
const MIB = 1_048_576
/** What an earlier message takes to be no news any more: longer than gossipsub keeps any to tell of. */
const STALE_MS = 6_000
const CATCH_UP_MS = 10_000
const EARLIER = 100
/** Of 4 KiB each: 40 MB in ten seconds, less than a history of ours holds anyway. */
const STOPPED = { bytes: 4_096, perSecond: 1_000 }

/** As fast as the nodes take it, each in turn, one message or 64 at a time. */
export async function saturated(stack, { seconds, batched }) {
  const swarm = await startSwarm(stack)
  const publish = publisherOf(swarm, batched ? BATCH : 1)
  const open = batched ? OPEN.batched : OPEN.single
  // What is compiled and learnt on the way is not measured.
  await pump(publish, swarm.register, { open, ms: seconds * 250 })
  const measured = measure(swarm)
  await pump(publish, swarm.register, { open, ms: seconds * 1_000 })
  const result = measured()
  await swarm.close()
  return result
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
  await swarm.close()
  return { small, big }
}

/** Who comes late; then half of the nodes without the other half for a while. Of either, how much is heard of what was missed. */
export async function absent(stack, { seconds }) {
  const swarm = await startSwarm(stack)
  const joiner = await late(stack, swarm)
  const partition = await parted(swarm, seconds)
  await swarm.close()
  return { joiner, partition }
}

/** Bytes that this process holds more after ten seconds of messages to two nodes, one of them in another process. */
export async function stopped(stack, { seconds, address, isStopped, stop }) {
  const [publisher, awake] = [await stack.start(() => {}), await stack.start(() => {})]
  await awake.dial(publisher.address)
  await publisher.dial(address)
  if (!(await until(() => publisher.neighbours() === 2, CATCH_UP_MS))) throw new Error('the other process did not come')
  const message = () => new Uint8Array(STOPPED.bytes).fill(7)
  const publish = () => publisher.publish([message()])
  await sleep(3_000)
  await paced({ count: STOPPED.perSecond, perSecond: STOPPED.perSecond }, publish)
  const before = await held()
  if (isStopped) await stop()
  const count = await paced({ count: seconds * STOPPED.perSecond, perSecond: STOPPED.perSecond }, publish)
  const grown = (await held()) - before
  await Promise.all([publisher.close(), awake.close()])
  return { grown, count }
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
  for (const neighbour of [0, 7, 13]) await joiner.dial(nodes[neighbour].address)
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

/** Each node in turn publishes so many at once. */
function publisherOf({ nodes, register }, batch) {
  return (index) =>
    nodes[index % nodes.length].publish(Array.from({ length: batch }, () => register.message(PAYLOAD_BYTES)))
}

async function pump(publish, register, { open, ms }) {
  const until = performance.now() + ms
  const failed = []
  for (let index = 0; performance.now() < until; index++) {
    publish(index).catch((error) => failed.push(error))
    await register.atMost(open)
    // A node's next turn is another tick, whatever was heard meanwhile.
    await nextTurn()
    if (failed.length > 0) throw failed[0]
  }
}

/** Calls it so often a second, and what is late at once; answers how often that was within the time. */
async function paced({ count, perSecond }, call) {
  const [startedAt, ms] = [performance.now(), (count / perSecond) * 1_000]
  let index = 0
  for (; index < count && performance.now() - startedAt < 1.5 * ms; index++) {
    const wait = startedAt + (index / perSecond) * 1_000 - performance.now()
    if (wait > 0) await sleep(wait)
    await call(index)
  }
  return index
}

/** Of all that is delivered from here until the answer is called. */
function measure(swarm) {
  const { register } = swarm
  const [before, deliveries, copies, lost] = [counted(), register.deliveries, copiesOf(swarm), register.lost]
  const startedAt = performance.now()
  return () => {
    const { bytes, checks, cpu } = countedSince(before)
    const delivered = register.deliveries - deliveries
    return {
      ...{ bytes: bytes / delivered, checks: checks / delivered, cpu: cpu / delivered },
      redundant: (copiesOf(swarm) - copies) / delivered - 1,
      perSecond: (delivered / (performance.now() - startedAt)) * 1_000,
      lost: register.lost - lost,
    }
  }
}

function numberOf(payload) {
  return new DataView(payload.buffer, payload.byteOffset).getFloat64(0)
}

async function held() {
  for (let round = 0; round < 3; round++) {
    globalThis.gc()
    await sleep(50)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
