// One node of Hearsay as the comparison drives it: TCP and the default engine, over the links that it is given and no others.

import { createNode, printAddress, tcp, trees } from 'hearsay'

const TOPIC = 'peers'
/** The type of a frame that carries a record, as docs/wire.md has it: up to 16 KiB in one piece. */
const RECORD = 1
/** All nodes are one host here, and begin at once. */
const ONE_HOST = { inboundPerSecond: 1_000, inboundBurst: 1_000, maxHalfOpenPerHost: 64 }

/** How to start nodes. */
export function hearsayStack() {
  /** `onMessage` gets each payload of others, once; `since` is what the node asks for of what was said before it came. */
  async function start(onMessage, { since = 'live' } = {}) {
    const { engine, copies } = countingTrees()
    const node = createNode({
      ...{ host: '127.0.0.1', discovery: [], exchange: false, membership: 'given', transports: [tcp()] },
      limits: ONE_HOST,
    })
    await node.ready()
    const room = await node.join(TOPIC, { engine, since, encoding: 'bytes', announce: false, lookup: false })
    room.on('message', ({ bytes }) => onMessage(bytes))
    const address = printAddress(node.addresses[0])
    return {
      address,
      neighbours: () => room.peers.size,
      publish: (payloads) => Promise.all(payloads.map((payload) => room.publish(payload))),
      copies,
      dial: (to) => node.connect(to),
      part: (other) => node.disconnect(other.peer),
      peer: node.id,
      close: () => node.close(),
    }
  }
  return { start }
}

/** The default engine, which counts the records that come in, each as often as it comes. */
function countingTrees() {
  const engine = trees()
  let copies = 0
  const createMachine = (context) => {
    const machine = engine.createMachine(context)
    return {
      handle(input, now) {
        if (input.type === 'frame' && input.frame[0] === RECORD) copies++
        return machine.handle(input, now)
      },
    }
  }
  return { engine: { ...engine, createMachine }, copies: () => copies }
}
