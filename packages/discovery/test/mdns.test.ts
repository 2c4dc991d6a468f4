import { createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { type Clock, hasCode, type Logger, saltedTopicHash, systemClock, type Topic } from '@hearsay/core'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mdns } from '../src/index.js'
import { type MdnsMessage, toPacket } from '../src/machine.js'
import { chooseInterfaces } from '../src/mdns/interfaces.js'
import { type MdnsSocket, openMdnsSocket } from '../src/mdns/socket.js'
import { codec } from './support/codec.js'
import { freePort } from './support/port.js'
import { freshTopic, nextCandidate, wishOf } from './support/wish.js'

let port = 0
let works = false

beforeAll(async () => {
  port = await freePort()
  works = await hasLoopbackMulticast(port)
  if (!works) console.log('skipped: this machine has no multicast on its loopback interface')
})

const opened: { close(): Promise<void> }[] = []
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())))

function discovery(onPort = port, logger?: Logger) {
  const one = mdns({ host: '127.0.0.1', port: onPort, ...(logger && { logger }) })
  opened.push(one)
  return one
}

describe('on the loopback interface', () => {
  test('two nodes that join in the same instant meet in well under a second', async (context) => {
    if (!works) context.skip()
    const times: number[] = []
    for (let run = 0; run < 20; run++) {
      const topic = freshTopic()
      const [a, b] = [discovery(), discovery()]
      const start = performance.now()
      const [one, other] = [a.join(topic, wishOf(4_001)), b.join(topic, wishOf(4_002))]
      const found = await Promise.all([nextCandidate(one), nextCandidate(other)])
      times.push(performance.now() - start)
      expect(found).toMatchObject([
        { peer: null, source: 'mdns', addresses: [{ scheme: 'tcp', host: '127.0.0.1', port: 4_002 }] },
        { peer: null, source: 'mdns', addresses: [{ scheme: 'tcp', host: '127.0.0.1', port: 4_001 }] },
      ])
      await Promise.all([a.close(), b.close()])
    }
    console.log(
      'mdns met in ms',
      times
        .sort((x, y) => x - y)
        .map(Math.round)
        .join(' '),
    )
    expect(times.at(-1)).toBeLessThan(1_000)
  })

  test.each(['announces first', 'looks first'])(
    'a node that only announces is found by one that only looks: it %s',
    async (order) => {
      const topic = freshTopic()
      const announce = () => discovery().join(topic, wishOf(4_001, { lookup: false }))
      const first = order === 'announces first' ? announce() : null
      await first?.flushed()
      const looking = discovery().join(topic, wishOf(null, { announce: false }))
      await looking.flushed()
      if (!first) announce()
      expect((await nextCandidate(looking)).addresses).toMatchObject([{ port: 4_001 }])
    },
  )

  test('they meet on the standard port too, beside whatever else speaks there', async () => {
    const topic = freshTopic()
    const [one, other] = [discovery(5_353).join(topic, wishOf(4_001)), discovery(5_353).join(topic, wishOf(4_002))]
    expect((await nextCandidate(one)).addresses).toMatchObject([{ port: 4_002 }])
    expect((await nextCandidate(other)).addresses).toMatchObject([{ port: 4_001 }])
  })

  test.each([
    ['::1', '::1'],
    ['127.9.9.9', '127.9.9.9'],
  ])('a node that is bound to %s is found at %s, and finds', async (host, found) => {
    const topic = freshTopic()
    const bound = mdns({ host, port })
    opened.push(bound)
    const [one, other] = [bound.join(topic, wishOf(4_001)), discovery().join(topic, wishOf(4_002))]
    expect((await nextCandidate(other)).addresses).toMatchObject([{ host: found, port: 4_001 }])
    expect((await nextCandidate(one)).addresses).toMatchObject([{ host: '127.0.0.1', port: 4_002 }])
  })

  test('a node does not hear itself', async () => {
    const a = discovery()
    const session = a.join(freshTopic(), wishOf(4_001))
    const heard: unknown[] = []
    const reading = (async () => {
      for await (const candidate of session) heard.push(candidate)
    })()
    await session.flushed()
    session.refresh()
    await echoed(port)
    await session.leave()
    await reading
    expect(heard).toEqual([])
  })

  test('junk, and a response from another source port, change nothing', async () => {
    const topic = freshTopic()
    const looking = discovery().join(topic, wishOf(null, { announce: false }))
    await looking.flushed()
    const stranger = createSocket('udp4')
    await new Promise<void>((resolve) => stranger.bind(0, '127.0.0.1', resolve))
    for (const junk of [Buffer.alloc(0), Buffer.alloc(12, 255), Buffer.from('junk'), Buffer.alloc(1_400, 0xc0)]) {
      stranger.send(junk, port, '127.0.0.1')
    }
    // What an honest node would say, but from a port that needs no place on the link.
    stranger.send(codec.encode(toPacket(announcementOf(topic, 6_666), '127.0.0.1')), port, '127.0.0.1')
    await echoed(port)
    discovery().join(topic, wishOf(4_001, { lookup: false }))
    expect((await nextCandidate(looking)).addresses).toMatchObject([{ port: 4_001 }])
    await new Promise<void>((resolve) => stranger.close(() => resolve()))
  })

  test('what comes from a source beyond the link changes nothing', async (context) => {
    const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    const beyond = all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
    if (beyond === undefined) return context.skip()
    const topic = freshTopic()
    const looking = discovery().join(topic, wishOf(null, { announce: false }))
    await looking.flushed()
    for (const [source, tcpPort] of [
      [beyond, 6_666],
      ['127.0.0.2', 4_001],
    ] as const) {
      const stranger = createSocket({ type: 'udp4', reuseAddr: true })
      await new Promise<void>((resolve) => stranger.bind(port, source, resolve))
      stranger.setMulticastInterface('127.0.0.1')
      const packet = codec.encode(toPacket(announcementOf(topic, tcpPort), source))
      await new Promise((resolve) => stranger.send(packet, port, '224.0.0.251', resolve))
      await new Promise<void>((resolve) => stranger.close(() => resolve()))
    }
    expect((await nextCandidate(looking)).addresses).toMatchObject([{ host: '127.0.0.2', port: 4_001 }])
  })

  test('leave and close end every iterator, twice is once, and join after close is refused', async () => {
    const a = discovery()
    const [one, other] = [a.join(freshTopic(), wishOf(4_001)), a.join(freshTopic(), wishOf(4_001))]
    const ended = [one, other, other].map(async (session) => {
      for await (const _ of session);
      return true
    })
    await one.leave()
    await one.leave()
    await Promise.all([a.close(), a.close()])
    expect(await Promise.all(ended)).toEqual([true, true, true])
    expect(() => a.join(freshTopic(), wishOf(4_001))).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })
})

