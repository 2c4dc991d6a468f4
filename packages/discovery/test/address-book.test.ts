import { parseAddress } from '@hearsay/core'
import { describe, expect, test } from 'vitest'
import { createAddressBook } from '../src/index.js'
import {
  addressesIn,
  createBook,
  DAY_MS,
  HOUR_MS,
  linesOf,
  listOf,
  MINUTE_MS,
  peerOf,
  recordOf,
} from './support/book.js'

const A = 'tcp://192.0.2.1:4000'
const B = 'tcp://192.0.2.2:4000'

describe('what is saved', () => {
  test('is known again in every form that it may be given in', async () => {
    const { book } = createBook()
    await book.save(A)
    await book.save([parseAddress(B), recordOf(1, 1, ['tcp://198.51.100.1:4000'])])
    await book.save({ peer: peerOf(2), addresses: ['ws://198.51.100.2:80/path'] })
    expect(await addressesIn(book)).toEqual(['tcp://198.51.100.1:4000', A, B, 'ws://198.51.100.2:80/path'].sort())
    expect((await listOf(book)).map(({ peer, origin, proven }) => ({ peer, origin, proven }))).toContainEqual({
      peer: peerOf(2),
      origin: 'hand',
      proven: false,
    })
  })

  test('must be right to the last one, or nothing is taken', async () => {
    const { book } = createBook()
    const forged = { ...recordOf(1, 1, [A]), seq: 2 }
    await expect(book.save([A, 'nonsense'])).rejects.toMatchObject({ code: 'ERR_ADDRESS' })
    await expect(book.save([A, forged])).rejects.toMatchObject({ code: 'ERR_RECORD' })
    expect(await listOf(book)).toEqual([])
  })

  test('twice is there once', async () => {
    const { book } = createBook()
    await book.save([A, A, parseAddress(A)])
    expect(await book.getStats()).toMatchObject({ peers: 1, addresses: 1 })
  })

  test('belongs to the peer that turns out to be there', async () => {
    const { book } = createBook()
    await book.save(A)
    book.onLinked({ peer: peerOf(1), address: parseAddress(A) })
    expect(await listOf(book)).toMatchObject([{ peer: peerOf(1), addresses: [A], origin: 'hand', proven: true }])
  })
})

describe('listing', () => {
  test('ends with a code when the signal fires', async () => {
    const { book } = createBook()
    await book.save([A, B])
    const controller = new AbortController()
    const seen: unknown[] = []
    const listing = (async () => {
      for await (const known of book.known({ signal: controller.signal })) {
        seen.push(known)
        controller.abort()
      }
    })()
    await expect(listing).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    expect(seen).toHaveLength(1)
  })

  test('yields what can be removed as it is', async () => {
    const { book } = createBook()
    await book.save([A, { peer: peerOf(1), addresses: [B] }])
    for (const known of await listOf(book)) expect(await book.remove(known)).toBe(1)
    expect(await listOf(book)).toEqual([])
  })
})

describe('what is removed', () => {
  test.each([
    ['text', A],
    ['an address', parseAddress(A)],
    ['an object with an address', { address: A }],
    ['the peer', peerOf(1)],
    ['an object with the peer', { peer: peerOf(1) }],
  ])('is gone when it is named by %s', async (_, target) => {
    const { book } = createBook()
    await book.save({ peer: peerOf(1), addresses: [A] })
    expect(await book.remove(target)).toBe(1)
    expect(await listOf(book)).toEqual([])
    expect(await book.remove(target)).toBe(0)
  })

  test('stays away for a day, whoever speaks of it', async () => {
    const { book, clock } = createBook()
    const other = createBook()
    await other.book.save({ peer: peerOf(1), addresses: [A] })
    const exported = (await linesOf(other.book)).join('\n')
    await book.save({ peer: peerOf(1), addresses: [A] })
    await book.remove(peerOf(1))
    const speak = async (): Promise<void> => {
      book.onLinked({ peer: peerOf(1), address: parseAddress(A), record: recordOf(1, 9, [A]) })
      book.onHeard({ peer: peerOf(1), addresses: [], record: recordOf(1, 10, [A]), referrer: peerOf(2) })
      book.onHeard({ peer: null, addresses: [parseAddress(A)] })
      book.onHeard({ peer: peerOf(3), addresses: [parseAddress(A)] })
      await book.import(exported)
    }
    await speak()
    clock.advance(DAY_MS - 1)
    await speak()
    expect(await listOf(book)).toEqual([])
    clock.advance(1)
    await speak()
    expect(await addressesIn(book)).toContain(A)
  })

  test('comes back at once by hand', async () => {
    const { book } = createBook()
    await book.save({ peer: peerOf(1), addresses: [A] })
    await book.remove(peerOf(1))
    await book.save({ peer: peerOf(1), addresses: [A] })
    expect(await addressesIn(book)).toEqual([A])
  })

  test('leaves at most so many tombstones', async () => {
    const { book } = createBook()
    await book.remove(Array.from({ length: 5_000 }, (_, n) => `tcp://192.0.2.1:${n + 1}`))
    expect(await book.getStats()).toMatchObject({ tombstones: 4_096 })
  })
})

