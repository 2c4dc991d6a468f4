// Nodes of one stack in this process, linked by the graph, and a register of who has heard what.

import { setTimeout as sleep } from 'node:timers/promises'
import { graphOf } from './graph.mjs'

const NODES = 20
const DEGREE = 6.5
const SEED = 1
/** Number of the message and when it was published. */
const HEADER_BYTES = 16
/** What was not heard for so long by everybody who is to hear it does not come any more. */
const LOST_MS = 10_000
const SWEEP_MS = 1_000
const READY_MS = 60_000
/** Several heartbeats of gossipsub, which agrees in them on who sends to whom. */
const SETTLE_MS = 3_000
/** Each author as often, and this far apart: whose records come from where is learnt by who is first when nobody hurries. */
const WARM_ROUNDS = 4
const WARM_MS = 50

/** All nodes, linked and in the topic, each author known to all. */
export async function startSwarm(stack) {
  const register = new Register(NODES - 1)
  const links = graphOf({ nodes: NODES, degree: DEGREE, seed: SEED })
  const nodes = []
  for (let index = 0; index < NODES; index++) nodes.push(await stack.start((bytes) => register.heard(bytes, index)))
  for (const [from, to] of links) await nodes[from].dial(nodes[to].address)
  const swarm = { nodes, links, register }
  await linked(swarm)
  await sleep(SETTLE_MS)
  for (let round = 0; round < WARM_ROUNDS; round++) {
    for (const node of nodes) {
      await node.publish([register.message(256)])
      await sleep(WARM_MS)
    }
    await register.atMost(0)
  }
  return swarm
}

/** Waits until every node has all of its neighbours. */
export async function linked({ nodes, links }) {
  const wanted = nodes.map((_, index) => links.filter((link) => link.includes(index)).length)
  const isLinked = () => nodes.every((node, index) => node.neighbours() === wanted[index])
  if (!(await until(isLinked, READY_MS))) {
    throw new Error(`neighbours are ${nodes.map((node) => node.neighbours())}, not ${wanted}`)
  }
}

/** True once it is so; false if it is not within so long. */
export async function until(isSo, forMs) {
  const by = performance.now() + forMs
  while (!isSo()) {
    if (performance.now() > by) return false
    await sleep(5)
  }
  return true
}

export function copiesOf({ nodes }) {
  return nodes.reduce((sum, node) => sum + node.copies(), 0)
}

/** The value at this share of the sorted ones. */
export function quantile(values, share) {
  return Float64Array.from(values).sort()[Math.min(values.length - 1, Math.floor(values.length * share))]
}

/** Who has heard what: messages carry their number and the time, and each is awaited by so many. */
export class Register {
  deliveries = 0
  lost = 0
  /** How long each delivery took, in ms; null: nobody asks. */
  latencies = null
  /** Told of each delivery: the message's number and the node. */
  onHeard = null
  #next = 0
  #hearers
  #open = new Map()
  /** Who waits for fewer of them. */
  #waiter = null

  constructor(hearers) {
    this.#hearers = hearers
  }

  /** A new message of so many bytes. */
  message(bytes) {
    const payload = new Uint8Array(bytes).fill(7)
    const view = new DataView(payload.buffer)
    const [number, now] = [this.#next++, performance.now()]
    view.setFloat64(0, number)
    view.setFloat64(8, now)
    this.#open.set(number, { left: this.#hearers, at: now })
    return payload
  }

  heard(payload, node) {
    if (payload.byteLength < HEADER_BYTES) return
    const view = new DataView(payload.buffer, payload.byteOffset, HEADER_BYTES)
    const number = view.getFloat64(0)
    this.deliveries++
    this.latencies?.push(performance.now() - view.getFloat64(8))
    this.onHeard?.(number, node)
    const message = this.#open.get(number)
    if (message && --message.left === 0) this.#close(number)
  }

  /** Waits until at most so many messages are open; those that are too old are given up. */
  async atMost(messages) {
    while (this.#open.size > messages) {
      const timer = setTimeout(() => this.#giveUp(), SWEEP_MS)
      await new Promise((resolve) => {
        this.#waiter = { messages, resolve }
      })
      clearTimeout(timer)
    }
  }

  #close(number) {
    this.#open.delete(number)
    if (this.#waiter && this.#open.size <= this.#waiter.messages) this.#waiter.resolve()
  }

  #giveUp() {
    const now = performance.now()
    for (const [number, { left, at }] of this.#open) {
      if (now - at < LOST_MS) break
      this.lost += left
      this.#close(number)
    }
    this.#waiter?.resolve()
  }
}
