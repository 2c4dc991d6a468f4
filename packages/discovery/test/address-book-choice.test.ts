// Who stays in a full book, and whom it names: by chance, but not by any chance.

import { createTopic, type PeerId, parseAddress, printAddress, seededRandom } from '@hearsay/core'
import { describe, expect, test } from 'vitest'
import { addressOf, createBook, listOf, peerOf, recordOf } from './support/book.js'

const A = 'tcp://192.0.2.1:4000'
const lobby = createTopic('lobby')

describe('bounds', () => {
  test('an entry keeps at most 16 addresses, and what was proven is not pushed out', async () => {
    const { book } = createBook()
    book.onLinked({ peer: peerOf(1), address: parseAddress(A) })
    for (let n = 0; n < 40; n++) {
      book.onHeard({ peer: peerOf(1), addresses: [parseAddress(`tcp://198.51.100.1:${5_000 + n}`)] })
    }
    const [known] = await listOf(book)
    expect(known?.addresses).toHaveLength(16)
    expect(known?.addresses[0]).toBe(A)
  })

  test.each([
    ['one network', () => peerOf(999_999), (n: number) => `tcp://203.0.${n % 250}.7:${2_000 + (n % 60_000)}`],
    [
      'all networks, told by one peer',
      () => peerOf(999_999),
      (n: number) => `tcp://${(n % 200) + 20}.${n % 251}.2.3:5000`,
    ],
  ])('a flood of fresh keys from %s leaves everybody that was proven, and the bound', async (_, referrer, address) => {
    const { book } = createBook()
    for (let n = 0; n < 100; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    const heard = 60
    for (let n = 0; n < heard; n++) {
      book.onHeard({ peer: peerOf(1_000 + n), addresses: [addressOf(n)], referrer: peerOf(n) })
    }
    const floods = Number(process.env.HEARSAY_BOOK_FLOOD ?? 12_000)
    const letters = 'ybndrfg8ejkmcpqxot1uwisza345h769'
    const keyOf = (n: number) => {
      // A key is 52 letters of which the last holds one bit: cheaper than signing a million of them.
      const text = Array.from({ length: 8 }, (_unused, at) => letters[(n >>> (at * 4)) & 15]).join('')
      return `${text}${'y'.repeat(44)}` as PeerId
    }
    for (let n = 0; n < floods; n++) {
      book.onHeard({ peer: keyOf(n), addresses: [parseAddress(address(n))], referrer: referrer() })
    }
    const peers = new Set((await listOf(book)).map(({ peer }) => peer))
    expect(peers.size).toBe(4_096)
    expect(Array.from({ length: 100 }, (_unused, n) => peers.has(peerOf(n)))).not.toContain(false)
    const honest = Array.from({ length: heard }, (_unused, n) => peers.has(peerOf(1_000 + n)))
    expect(honest.filter(Boolean).length).toBeGreaterThan(heard * 0.8)
  })

  test('what is given by hand has the same bound, and is left alone by everything else', async () => {
    const { book } = createBook({ maxPeers: 100 })
    await book.save(Array.from({ length: 150 }, (_, n) => `tcp://192.0.2.1:${n + 1}`))
    for (let n = 0; n < 50; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    book.onHeard({ peer: peerOf(60), addresses: [addressOf(60)] })
    expect((await listOf(book)).filter(({ origin }) => origin === 'hand')).toHaveLength(100)
  })

  test('a flood of linked keys on one network displaces itself, not those proven elsewhere', async () => {
    const { book } = createBook({ maxPeers: 200 })
    for (let n = 0; n < 50; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    for (let n = 0; n < 600; n++) {
      book.onLinked({ peer: peerOf(10_000 + n), address: parseAddress(`tcp://203.0.113.7:${2_000 + n}`) })
    }
    const peers = new Set((await listOf(book)).map(({ peer }) => peer))
    expect(peers.size).toBeLessThanOrEqual(200)
    expect(Array.from({ length: 50 }, (_, n) => peers.has(peerOf(n)))).not.toContain(false)
  })
})

describe('a sample', () => {
  const drawn = (of: () => readonly { peer: string | null }[], times: number): Map<string | null, number> => {
    const counts = new Map<string | null, number>()
    for (let n = 0; n < times; n++) for (const { peer } of of()) counts.set(peer, (counts.get(peer) ?? 0) + 1)
    return counts
  }

  test('takes all that are alike equally often', () => {
    const { book } = createBook()
    for (let n = 0; n < 40; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    const counts = drawn(() => book.sample(4), 4_000)
    // 400 expected each; five standard deviations of a binomial are 95.
    for (let n = 0; n < 40; n++) expect(Math.abs((counts.get(peerOf(n)) ?? 0) - 400)).toBeLessThan(95)
  })

  test('takes those that fared better more often, and the others too', () => {
    const { book } = createBook()
    for (let n = 0; n < 20; n++) {
      book.onLinked({ peer: peerOf(n), address: addressOf(n) })
      for (let k = 0; k < 3; k++) {
        if (n < 10) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
        else book.onFailed({ address: addressOf(n) })
      }
    }
    const counts = drawn(() => book.sample(2), 2_000)
    const sum = (from: number): number =>
      Array.from({ length: 10 }, (_, n) => counts.get(peerOf(from + n)) ?? 0).reduce((a, b) => a + b)
    expect(sum(0)).toBeGreaterThan(2 * sum(10))
    for (let n = 0; n < 20; n++) expect(counts.get(peerOf(n))).toBeGreaterThan(0)
  })

  test('takes at most a quarter from one network and on one word, while there are others', () => {
    const { book } = createBook()
    for (let n = 0; n < 60; n++) book.onLinked({ peer: peerOf(n), address: parseAddress(`tcp://203.0.113.${n}:4000`) })
    for (let n = 60; n < 120; n++) {
      book.onHeard({ peer: peerOf(n), addresses: [addressOf(n)], referrer: peerOf(0) })
    }
    for (let n = 120; n < 140; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    for (let k = 0; k < 50; k++) {
      const sample = book.sample(16)
      expect(sample).toHaveLength(16)
      expect(sample.filter(({ addresses }) => addresses[0]?.host.startsWith('203.0.')).length).toBeLessThanOrEqual(4)
      expect(sample.filter(({ referrer }) => referrer === peerOf(0)).length).toBeLessThanOrEqual(4)
    }
  })

  test('is full even if all are on one network', () => {
    const { book } = createBook()
    for (let n = 0; n < 60; n++) book.onLinked({ peer: peerOf(n), address: parseAddress(`tcp://203.0.113.${n}:4000`) })
    expect(new Set(book.sample(16).map(({ peer }) => peer)).size).toBe(16)
  })

  test('begins with those that worked on the LAN', () => {
    const { book } = createBook()
    for (let n = 0; n < 30; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    book.onLinked({ peer: peerOf(50), address: parseAddress('tcp://192.168.1.5:4000') })
    book.onHeard({ peer: peerOf(51), addresses: [parseAddress('tcp://192.168.1.6:4000')] })
    for (let k = 0; k < 20; k++) expect(book.sample(4)[0]?.peer).toBe(peerOf(50))
  })

  test('begins with those who shared the topic, and leaves out whom it is told to', () => {
    const { book } = createBook()
    for (let n = 0; n < 30; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    for (const n of [3, 7]) book.onLinked({ peer: peerOf(n), address: addressOf(n), topics: [lobby.id] })
    const sample = book.sample(6, { topic: lobby.id, except: (peer) => peer === peerOf(7) })
    expect(sample.map(({ peer }) => peer)).not.toContain(peerOf(7))
    expect(sample[0]?.peer).toBe(peerOf(3))
    expect(book.sample(6, { topic: lobby.id, membersOnly: true })).toHaveLength(2)
  })

  test('keeps what was only told apart from what was reached, on the word of who told it', async () => {
    const { book } = createBook()
    const [own, told] = ['tcp://192.0.2.1:4000', 'tcp://198.51.100.1:22000']
    book.onLinked({ peer: peerOf(1), address: parseAddress(own), record: recordOf(1, 1, [told]) })
    book.onHeard({ peer: peerOf(2), addresses: [addressOf(2)], referrer: peerOf(1) })
    await book.save({ peer: peerOf(2), addresses: [own] })
    const seen = book.sample(2).map(({ peer, referrer, addresses }) => [peer, addresses.map(printAddress), referrer])
    expect(new Set(seen)).toEqual(
      new Set([
        [peerOf(1), [own], undefined],
        [peerOf(1), [told], peerOf(1)],
        [peerOf(2), [own], undefined],
        [peerOf(2), [printAddress(addressOf(2))], peerOf(1)],
      ]),
    )
  })

  test('depends on the seed alone', () => {
    const draw = (): unknown => {
      const { book } = createBook()
      for (let n = 0; n < 30; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
      return book.sample(8, { random: seededRandom(7) })
    }
    expect(draw()).toEqual(draw())
  })
})
