import { type Channel, CoreError, createIdentity, type Link, seededRandom } from '@hearsay/core'
import { type LinkFixture, linkConformance } from '@hearsay/core/conformance'
import { type MemoryLinkOptions, memoryLinkPair } from '@hearsay/core/memory'
import { changeEvent, override, testSuite } from './mutants.js'

const random = seededRandom(1)
const identity = () => createIdentity({ seed: random.bytes(32) }).id

interface Mutation {
  readonly link?: (link: Link) => Partial<Link>
  readonly channel?: (channel: Channel, link: Link) => Partial<Channel>
  readonly terms?: Partial<MemoryLinkOptions>
}

const create =
  ({ link, channel, terms }: Mutation = {}) =>
  async (): Promise<LinkFixture> => {
    const pair = memoryLinkPair({ a: identity(), b: identity(), random, ...terms })
    const [a, b] = pair.map((original) => {
      const changed = link ? override(original, link(original)) : original
      if (!channel) return changed
      const openChannel: Link['openChannel'] = (options) => {
        const opened = changed.openChannel(options)
        return override(opened, channel(opened, original))
      }
      return override(changed, { openChannel })
    }) as [Link, Link]
    const close = async () => {
      await Promise.all([a.close(), b.close()])
    }
    return { a, b, close }
  }

/** Calls later what the original calls at once. */
const later = async (run: () => void) => {
  for (let turn = 0; turn < 20; turn++) await null
  run()
}

testSuite('memory links', {
  suite: linkConformance,
  create: create(),
  mutants: {
    'says that both sides dialled': create({ link: () => ({ initiator: true }) }),
    'has one handshake hash for all links': create({
      terms: { random: { bytes: (length) => new Uint8Array(length), below: () => 0 } },
    }),
    'offers channels without their id': create({
      link: (link) => changeEvent(link, 'channel', ({ protocol }: { protocol: string }) => [[{ protocol }]]),
    }),
    'loses handshakes': create({
      link: (link) => ({ openChannel: ({ protocol, id }) => link.openChannel({ protocol, ...(id ? { id } : {}) }) }),
    }),
    'never says that a channel is open': create({ channel: (channel) => changeEvent(channel, 'open', () => []) }),
    'opens without being told to': create({
      link: (link) => {
        link.on('channel', (name) => {
          link.openChannel(name)
        })
        return {}
      },
    }),
    'believes that it sent what it did not': create({
      channel: (channel) => ({ send: (frame) => channel.send(frame) || true }),
    }),
    'claims a window before it has one': create({ channel: () => ({ window: 65_536 }) }),
    'cuts large frames': create({
      channel: (channel) => ({ send: (frame) => channel.send(frame.subarray(0, 65_535)) }),
    }),
    'delivers twice': create({ channel: (channel) => changeEvent(channel, 'frame', (frame) => [[frame], [frame]]) }),
    'sends a buffer that is still in use': create({
      channel: (channel) => ({
        send: (frame) => {
          if (channel.window > 0) void later(() => channel.send(frame.subarray(0, 1_000_000)))
          return channel.window > 0
        },
      }),
    }),
    'finds channels by protocol alone': create({ link: (link) => ({ openChannel: firstOfProtocol(link) }) }),
    'drops frames that are too large': create({
      channel: (channel) => ({ send: (frame) => frame.byteLength > 1_000_000 || channel.send(frame) }),
    }),
    'takes frames of any size': create({ terms: { frameLimit: 2 ** 30 } }),
    'knows no window': create({ terms: { window: 2 ** 40 } }),
    'grants although the flow is stopped': create({ channel: () => ({ setFlowing: () => {} }) }),
    'never grants again': create({
      channel: (channel) => ({ setFlowing: () => channel.setFlowing(false), ...stopped(channel) }),
    }),
    'never tells that the window is open again': create({
      channel: (channel) => changeEvent(channel, 'drain', () => []),
    }),
    'stops all channels when one stops': create({ channel: stopAll(new WeakMap()) }),
    'ends before it has sent': create({ channel: (channel) => ({ send: sendLater(channel) }) }),
    'tells its end twice': create({
      channel: (channel) => changeEvent(channel, 'close', (reason) => [[reason], [reason]]),
    }),
    'does not tell its end': create({ channel: (channel) => changeEvent(channel, 'close', () => []) }),
    'opens a name only once': create({ link: (link) => ({ openChannel: onlyOnce(link) }) }),
    'takes any name': create({
      link: (link) => ({ openChannel: ({ id }) => link.openChannel({ protocol: 'any', ...(id ? { id } : {}) }) }),
    }),
    'takes short names only': create({
      link: (link) => ({
        openChannel: (options) => {
          if (options.protocol.length > 63) throw new CoreError('ERR_CHANNEL', 'too long')
          return link.openChannel(options)
        },
      }),
    }),
    'gives the open channel when it is opened again': create({ link: (link) => ({ openChannel: sameAgain(link) }) }),
    'tells the remote that it is banned': create({
      link: (link) =>
        changeEvent(link, 'close', (reason: { by: string }) => [
          [reason.by === 'remote' ? { ...reason, ban: true } : reason],
        ]),
    }),
    'ends with another code': create({
      link: (link) => changeEvent(link, 'close', (reason: object) => [[{ ...reason, code: 'ERR_CLOSED' }]]),
    }),
    'never tells the remote its end': create({ link: () => ({ close: async () => {} }) }),
    'opens channels after its end': create({ link: openAlways }),
    'ends when a listener throws': create({
      channel: (channel) => changeEvent(channel, 'frame', onlyFirst()),
    }),
  },
})

