// How scenes publish, and how they count what comes of it.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { counted, countedSince } from './counters.mjs'
import { copiesOf } from './swarm.mjs'

export const PAYLOAD_BYTES = 256

/** Each node in turn publishes so many at once. */
export function publisherOf({ nodes, register }, batch) {
  return (index) =>
    nodes[index % nodes.length].publish(Array.from({ length: batch }, () => register.message(PAYLOAD_BYTES)))
}

/** Publishes for so long, while at most so many messages have not been heard by everybody. Rejects if a publication failed. */
export async function pump(publish, register, { open, ms }) {
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
export async function paced({ count, perSecond }, call) {
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
export function measure(swarm) {
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