describe('statistics', () => {
  test('count successes and failures, and smooth the round trip', async () => {
    const { book, clock } = createBook()
    const address = parseAddress(A)
    book.onLinked({ peer: peerOf(1), address, rttMs: 80 })
    clock.advance(1_000)
    book.onLinked({ peer: peerOf(1), address, rttMs: 160 })
    clock.advance(1_000)
    book.onFailed({ address, code: 'ERR_DIAL' })
    const stats = await book.getStats(A)
    expect(stats).toMatchObject({ successes: 2, failures: 1, consecutiveFailures: 1, rttMs: 90 })
    expect(stats?.lastSeen?.getTime()).toBe(clock.wall() - 1_000)
    expect(stats?.lastTried?.getTime()).toBe(clock.wall())
    expect(await book.getStats(peerOf(1))).toMatchObject({ successes: 2, failures: 1 })
    expect(await book.getStats(B)).toBeNull()
  })

  test('fade by half in a day', async () => {
    const { book, clock } = createBook()
    for (let n = 0; n < 8; n++) book.onLinked({ peer: peerOf(1), address: parseAddress(A) })
    expect((await book.getStats(A))?.score).toBeCloseTo(9 / 10)
    clock.advance(DAY_MS)
    expect((await book.getStats(A))?.score).toBeCloseTo(5 / 6)
    clock.advance(60 * DAY_MS)
    expect((await book.getStats(A))?.score).toBeCloseTo(0.5)
  })

  test('do not care for a clock that is set back or forth by ten years', async () => {
    const inner = createBook()
    let step = 0
    const clock = { ...inner.clock, now: inner.clock.now, wall: () => inner.clock.wall() + step }
    const { book } = createBook({ clock })
    book.onLinked({ peer: peerOf(1), address: parseAddress(A) })
    await book.remove(B)
    for (step of [10 * 365 * DAY_MS, -10 * 365 * DAY_MS]) {
      expect((await book.getStats(A))?.score).toBeCloseTo(2 / 3)
      expect(book.onHeard({ peer: null, addresses: [parseAddress(B)] })).toBe(false)
    }
  })

  test('do not count where a peer came from as where it can be dialled', async () => {
    const { book } = createBook()
    const from = parseAddress('tcp://192.0.2.1:51234')
    book.onLinked({ peer: peerOf(1), address: from, initiator: false })
    expect(await listOf(book)).toEqual([])
    book.onLinked({ peer: peerOf(1), address: from, initiator: false, record: recordOf(1, 1, [A]) })
    expect(await listOf(book)).toMatchObject([{ addresses: [A], proven: false }])
  })
})

