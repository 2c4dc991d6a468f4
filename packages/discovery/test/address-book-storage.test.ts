// The book on disk, in a real classic-level database in a directory of its own.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTopic, parseAddress } from '@hearsay/core'
import { settle } from '@hearsay/core/memory'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BookDatabase } from '../src/index.js'
import { addressesIn, addressOf, createBook, DAY_MS, linesOf, listOf, peerOf, recordOf } from './support/book.js'

const A = 'tcp://192.0.2.1:4000'
const B = 'tcp://192.0.2.2:4000'
const lobby = createTopic('lobby')

let directory: string
let database: ClassicLevel<string, string>

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hearsay-book-'))
  database = new ClassicLevel(directory)
})

afterEach(async () => {
  await database.close()
  await rm(directory, { recursive: true })
})

/** The same directory as another process would open it. */
async function reopen(): Promise<void> {
  await database.close()
  database = new ClassicLevel(directory)
}

async function rows(): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  for await (const [key, value] of database.iterator()) all.set(key, value)
  return all
}

describe('a book on disk', () => {
  test('is the same after a restart: addresses, statistics, records, topics and tombstones', async () => {
    const first = createBook({ database })
    await first.book.save(A)
    first.book.onLinked({
      peer: peerOf(1),
      address: addressOf(1),
      rttMs: 40,
      record: recordOf(1, 3, [B]),
      topics: [lobby.id],
    })
    first.book.onFailed({ address: parseAddress(A) })
    await first.book.remove('tcp://192.0.2.9:4000')
    const before = await listOf(first.book)
    const stats = await first.book.getStats(peerOf(1))
    await first.book.close()
    await reopen()
    const second = createBook({ database })
    expect(new Set(await listOf(second.book))).toEqual(new Set(before))
    expect(await second.book.getStats(peerOf(1))).toEqual(stats)
    expect(await second.book.getStats(A)).toMatchObject({ failures: 1, consecutiveFailures: 1 })
    expect(second.book.onHeard({ peer: null, addresses: [parseAddress('tcp://192.0.2.9:4000')] })).toBe(false)
    await second.book.close()
  })

  test('forgets after a restart what was removed, and a tombstone that is a day old', async () => {
    const first = createBook({ database })
    await first.book.save([A, B])
    await first.book.remove(A)
    await first.book.close()
    await reopen()
    const second = createBook({ database })
    expect(await addressesIn(second.book)).toEqual([B])
    expect(await second.book.getStats()).toMatchObject({ tombstones: 1 })
    second.clock.advance(DAY_MS)
    expect(await second.book.getStats()).toMatchObject({ tombstones: 0 })
    await second.book.close()
    expect([...(await rows()).keys()]).toEqual([`hearsay/book/1/p/${B}`])
    expect(second.warnings).toEqual([])
  })

  test('writes what came within a second together, and nothing for what came and went', async () => {
    const batches: number[] = []
    const counting: BookDatabase = {
      iterator: (options) => database.iterator(options),
      batch: (operations, options) => {
        batches.push(operations.length)
        return database.batch(operations, options)
      },
    }
    const { book, clock } = createBook({ database: counting })
    await book.ready()
    for (let n = 0; n < 50; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    for (let n = 0; n < 50; n++) book.onLinked({ peer: peerOf(n), address: addressOf(n) })
    for (let n = 50; n < 60; n++) book.onHeard({ peer: peerOf(n), addresses: [addressOf(n)] })
    await clock.play(999)
    expect(batches).toEqual([])
    await clock.play(1)
    expect(batches).toEqual([50])
    await book.close()
    expect(batches).toEqual([50])
  })

  test('keeps what linked peers said of themselves, not what others said of them', async () => {
    const { book } = createBook({ database })
    await book.ready()
    book.onHeard({ peer: peerOf(1), addresses: [addressOf(1)], referrer: peerOf(2) })
    book.onLinked({ peer: peerOf(2), address: addressOf(9), initiator: false, record: recordOf(2, 1, [A]) })
    await book.close()
    expect([...(await rows()).keys()]).toEqual([`hearsay/book/1/p/${peerOf(2)}`])
  })

  test('works in a database of any encodings', async () => {
    await database.close()
    const other = new ClassicLevel<Uint8Array, unknown>(directory, { keyEncoding: 'view', valueEncoding: 'json' })
    for (const known of [[], [A]]) {
      const { book } = createBook({ database: other })
      expect(await addressesIn(book)).toEqual(known)
      await book.save(A)
      await book.close()
    }
    await other.close()
    await reopen()
  })

  test('takes reports that come before it is loaded', async () => {
    const first = createBook({ database })
    first.book.onLinked({ peer: peerOf(1), address: addressOf(1) })
    await first.book.close()
    const second = createBook({ database })
    second.book.onLinked({ peer: peerOf(1), address: addressOf(1) })
    expect(await second.book.getStats(peerOf(1))).toMatchObject({ successes: 2 })
    await second.book.close()
  })

  test('leaves alone what others keep in the same database', async () => {
    await database.put('hearsay/book/10/x', 'theirs')
    await database.put('other', 'theirs')
    const { book } = createBook({ database })
    await book.save(A)
    await book.close()
    expect((await rows()).get('other')).toBe('theirs')
    expect((await rows()).get('hearsay/book/10/x')).toBe('theirs')
  })
})

describe('damaged rows', () => {
  test('are left out, deleted, and told of once', async () => {
    const first = createBook({ database })
    await first.book.save([A, B])
    await first.book.remove('tcp://192.0.2.9:4000')
    await first.book.close()
    const good = await rows()
    const row = good.get(`hearsay/book/1/p/${A}`) ?? ''
    const damaged = [
      ['p/x', row],
      ['p/1', ''],
      ['p/2', '{'],
      ['p/3', 'null'],
      ['p/4', row.replace('"v":1', '"v":2')],
      [`p/${A}`, row.replace('"successes":0', '"successes":-1')],
      ['p/5', row.replace('"origin":"hand"', '"origin":"heaven"')],
      ['r/z', '{"at":"yesterday","seq":0}'],
      ['d/z', '{"at":1,"seq":1.5}'],
      ['q/z', row],
      ['', row],
    ]
    for (const [name, value] of damaged) await database.put(`hearsay/book/1/${name}`, value ?? '')
    const second = createBook({ database })
    expect(await addressesIn(second.book)).toEqual([B])
    expect(second.warnings).toHaveLength(1)
    await second.book.close()
    const left = [...(await rows()).keys()]
    expect(left).toEqual([`hearsay/book/1/p/${B}`, 'hearsay/book/1/r/tcp://192.0.2.9:4000'])
  })
})

describe('a database that fails', () => {
  test('when writing: one warning, and the book goes on in memory', async () => {
    const { book, clock, warnings } = createBook({ database })
    await book.save(A)
    await database.close()
    await book.save(B)
    book.onLinked({ peer: peerOf(1), address: addressOf(1) })
    await clock.play(5_000)
    await settle()
    expect(await addressesIn(book)).toHaveLength(3)
    expect(warnings).toHaveLength(1)
    await book.close()
    expect(clock.pending).toBe(0)
  })

  test('when opening: one warning, and the book is empty', async () => {
    await database.close()
    const { book, warnings } = createBook({ database })
    await book.save(A)
    expect(await linesOf(book)).toHaveLength(2)
    expect(warnings).toHaveLength(1)
    await book.close()
  })
})

test('a closed book writes nothing more and leaves no timer', async () => {
  const { book, clock } = createBook({ database })
  await book.ready()
  book.onLinked({ peer: peerOf(1), address: addressOf(1) })
  await book.close()
  expect((await rows()).size).toBe(1)
  book.onLinked({ peer: peerOf(2), address: addressOf(2) })
  await clock.play(10_000)
  expect((await rows()).size).toBe(1)
  expect(clock.pending).toBe(0)
})
