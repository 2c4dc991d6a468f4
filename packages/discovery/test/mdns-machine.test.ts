import { createTopic } from '@hearsay/core'
import { describe, expect, test } from 'vitest'
import { Lan } from './support/lan.js'

const lobby = createTopic('lobby')
const kitchen = createTopic('kitchen')

describe('two nodes on one network', () => {
  test('that start in the same instant know each other within a quarter of a second', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
    const b = lan.add('10.0.0.2', 2).start().join(1, lobby, { port: 4_002, lookup: true })
    lan.clock.advance(250)
    expect(a.of('candidate')[0]).toMatchObject({ session: 1, host: '10.0.0.2', port: 4_002 })
    expect(b.of('candidate')[0]).toMatchObject({ session: 1, host: '10.0.0.1', port: 4_001 })
  })

  test('know each other even if every packet of the first 200 ms is lost', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
    const b = lan.add('10.0.0.2', 2).start().join(1, lobby, { port: 4_002, lookup: true })
    const nodes = lan.nodes.splice(0)
    lan.clock.advance(200)
    lan.nodes.push(...nodes)
    lan.clock.advance(800)
    expect(a.of('candidate').length).toBeGreaterThan(0)
    expect(b.of('candidate').length).toBeGreaterThan(0)
  })

  test('of different topics never become candidates', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
    lan.add('10.0.0.2', 2).start().join(1, kitchen, { port: 4_002, lookup: true })
    lan.clock.advance(60_000)
    expect(a.of('candidate')).toEqual([])
  })

  test('a topic joined later is matched at once with what was heard before', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
    lan.add('10.0.0.2', 2).start().join(1, kitchen, { port: 4_002, lookup: false })
    lan.clock.advance(5_000)
    a.join(2, kitchen, { port: null, lookup: true })
    expect(a.of('candidate')).toMatchObject([{ session: 2, host: '10.0.0.2', port: 4_002 }])
  })
})

describe('announcing', () => {
  test('happens at once and again one second later', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: false })
    lan.clock.advance(10_000)
    expect(a.of('send').map(({ at }) => at)).toEqual([0, 1_000])
  })

  test('of many topics in one tick costs one packet for each 32', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start()
    for (let i = 0; i < 70; i++) a.join(i, createTopic(`topic ${i}`), { port: 4_001, lookup: false })
    lan.clock.advance(500)
    expect(a.of('send')).toHaveLength(3)
  })

  test('without a port does not happen, and a session that does not look asks nothing', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: false })
    lan.clock.advance(10_000)
    expect(a.of('send')).toEqual([])
    expect(a.of('flushed')).toHaveLength(1)
  })

  test('ends with a goodbye on leave, which takes the candidate back', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
    const b = lan.add('10.0.0.2', 2).start().join(1, lobby, { port: 4_002, lookup: true })
    lan.clock.advance(2_000)
    b.feed({ type: 'leave', session: 1 })
    lan.clock.advance(10)
    expect(a.of('lost')).toMatchObject([{ session: 1, host: '10.0.0.2', port: 4_002 }])
    expect(a.machine.neighbours).toBe(0)
  })

  test('uses another label and salt after an hour', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: false })
    const told = () => a.of('send').flatMap(({ message }) => (message.kind === 'response' ? message.instances : []))
    lan.clock.advance(3_600_000 - 1)
    expect(new Set(told().map(({ label }) => label)).size).toBe(1)
    lan.clock.advance(2)
    const [old] = told()
    const fresh = told().at(-1)
    expect(fresh?.label).not.toBe(old?.label)
    expect(fresh?.salt).not.toEqual(old?.salt)
    expect(fresh?.hashes).not.toEqual(old?.hashes)
  })

  test.each([
    [119_000, 1],
    [121_000, 0],
  ])('says goodbye to the old label %i ms after it was said last: %i times', (silentMs, times) => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: false })
    lan.clock.advance(3_600_000 - silentMs - 120)
    a.feed({ type: 'message', interface: 'eth0', source: '10.0.0.9', message: { kind: 'query', known: [] } })
    lan.clock.advance(silentMs + 1_000)
    const goodbyes = a.of('send').flatMap(({ message }) => ('goodbyes' in message ? message.goodbyes : []))
    expect(goodbyes).toHaveLength(times)
  })
})

describe('who was silent for a while', () => {
  test('comes back under another salt: the same topic has another hash', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: false })
    lan.clock.advance(1)
    a.feed({ type: 'leave', session: 1 })
    lan.clock.advance(1_000)
    a.join(2, lobby, { port: 4_001, lookup: false })
    lan.clock.advance(1)
    const told = a.of('send').flatMap(({ message }) => (message.kind === 'response' ? message.instances : []))
    expect(told[0]?.salt).not.toEqual(told.at(-1)?.salt)
    expect(told[0]?.hashes).not.toEqual(told.at(-1)?.hashes)
  })

  test('or moves to another network says nothing there that was heard on the first', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
    lan.clock.advance(10_000)
    a.feed({ type: 'down', interface: 'eth0' })
    a.feed({ type: 'up', interface: 'wlan0' })
    lan.clock.advance(10_000)
    const told = (on: string): string[] =>
      a.of('send').flatMap(({ interface: name, message }) => {
        if (name !== on) return []
        return message.kind === 'query'
          ? message.known
          : [...message.goodbyes, ...message.instances.map(({ label }) => label)]
      })
    expect(told('wlan0').length).toBeGreaterThan(2)
    expect(told('wlan0').filter((label) => told('eth0').includes(label))).toEqual([])
  })
})

