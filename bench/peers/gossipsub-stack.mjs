// One node of js-libp2p with gossipsub as the comparison drives it: TCP, Noise, yamux, and its defaults but for what would keep
// twenty nodes of one host apart. `isTuned`: with its two options for speed.

const TOPIC = 'peers'
/** Otherwise a node shuns all but a few neighbours of one host. */
const OPTIONS = { scoreParams: { IPColocationFactorWeight: 0 } }
const TUNED = { batchPublish: true, fastMsgIdFn: ({ from, seqno }) => Buffer.concat([from, seqno]).toString('latin1') }
/** All nodes are one host here, and begin at once. */
const ONE_HOST = { inboundConnectionThreshold: 10_000, maxIncomingPendingConnections: 10_000 }

/** How to start nodes; `libraries` is what libraries.mjs exports. */
export function gossipsubStack(libraries, isTuned) {
  const { createLibp2p, gossipsub, identify, multiaddr, noise, tcp, yamux } = libraries

  /** `onMessage` gets each payload of others, once. */
  async function start(onMessage) {
    const node = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionManager: ONE_HOST,
      services: { identify: identify(), pubsub: gossipsub({ ...OPTIONS, ...(isTuned && TUNED) }) },
    })
    const { pubsub } = node.services
    const copies = copiesOf(pubsub)
    pubsub.addEventListener('message', ({ detail }) => onMessage(detail.data))
    pubsub.subscribe(TOPIC)
    return {
      address: node.getMultiaddrs()[0].toString(),
      neighbours: () => pubsub.getSubscribers(TOPIC).length,
      publish: (payloads) => Promise.all(payloads.map((payload) => pubsub.publish(TOPIC, payload))),
      copies,
      dial: (address) => node.dial(multiaddr(address)),
      part: (other) => node.hangUp(other.peer),
      peer: node.peerId,
      close: () => node.stop(),
    }
  }
  return { start }
}

/** Messages that came in, each as often as it came. */
function copiesOf(pubsub) {
  let copies = 0
  const handle = pubsub.handleReceivedMessage
  pubsub.handleReceivedMessage = function (...args) {
    copies++
    return handle.apply(this, args)
  }
  return () => copies
}
