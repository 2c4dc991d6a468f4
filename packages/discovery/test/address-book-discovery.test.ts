import { createTopic, parseAddress, printAddress, seededRandom } from '@hearsay/core'
import { type DiscoveryFixture, discoveryConformance, runConformance } from '@hearsay/core/conformance'
import { settle } from '@hearsay/core/memory'
import { describe, expect, test } from 'vitest'
import { bookDiscovery, createAddressBook } from '../src/index.js'
import { addressOf, createBook, peerOf } from './support/book.js'
import { wishOf } from './support/wish.js'

const lobby = createTopic('lobby')

async function seenIn(ms: number, setup: (fixture: ReturnType<typeof createBook>) => void, linked = 0) {
  const fixture = createBook()
  const { book, clock } = fixture
  setup(fixture)
  const discovery = bookDiscovery(book, { clock, random: seededRandom(1), sampleSize: 4 })
  const session = discovery.join(lobby, wishOf(null, { linked: () => linked }))
  const seen: (string | null)[] = []
  const reading = (async () => {
    for await (const { peer, source } of session) {
      expect(source).toBe('book')
      seen.push(peer)
    }
  })()
  await clock.play(ms)
  await settle()
  await discovery.close()
  await reading
  expect(clock.pending).toBe(0)
  return seen
}

describe('the book as a discovery', () => {
  test('names those who shared the topic first, then others', async () => {
    const seen = await seenIn(0, ({ book }) => {
      for (let n = 0; n < 20; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
      book.onLinked({ peer: peerOf(7), address: addressOf(7), topics: [lobby.id] })
    })
    expect(seen).toHaveLength(4)
    expect(seen[0]).toBe(peerOf(7))
  })

  test('goes through the whole book while the room is empty', async () => {
    const seen = await seenIn(1_200_000, ({ book }) => {
      for (let n = 0; n < 12; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    })
    expect(new Set(seen).size).toBe(12)
  })

  test('is slow, and names members alone, while there are peers', async () => {
    const seen = await seenIn(
      300_000,
      ({ book }) => {
        for (let n = 0; n < 12; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
        book.onLinked({ peer: peerOf(7), address: addressOf(7), topics: [lobby.id] })
      },
      1,
    )
    expect(seen).toEqual([peerOf(7)])
  })

  test('looks again at refresh, and hands over what was proven best first', async () => {
    const { book, clock } = createBook()
    const [good, bad] = ['tcp://192.0.2.1:1', 'tcp://192.0.2.1:2'] as const
    await book.save({ peer: peerOf(1), addresses: [bad, good] })
    book.onLinked({ peer: peerOf(1), address: parseAddress(good) })
    const session = bookDiscovery(book, { clock, random: seededRandom(1) }).join(lobby, wishOf(null))
    await session.flushed()
    for (let round = 0; round < 2; round++) {
      const { value } = await session[Symbol.asyncIterator]().next()
      expect(value?.addresses.map(printAddress)).toEqual([good, bad])
      session.refresh()
    }
    await session.leave()
  })

  test('names nobody to who does not look', async () => {
    const { book, clock } = createBook()
    await book.save('tcp://192.0.2.1:4000')
    const session = bookDiscovery(book, { clock }).join(lobby, wishOf(null, { lookup: false }))
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const candidate of session) seen.push(candidate)
    })()
    session.refresh()
    await clock.play(60_000)
    await session.leave()
    await reading
    expect(seen).toEqual([])
  })
})

describe('what every discovery promises and one that announces nothing can keep:', () => {
  const create = async (): Promise<DiscoveryFixture> => {
    const books = [createAddressBook(), createAddressBook(), createAddressBook()] as const
    const [a, b, c] = books
    const nodes = [bookDiscovery(a), bookDiscovery(b), bookDiscovery(c)] as const
    return {
      nodes,
      async close() {
        await Promise.all([...nodes, ...books].map((part) => part.close()))
      },
    }
  }
  const kept = ['resolves flushed', 'ends the iteration', 'closes once']
  const suite = discoveryConformance.filter(({ name }) => kept.some((start) => name.startsWith(start)))
  test('three of them', () => expect(suite).toHaveLength(3))
  runConformance({ test, create, suite })
})