function firstOfProtocol(link: Link): Link['openChannel'] {
  const channels = new Map<string, Channel>()
  return (options) => {
    const channel = channels.get(options.protocol) ?? link.openChannel(options)
    channels.set(options.protocol, channel)
    return channel
  }
}

function stopped(channel: Channel): object {
  channel.setFlowing(false)
  return {}
}

function stopAll(channels: WeakMap<Link, Channel[]>): NonNullable<Mutation['channel']> {
  return (channel, link) => {
    const all = [...(channels.get(link) ?? []), channel]
    channels.set(link, all)
    return {
      get window() {
        return all.length > 1 ? Math.min(...all.map(({ window }) => window)) : channel.window
      },
      setFlowing: (flowing) => {
        for (const each of channels.get(link) ?? []) each.setFlowing(flowing)
      },
      send: (frame) => (channels.get(link) ?? []).every(({ window }) => window > 0) && channel.send(frame),
    }
  }
}

function sendLater(channel: Channel): Channel['send'] {
  return (frame) => {
    const copy = frame.slice()
    if (channel.window > 0) void later(() => channel.send(copy.subarray(0, 1_000_000)))
    return channel.window > 0
  }
}

function onlyOnce(link: Link): Link['openChannel'] {
  const names = new Set<string>()
  return (options) => {
    const name = `${options.protocol} ${options.id}`
    if (names.has(name)) throw new CoreError('ERR_CHANNEL', 'once only')
    names.add(name)
    return link.openChannel(options)
  }
}

function sameAgain(link: Link): Link['openChannel'] {
  const channels = new Map<string, Channel>()
  return (options) => {
    const name = `${options.protocol} ${options.id}`
    const channel = channels.get(name) ?? link.openChannel(options)
    channels.set(name, channel)
    return channel
  }
}

function openAlways(link: Link): Partial<Link> {
  return {
    openChannel: (options) => {
      try {
        return link.openChannel(options)
      } catch (error) {
        if ((error as CoreError).code !== 'ERR_LINK_CLOSED') throw error
        return {} as Channel
      }
    },
  }
}

function onlyFirst(): (frame: Uint8Array) => Uint8Array[][] {
  let count = 0
  return (frame) => (count++ < 3 ? [[frame]] : [])
}