describe('an address that fails', () => {
  const failing = async (minutes: number, everyMs: number, others: boolean): Promise<number> => {
    const { book, clock } = createBook()
    book.onHeard({ peer: peerOf(1), addresses: [parseAddress(A)], referrer: peerOf(2) })
    if (others) book.onLinked({ peer: peerOf(3), address: parseAddress(B) })
    for (let at = 0; at <= minutes * MINUTE_MS; at += everyMs) {
      book.onFailed({ address: parseAddress(A), peer: peerOf(1) })
      clock.advance(everyMs)
    }
    return (await listOf(book)).filter(({ peer }) => peer === peerOf(1)).length
  }

  test('is purged when it fails again and again while others answer', async () => {
    expect(await failing(9, MINUTE_MS, true)).toBe(1)
    expect(await failing(10, MINUTE_MS, true)).toBe(0)
  })

  test('is not blamed for what shows that somebody is there, and goes at once if it leads back here', async () => {
    const { book } = createBook()
    await book.save([A, B])
    book.onFailed({ address: parseAddress(A), code: 'ERR_LIMIT' })
    book.onFailed({ address: parseAddress(A), code: 'ERR_ABORTED' })
    book.onFailed({ address: parseAddress(B), code: 'ERR_SELF' })
    expect(await book.getStats(A)).toMatchObject({ failures: 0 })
    expect(await addressesIn(book)).toEqual([A])
  })

  test('stays while nobody at all can be reached: then it is our network that is down', async () => {
    expect(await failing(600, MINUTE_MS, false)).toBe(1)
  })

  test('is kept for a day if it worked before, and forgiven when it works again', async () => {
    const { book, clock } = createBook()
    const address = parseAddress(A)
    book.onLinked({ peer: peerOf(1), address })
    book.onLinked({ peer: peerOf(3), address: parseAddress(B) })
    const fail = (hours: number): void => {
      for (let hour = 0; hour < hours; hour++) {
        book.onFailed({ address })
        clock.advance(HOUR_MS)
      }
    }
    fail(24)
    book.onLinked({ peer: peerOf(1), address })
    fail(24)
    expect(await addressesIn(book)).toContain(A)
    fail(1)
    expect(await addressesIn(book)).toEqual([B])
  })
})

describe('a newer record', () => {
  test('takes away what it no longer lists, for a day also from older records', async () => {
    const { book, clock } = createBook()
    const old = recordOf(1, 1, [A, B])
    book.onHeard({ peer: peerOf(1), addresses: [], record: old })
    expect(await addressesIn(book)).toEqual([A, B])
    book.onHeard({ peer: peerOf(1), addresses: [], record: recordOf(1, 2, []) })
    expect(await listOf(book)).toEqual([])
    expect(book.onHeard({ peer: peerOf(1), addresses: [], record: old })).toBe(false)
    clock.advance(DAY_MS)
    expect(book.onHeard({ peer: peerOf(1), addresses: [], record: old })).toBe(true)
  })

  test('leaves what was given by hand', async () => {
    const { book } = createBook()
    await book.save({ peer: peerOf(1), addresses: [A] })
    book.onHeard({ peer: peerOf(1), addresses: [], record: recordOf(1, 1, [A]) })
    book.onHeard({ peer: peerOf(1), addresses: [], record: recordOf(1, 2, [B]) })
    expect(await addressesIn(book)).toEqual([A, B])
  })

  test('with a lower number changes nothing', async () => {
    const { book } = createBook()
    book.onHeard({ peer: peerOf(1), addresses: [], record: recordOf(1, 2, [A]) })
    book.onHeard({ peer: peerOf(1), addresses: [], record: recordOf(1, 1, [B]) })
    expect(await addressesIn(book)).toEqual([A])
  })

  test('of somebody else is not taken', async () => {
    const { book } = createBook()
    expect(book.onHeard({ peer: peerOf(2), addresses: [], record: recordOf(1, 1, [A]) })).toBe(false)
  })
})

describe('a closed book', () => {
  test('refuses with a code, ignores reports, leaves no timer; twice is once', async () => {
    const { book, clock } = createBook()
    await book.save(A)
    await Promise.all([book.close(), book.close()])
    await expect(book.save(B)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(book.getStats()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    book.onLinked({ peer: peerOf(1), address: parseAddress(B) })
    expect(book.sample(4).map(({ peer }) => peer)).toEqual([null])
    expect(clock.pending).toBe(0)
  })

  test('needs a bound that is a number of peers', () => {
    expect(() => createAddressBook({ maxPeers: 0 })).toThrow(TypeError)
  })
})
