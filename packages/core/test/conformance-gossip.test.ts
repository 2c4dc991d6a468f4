import type { Delivery, Gossip } from '@hearsay/core'
import { type GossipFixture, gossipConformance } from '@hearsay/core/conformance'
import { settle } from '@hearsay/core/memory'
import { changeEvent, override, testSuite } from './mutants.js'
import { TOY_LIMIT_BYTES, ToyGossip } from './toy-gossip.js'

const create =
  (mutate: (toy: ToyGossip) => Partial<Gossip> = () => ({})) =>
  async (): Promise<GossipFixture> => {
    const toys = new Map<Gossip, ToyGossip>()
    return {
      maxMessageBytes: TOY_LIMIT_BYTES,
      create: async (nodes) =>
        Array.from({ length: nodes }, () => {
          const toy = new ToyGossip()
          const gossip = override<Gossip>(toy, mutate(toy))
          toys.set(gossip, toy)
          return gossip
        }),
      link: async (a, b) => {
        const [one, other] = [toys.get(a), toys.get(b)]
        if (!one || !other) throw new Error('no node of this network')
        one.join(other)
        other.join(one)
        await settle()
      },
      close: async () => {},
    }
  }

const delivering = (change: (delivery: Delivery, toy: ToyGossip) => readonly Delivery[]) =>
  create((toy) => changeEvent(toy, 'delivery', (delivery: Delivery) => change(delivery, toy).map((one) => [one])))

testSuite('a toy gossip', {
  suite: gossipConformance,
  create: create(),
  mutants: {
    'delivers nothing': delivering(() => []),
    'delivers only direct messages': delivering((one) => (one.hops === 1 ? [one] : [])),
    'names the relay as author': delivering((one) => [{ ...one, author: one.via ?? one.author }]),
    'counts hops from 0': delivering((one) => [{ ...one, hops: one.hops - 1 }]),
    'delivers twice': delivering((one) => [one, one]),
    'delivers to the author': create((toy) => ({
      publish: async (payload, options) => {
        const receipt = await toy.publish(payload, options)
        for await (const own of toy.history({ author: toy.identity.id, from: receipt.seq })) toy.emit('delivery', own)
        return receipt
      },
    })),
    'forgets what nobody was there for': create((toy) => ({
      publish: async (payload, options) => (toy.peers.size > 0 ? toy.publish(payload, options) : receiptOf(toy)),
    })),
    'delivers in any order': delivering(pairwise()),
    'confirms at once': create((toy) => ({
      publish: async (payload, options) => ({ ...(await toy.publish(payload, options)), confirmed: async () => {} }),
    })),
    'never confirms': create((toy) => ({
      publish: async (payload, options) => ({
        ...(await toy.publish(payload, options)),
        confirmed: () => new Promise<void>(() => {}),
      }),
    })),
    'publishes a buffer that is still in use': create((toy) => ({
      publish: async (payload, options) => {
        await null
        return toy.publish(payload, options)
      },
    })),
    'cuts what is too large': create((toy) => ({
      publish: (payload, options) => toy.publish(payload.subarray(0, TOY_LIMIT_BYTES), options),
    })),
    'ignores signals': create((toy) => ({ publish: (payload) => toy.publish(payload) })),
    'remembers only others’ messages': create((toy) => ({
      async *history(query) {
        for await (const one of toy.history(query)) if (one.via !== null) yield one
      },
    })),
    'takes what others publish for its own': create((toy) => {
      toy.on('delivery', () => toy.emit('published'))
      return {}
    }),
    'does not notice who goes': create((toy) => changeEvent(toy, 'peer-leave', () => [])),
    'keeps a link that is taken away': create(() => ({ removeLink: () => {} })),
    'lists no neighbours': create(() => ({ peers: new Map() })),
    'goes on after it closed': create(() => ({ close: async () => {} })),
  },
})

async function receiptOf(toy: ToyGossip) {
  const place = { author: toy.identity.id, epoch: 1, seq: 0, peers: 0 }
  return { ...place, confirmed: async () => {} }
}

/** Swaps every two deliveries. */
function pairwise(): (delivery: Delivery) => readonly Delivery[] {
  let kept: Delivery | null = null
  return (delivery) => {
    const pair = kept ? [delivery, kept] : []
    kept = kept ? null : delivery
    return pair
  }
}
