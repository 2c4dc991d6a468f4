// Transport, discovery and connector: the contracts by which nodes reach each other.

import {
  type ByteStream,
  type Candidate,
  type Connector,
  createIdentity,
  type Discovery,
  type DiscoverySession,
  type Link,
  type PeerId,
  parseAddress,
  type TopicId,
  type Transport,
} from '@hearsay/core'
import {
  type ConnectorFixture,
  connectorConformance,
  type DiscoveryFixture,
  discoveryConformance,
  type TransportFixture,
  transportConformance,
} from '@hearsay/core/conformance'
import {
  type MemoryConnector,
  memoryConnector,
  memoryDiscovery,
  memoryHub,
  memoryLinkPair,
  memoryTransport,
  settle,
} from '@hearsay/core/memory'
import { changeEvent, override, testSuite } from './mutants.js'

const transport =
  (mutate: (transport: Transport) => Partial<Transport> = () => ({}), chunkBytes = Number.POSITIVE_INFINITY) =>
  async (): Promise<TransportFixture> => {
    const hub = memoryHub()
    const [near, far] = [memoryTransport(hub, { chunkBytes }), memoryTransport(hub, { chunkBytes })].map((original) =>
      override(original, mutate(original)),
    ) as [Transport, Transport]
    const close = async () => {
      await Promise.all([near.close(), far.close()])
    }
    return { near, far, nobody: parseAddress('memory://nobody'), close }
  }

/** Changes the stream that was dialled. */
const stream = (mutate: (stream: ByteStream) => Partial<ByteStream>) =>
  transport((original) => ({
    dial: async (address, options) => {
      const dialled = await original.dial(address, options)
      return override(dialled, mutate(dialled))
    },
  }))

const later = async (run: () => void) => {
  for (let turn = 0; turn < 20; turn++) await null
  run()
}

const listening = (change: (address: ReturnType<typeof parseAddress>) => ReturnType<typeof parseAddress>) =>
  transport((original) => ({
    listen: async (options, onStream) => {
      const listener = await original.listen(options, onStream)
      return { ...listener, addresses: listener.addresses.map(change) }
    },
  }))

const transportMutants = {
  'listens at a wildcard': listening((address) => ({ ...address, host: '0.0.0.0' })),
  'listens under another scheme': listening((address) => ({ ...address, scheme: 'tcp' })),
  'loses every third chunk': stream((original) => {
    let count = 0
    return { write: (chunk) => ++count % 3 === 0 || original.write(chunk) }
  }),
  'writes a buffer that is still in use': stream((original) => ({
    write: (chunk) => {
      void later(() => original.write(chunk.fill(9)))
      return true
    },
  })),
  'never asks to wait': stream((original) => ({ write: (chunk) => original.write(chunk) || true })),
  'never tells to go on': stream((original) => ({ ...changeEvent2(original, 'drain') })),
  'hears nothing before it spoke': stream((original) => {
    let spoken = false
    return {
      write: (chunk) => {
        spoken = true
        return original.write(chunk)
      },
      on: (event: string, listener: (...args: never[]) => void) =>
        original.on(event as 'data', (...args) => {
          if (event !== 'data' || spoken) (listener as (...args: unknown[]) => void)(...args)
        }),
    } as Partial<ByteStream>
  }),
  'ends at once': stream((original) => ({ end: () => original.destroy() })),
  'cannot be destroyed': stream(() => ({ destroy: () => {} })),
  'tells its end twice': stream((original) => ({
    on: ((event: 'close', listener: () => void) => {
      if (event === 'close') original.on(event, () => listener())
      return original.on(event, listener)
    }) as ByteStream['on'],
  })),
  'reaches everybody': transport((original) => ({
    dial: async (address, options) => {
      const dialling = original.dial(address, options)
      return dialling.catch((error) => (error.code === 'ERR_DIAL' ? ({} as ByteStream) : Promise.reject(error)))
    },
  })),
  'ignores signals': transport((original) => ({ dial: (address) => original.dial(address) })),
  'heeds signals at the beginning only': transport((original) => ({
    dial: async (address, options) => original.dial(address, options?.signal?.aborted ? options : {}),
  })),
  'destroys the stream when the signal fires late': transport((original) => ({
    dial: async (address, options) => {
      const dialled = await original.dial(address, options)
      options?.signal?.addEventListener('abort', () => dialled.destroy())
      return dialled
    },
  })),
  'shares an address': transport((original) => ({
    listen: async (options, onStream) =>
      original.listen(options, onStream).catch((error) => {
        if (error.code !== 'ERR_LISTEN') throw error
        return { addresses: [], close: async () => {} }
      }),
  })),
  'goes on listening': transport((original) => ({
    listen: async (options, onStream) => ({ ...(await original.listen(options, onStream)), close: async () => {} }),
  })),
  'does not close': transport(() => ({ close: async () => {} })),
}

testSuite('memory transport', { suite: transportConformance, create: transport(), mutants: transportMutants })

function changeEvent2(original: ByteStream, name: string): Partial<ByteStream> {
  return changeEvent({ on: original.on, once: original.on }, name, () => []) as Partial<ByteStream>
}

const discovery =
  (mutate: (discovery: Discovery) => Partial<Discovery> = () => ({})) =>
  async (): Promise<DiscoveryFixture> => {
    const hub = memoryHub()
    const nodes = [1, 2, 3].map(() => {
      const original = memoryDiscovery(hub)
      return override(original, mutate(original))
    }) as [Discovery, Discovery, Discovery]
    const close = async () => {
      await Promise.all(nodes.map((node) => node.close()))
    }
    return { nodes, close }
  }