describe('answers', () => {
  test('to a burst of queries are one in 250 ms', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: false })
    lan.clock.advance(5_000)
    const before = a.of('send').length
    for (let i = 0; i < 1_000; i++) {
      a.feed({ type: 'message', interface: 'eth0', source: '10.0.0.9', message: { kind: 'query', known: [] } })
      lan.clock.advance(1)
    }
    expect(a.of('send').length - before).toBeLessThanOrEqual(4)
    expect(a.of('send').length - before).toBeGreaterThanOrEqual(3)
  })

  test('come after 20 to 120 ms', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: false })
    lan.clock.advance(5_000)
    a.feed({ type: 'message', interface: 'eth0', source: '10.0.0.9', message: { kind: 'query', known: [] } })
    lan.clock.advance(500)
    const delay = (a.of('send').at(-1)?.at ?? 0) - 5_000
    expect(delay).toBeGreaterThanOrEqual(20)
    expect(delay).toBeLessThanOrEqual(120)
  })

  test('are not given to whoever knows this node, nor to its own query', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
    lan.clock.advance(1_900)
    const answers = () => a.of('send').filter(({ message }) => message.kind === 'response').length
    // Two announcements; four queries of its own came back meanwhile.
    expect(answers()).toBe(2)
    const known = a.of('send').flatMap(({ message }) => (message.kind === 'response' ? message.instances : []))
    const query = { kind: 'query', known: known.map(({ label }) => label) } as const
    a.feed({ type: 'message', interface: 'eth0', source: '10.0.0.9', message: query })
    lan.clock.advance(500)
    expect(answers()).toBe(2)
  })
})

describe('queries', () => {
  test('follow each other after 0.25, 0.5, 1, 2 … s up to 30 s while a room is empty', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    lan.clock.advance(180_000)
    const times = a.of('send').map(({ at }) => at)
    const pauses = times.slice(1).map((at, i) => at - (times[i] ?? 0))
    for (const [i, pause] of pauses.entries()) {
      const nominal = Math.min(30_000, 250 * 2 ** i)
      expect(pause).toBeGreaterThanOrEqual(nominal)
      expect(pause).toBeLessThanOrEqual(nominal * 1.25 + 1)
    }
    expect(times.length).toBeGreaterThan(9)
  })

  test('are minutes apart while no room is empty, and frequent again five seconds after one became so', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    a.lonely = false
    lan.clock.advance(600_000)
    expect(a.of('send').length).toBeLessThanOrEqual(6)
    const before = a.of('send').length
    a.lonely = true
    lan.clock.advance(8_000)
    expect(a.of('send').length - before).toBeGreaterThanOrEqual(3)
  })

  test('are one packet, however many topics are looked for', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start()
    for (let i = 0; i < 100; i++) a.join(i, createTopic(`topic ${i}`), { port: null, lookup: true })
    lan.clock.advance(200)
    expect(a.of('send').map(({ message }) => message.kind)).toEqual(['query'])
  })

  test('come at once on refresh', () => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: null, lookup: true })
    lan.clock.advance(100_000)
    const before = a.of('send').length
    a.feed({ type: 'refresh' })
    lan.clock.advance(1)
    expect(a.of('send').length).toBe(before + 1)
  })
})

test('an interface that appears later is announced on and asked at once, one that is gone is silent', () => {
  const lan = new Lan()
  const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
  lan.clock.advance(10_000)
  a.feed({ type: 'up', interface: 'wlan0' })
  lan.clock.advance(1)
  const first = a.of('send').filter((sent) => sent.interface === 'wlan0')
  expect(first.map(({ message }) => message.kind)).toEqual(['response', 'query'])
  a.feed({ type: 'down', interface: 'wlan0' })
  lan.clock.advance(100_000)
  expect(a.of('send').filter((sent) => sent.interface === 'wlan0')).toHaveLength(2)
})

test('the same seed gives the same packets, and a doubled wake changes nothing', () => {
  const run = (doubled: boolean): unknown => {
    const lan = new Lan()
    const a = lan.add('10.0.0.1', 1).start().join(1, lobby, { port: 4_001, lookup: true })
    lan.add('10.0.0.2', 2).start().join(1, lobby, { port: 4_002, lookup: true })
    for (let i = 0; i < 100; i++) {
      lan.clock.advance(37)
      if (doubled && lan.clock.now() === 37 * 50) a.feed({ type: 'wake', lonely: true })
    }
    return JSON.stringify(lan.sent)
  }
  expect(run(false)).toBe(run(false))
  expect(run(true)).toBe(run(false))
})