test('on a host that this machine does not have, it is quiet: flushed, leave and close resolve', async () => {
  const quiet = mdns({ host: '203.0.113.1', port })
  const session = quiet.join(freshTopic(), wishOf(4_001))
  await session.flushed()
  await session.leave()
  await quiet.close()
})

test('a port that cannot be opened is told once and harms nobody', async () => {
  const holder = createSocket({ type: 'udp4', reuseAddr: false })
  await new Promise<void>((resolve) => holder.bind(0, '0.0.0.0', resolve))
  const told: unknown[] = []
  const session = discovery(holder.address().port, (entry) => told.push(entry.fields?.error)).join(
    freshTopic(),
    wishOf(4_001),
  )
  await session.flushed()
  await session.leave()
  expect(told.filter((error) => hasCode(error, 'EADDRINUSE'))).toHaveLength(1)
  await new Promise<void>((resolve) => holder.close(() => resolve()))
})

test('what is being sent when its socket closes is over: leave and close cannot wait for it', async () => {
  const [lan] = chooseInterfaces(networkInterfaces(), { host: '127.0.0.1' })
  if (!lan) throw new Error('no loopback interface')
  const handlers = { onReady: () => {}, accepts: () => true, onPacket: () => {}, onTrouble: () => {} }
  for (const when of ['before it is bound', 'when it is bound']) {
    const socket = await new Promise<MdnsSocket>((resolve) => {
      const opening = openMdnsSocket(lan, port, { ...handlers, onReady: () => resolve(opening) })
      if (when === 'before it is bound') resolve(opening)
    })
    const sent = [1, 2, 3].map(() => socket.send(toPacket({ kind: 'query', known: [] }, '127.0.0.1')))
    await Promise.all([socket.close(), ...sent])
    await socket.send(toPacket({ kind: 'query', known: [] }, '127.0.0.1'))
  }
})

test('nothing is left after close: no socket, no timer, also of a node that was closed at once', async () => {
  const left = async (): Promise<string[]> => {
    // A closed handle is gone a turn of the loop later.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    return process.getActiveResourcesInfo().filter((name) => /UDP|Timeout/.test(name))
  }
  const before = await left()
  const timers = new Set<object>()
  const { setTimer, ...rest } = systemClock()
  const clock: Clock = {
    ...rest,
    setTimer: (ms, run) => {
      const timer = setTimer(ms, () => {
        timers.delete(timer)
        run()
      })
      timers.add(timer)
      return {
        cancel: () => {
          timers.delete(timer)
          timer.cancel()
        },
      }
    },
  }
  for (const wait of [true, false]) {
    const one = mdns({ port, clock })
    const session = one.join(freshTopic(), wishOf(4_001))
    if (wait) await session.flushed()
    expect(timers.size).toBeGreaterThan(0)
    await one.close()
    await session.leave()
    expect(timers.size).toBe(0)
    expect(await left()).toEqual(before)
  }
})

function announcementOf(topic: Topic, tcpPort: number): MdnsMessage {
  const salt = new Uint8Array(16)
  const hashes = [saltedTopicHash(topic, salt)]
  const instance = { label: '0123456789abcdef', port: tcpPort, salt, hashes, ttlMs: 120_000 }
  return { kind: 'response', instances: [instance], goodbyes: [] }
}

/** Sends itself one multicast packet; true if it comes back. */
function hasLoopbackMulticast(onPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    const finish = (works: boolean): void => {
      clearTimeout(timer)
      socket.close(() => resolve(works))
    }
    const timer = setTimeout(() => finish(false), 2_000)
    socket.on('error', () => finish(false))
    socket.once('message', () => finish(true))
    socket.bind(onPort, '0.0.0.0', () => {
      socket.addMembership('224.0.0.251', '127.0.0.1')
      socket.setMulticastInterface('127.0.0.1')
      socket.send('probe', onPort, '224.0.0.251')
    })
  })
}

/** Resolves when a packet sent after everything before has made the round through the loopback interface. */
async function echoed(onPort: number): Promise<void> {
  await hasLoopbackMulticast(onPort)
}