/** Changes each session. */
const session = (mutate: (session: DiscoverySession) => Partial<DiscoverySession>) =>
  discovery((original) => ({
    join: (topic, options) => {
      const joined = original.join(topic, options)
      return override(joined, mutate(joined))
    },
  }))

const found = (change: (candidate: Candidate) => readonly Candidate[]) =>
  session((original) => ({
    async *[Symbol.asyncIterator]() {
      for await (const candidate of original) yield* change(candidate)
    },
  }))

testSuite('memory discovery', {
  suite: discoveryConformance,
  create: discovery(),
  mutants: {
    'finds nobody': found(() => []),
    'names another source': found((candidate) => [{ ...candidate, source: 'other' }]),
    'does not say who it is': discovery((original) => ({
      capabilities: { ...original.capabilities, identifies: false },
    })),
    'remembers old addresses': found((candidate) => [
      { ...candidate, addresses: [parseAddress('tcp://192.0.2.99:1')] },
    ]),
    'always announces': discovery((original) => ({
      join: (topic, options) => original.join(topic, { ...options, announce: true }),
    })),
    'always looks': discovery((original) => ({
      join: (topic, options) => {
        const joined = original.join(topic, { ...options, lookup: true })
        const all: Candidate[] = []
        if (options.lookup) return joined
        void (async () => {
          for await (const candidate of joined) all.push(candidate)
        })()
        return override(joined, {
          [Symbol.asyncIterator]: async function* () {
            yield* all
          },
        })
      },
    })),
    'knows one topic': discovery((original) => ({
      join: (topic, options) => original.join({ ...topic, id: 'one' as TopicId }, options),
    })),
    'finds itself': discovery((original) => ({
      join: (topic, options) => {
        const joined = original.join(topic, options)
        const self = { peer: options.identity.id, addresses: options.addresses(), source: 'memory' }
        return override(joined, {
          async *[Symbol.asyncIterator]() {
            if (options.announce) yield self
            yield* joined
          },
        })
      },
    })),
    'looks once': session(() => ({ refresh: () => {} })),
    'is never flushed': session(() => ({ flushed: () => new Promise<void>(() => {}) })),
    'never ends': session(() => ({ leave: async () => {} })),
    'never closes': discovery(() => ({ close: async () => {} })),
  },
})

interface ConnectorWorld {
  readonly connector: MemoryConnector
  readonly links: Set<Link>
}

const connector =
  (mutate: (world: ConnectorWorld) => Partial<Connector> = () => ({})) =>
  async (): Promise<ConnectorFixture> => {
    const self = createIdentity().id
    const peers = [1, 2, 3, 4].map(() => createIdentity().id) as [PeerId, PeerId, PeerId, PeerId]
    const [one, two, three, dead] = peers.map(toCandidate) as [Candidate, Candidate, Candidate, Candidate]
    const links = new Set<Link>()
    const dialled: (PeerId | null)[] = []
    const original = memoryConnector(async (target) => {
      dialled.push(target.peer)
      if (target.peer === null || target === dead) throw new Error('no answer')
      const [link] = memoryLinkPair({ a: self, b: target.peer })
      links.add(link)
      link.on('close', () => links.delete(link))
      return link
    })
    return {
      connector: override<Connector>(original, mutate({ connector: original, links })),
      targets: [one, two, three],
      dead,
      offer: (candidate, topic) => original.offer(candidate, topic),
      linked: () => [...links].map(({ remote }) => remote),
      dialled: () => dialled,
      settle,
      close: async () => {
        await Promise.all([...links].map((link) => link.close()))
      },
    }
  }

function toCandidate(peer: PeerId): Candidate {
  return { peer, addresses: [parseAddress(`hyper://${peer}`)], source: 'conformance' }
}

testSuite('memory connector', {
  suite: connectorConformance,
  create: connector(),
  mutants: {
    'links to everybody offered': connector(({ connector: original }) => ({
      want: (target, want) => {
        original.want(target, want)
        for (const offered of original.candidates(want.topic, 100)) original.want(offered, want)
      },
    })),
    'links to nobody': connector(() => ({ want: () => {} })),
    'dials again and again': connector(({ connector: original }) => ({
      want: (target, want) => {
        original.want(target, want)
        original.want({ ...target, peer: null }, want)
      },
    })),
    'knows no priority': connector(({ connector: original }) => ({
      want: (target, { topic }) => original.want(target, { topic }),
    })),
    'throws for a bad candidate': connector(({ connector: original }) => ({
      want: (target, want) => {
        if (target.peer === null) throw new Error('bad')
        original.want(target, want)
      },
    })),
    'never lets go': connector(() => ({ release: () => {} })),
    'lets go at once': connector(({ links }) => ({
      release: (peer) => {
        for (const link of links) if (link.remote === peer) void link.close()
      },
    })),
    'throws for strangers': connector(({ connector: original, links }) => ({
      release: (peer, topic) => {
        if (![...links].some(({ remote }) => remote === peer)) throw new Error('stranger')
        original.release(peer, topic)
      },
    })),
    'links once in its life': connector(({ connector: original }) => {
      const known = new Set<PeerId | null>()
      return {
        want: (target, want) => {
          if (!known.has(target.peer)) original.want(target, want)
        },
        release: (peer, topic) => {
          if (typeof peer === 'string') known.add(peer)
          original.release(peer, topic)
        },
      }
    }),
    'lists more than asked for': connector(({ connector: original }) => ({
      candidates: (topic) => original.candidates(topic, 100),
    })),
  },
})
