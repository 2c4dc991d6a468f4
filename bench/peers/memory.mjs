// What a process keeps for a neighbour that has stopped: what it holds more at most in some seconds of messages, less what
// that is without the neighbour.

import { setTimeout as sleep } from 'node:timers/promises'
import { paced } from './pace.mjs'
import { until } from './swarm.mjs'

const MESSAGE_BYTES = 4_096
/** 20 MB in ten seconds: less than a history of ours holds anyway. */
const PER_SECOND = 500
const SETTLE_MS = 3_000
const CATCH_UP_MS = 30_000

/** Bytes that this process holds more after ten seconds of messages from one of its nodes to another, and to nobody else. */
export async function pair(stack, { seconds }) {
  return grown(stack, { seconds, others: 0 })
}

/** The same, while a neighbour in another process is stopped. */
export async function stopped(stack, { seconds, address, stop }) {
  return grown(stack, { seconds, others: 1, address, stop })
}

/** The most that is held at the end of any second, beyond what was held before. */
async function grown(stack, { seconds, others, address, stop }) {
  let heard = 0
  const publisher = await stack.start(() => {})
  const awake = await stack.start(() => heard++)
  await awake.dial(publisher.address)
  if (others > 0) await publisher.dial(address)
  if (!(await until(() => publisher.neighbours() === 1 + others, CATCH_UP_MS))) throw new Error('not all have come')
  await sleep(SETTLE_MS)
  let count = 0
  const publishForOneSecond = async () => {
    const publish = () => publisher.publish([new Uint8Array(MESSAGE_BYTES).fill(7)])
    count += await paced({ count: PER_SECOND, perSecond: PER_SECOND }, publish)
    // What is on its way to the one that is awake is not what is asked for.
    if (!(await until(() => heard === count, CATCH_UP_MS))) throw new Error(`${heard} of ${count} messages came`)
  }
  await publishForOneSecond()
  const before = await held()
  let most = 0
  await stop?.()
  // A stack may give the neighbour up before the end: what counts is what it kept until then.
  for (let second = 0; second < seconds; second++) {
    await publishForOneSecond()
    most = Math.max(most, (await held()) - before)
  }
  return { grown: most, count, wanted: (1 + seconds) * PER_SECOND }
}

async function held() {
  for (let round = 0; round < 2; round++) {
    globalThis.gc()
    await sleep(10)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
