// History in a real classic-level database, in a directory of its own.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createIdentity,
  createRecord,
  createTopic,
  type SignedRecord,
  type Store,
  type StoredRecord,
  sodiumCrypto,
} from '@hearsay/core'
import { runConformance, storeConformance } from '@hearsay/core/conformance'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { levelStore } from '../src/index.js'

async function openDirectory() {
  const directory = await mkdtemp(join(tmpdir(), 'hearsay-store-'))
  let database = new ClassicLevel<string, Uint8Array>(directory)
  return {
    get database() {
      return database
    },
    async reopen() {
      await database.close()
      database = new ClassicLevel(directory)
    },
    async close() {
      await database.close()
      await rm(directory, { recursive: true })
    },
  }
}

describe('a store in a database keeps the contract', () => {
  const topic = createTopic('conformance')
  runConformance({
    test,
    suite: storeConformance,
    create: async () => {
      const directory = await openDirectory()
      const store = levelStore(directory.database, topic)
      return {
        store,
        async reopen() {
          await store.close()
          await directory.reopen()
          return levelStore(directory.database, topic)
        },
        close: () => directory.close(),
      }
    },
  })
})

describe('a store in a database', () => {
  const [topic, other] = [createTopic('one'), createTopic('other')]
  const author = createIdentity({ seed: new Uint8Array(32).fill(7) })
  let directory: Awaited<ReturnType<typeof openDirectory>>
  beforeEach(async () => {
    directory = await openDirectory()
  })
  afterEach(() => directory.close())

  const VIEW = { keyEncoding: 'utf8', valueEncoding: 'view' } as const
  const recordOf = (firstSeq: number, of = topic): SignedRecord =>
    createRecord(
      { epoch: 1, firstSeq, time: 0, prev: new Uint8Array(16), messages: [new Uint8Array(100)] },
      ...([of, author, sodiumCrypto()] as const),
    )
  const stored = (firstSeq: number, of = topic): StoredRecord => ({
    record: recordOf(firstSeq, of),
    receivedAt: firstSeq,
  })
  async function seqs(store: Store): Promise<number[]> {
    const all: number[] = []
    for await (const { record } of store.read({ author: author.id, epoch: 1, from: 0, to: 1_000 }))
      all.push(record.header.firstSeq)
    return all
  }
  const rows = async (): Promise<[string, Uint8Array][]> => {
    const all: [string, Uint8Array][] = []
    for await (const row of directory.database.iterator(VIEW)) all.push(row as [string, Uint8Array])
    return all
  }

  it('shares it with other topics', async () => {
    const [one, two] = [levelStore(directory.database, topic), levelStore(directory.database, other)]
    await Promise.all([one.append([stored(0)]), two.append([stored(1, other), stored(2, other)])])
    expect([await seqs(one), await seqs(two)]).toEqual([[0], [1, 2]])
    await two.prune({ messages: 0, bytes: 0 })
    expect([await seqs(one), await seqs(two)]).toEqual([[0], []])
  })

  it('drops a row of which any bit is not as it was written, tells it, and takes the record again', async () => {
    const damaged: number[] = []
    const store = levelStore(directory.database, topic, { onDamage: (count) => damaged.push(count) })
    await store.append([0, 1, 2].map((seq) => stored(seq)))
    const [key, row] = (await rows()).filter(([name]) => name.includes('/r/'))[1] as [string, Uint8Array]
    for (let bit = 0; bit < row.byteLength * 8; bit += 97) {
      const changed = Uint8Array.from(row)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      await directory.database.put(key, changed, VIEW)
      expect(await seqs(store)).toEqual([0, 2])
      expect(await seqs(store)).toEqual([0, 2])
      await store.append([stored(1)])
      expect(await seqs(store)).toEqual([0, 1, 2])
    }
    expect(new Set(damaged)).toEqual(new Set([1]))
  })

  it('keeps a record that came again after it was damaged as long as others that came then', async () => {
    const store = levelStore(directory.database, topic)
    await store.append([0, 1, 2].map((seq) => stored(seq)))
    const [key] = (await rows()).find(([name]) => name.includes('/r/')) as [string, Uint8Array]
    await directory.database.put(key, new Uint8Array(5), VIEW)
    expect(await seqs(store)).toEqual([1, 2])
    await store.append([stored(0)])
    await store.prune({ messages: 2, bytes: 1e9 })
    expect(await seqs(store)).toContain(0)
    await store.prune({ messages: 0, bytes: 0 })
    expect(await rows()).toEqual([])
  })

  describe('whose rows of arrivals are damaged', () => {
    const all = Array.from({ length: 50 }, (_, index) => index)
    const arrivals = async (): Promise<[string, Uint8Array][]> =>
      (await rows()).filter(([name]) => name.includes('/a/'))
    const changes: [string, (row: Uint8Array) => Uint8Array][] = [
      ['of which a count is another', (row) => row.with(11, (row[11] ?? 0) ^ 0x40)],
      ['that is too short', (row) => row.subarray(0, 5)],
      ['that names another record', (row) => row.with(40, (row[40] ?? 0) ^ 1)],
      ['that is empty', () => new Uint8Array()],
    ]

    beforeEach(async () => {
      const store = levelStore(directory.database, topic)
      await store.append(all.map((seq) => stored(seq)))
      await store.close()
    })

    it.each(changes)('makes the one anew %s, tells it, and drops no record for it', async (_, change) => {
      const before = await rows()
      const [key, row] = (await arrivals()).at(-1) as [string, Uint8Array]
      await directory.database.put(key, change(row), VIEW)
      const damaged: number[] = []
      const store = levelStore(directory.database, topic, { onDamage: (count) => damaged.push(count) })
      expect(await store.prune({ messages: 100, bytes: 1e9 })).toEqual([])
      expect([await seqs(store), damaged]).toEqual([all, [1]])
      expect(await rows()).toEqual(before)
      expect((await store.prune({ messages: 49, bytes: 1e9 })).map(({ record }) => record.header.firstSeq)).toEqual([0])
    })

    it.each(changes)('while it is open: makes the one anew %s', async (_, change) => {
      const store = levelStore(directory.database, topic)
      expect(await seqs(store)).toEqual(all)
      const [key, row] = (await arrivals())[0] as [string, Uint8Array]
      await directory.database.put(key, change(row), VIEW)
      expect(await store.prune({ messages: 48, bytes: 1e9 })).toHaveLength(2)
      expect(await seqs(store)).toEqual(all.slice(2))
    })

    it('misses none: neither a record without its arrival is kept for ever, nor an arrival without its record counted', async () => {
      const [[first = ''] = [], [second = '', row = new Uint8Array()] = []] = await arrivals()
      await directory.database.del(first, VIEW)
      await directory.database.del(new TextDecoder().decode(row.subarray(16)), VIEW)
      const damaged: number[] = []
      const store = levelStore(directory.database, topic, { onDamage: (count) => damaged.push(count) })
      expect(await store.prune({ messages: 49, bytes: 1e9 })).toEqual([])
      expect([damaged, (await arrivals()).map(([key]) => key)]).toEqual([[1], expect.not.arrayContaining([second])])
      await store.prune({ messages: 0, bytes: 0 })
      expect(await rows()).toEqual([])
    })

    it('takes those that were written without a checksum', async () => {
      for (const [key, row] of await arrivals()) await directory.database.put(key, row.subarray(8), VIEW)
      const damaged: number[] = []
      const store = levelStore(directory.database, topic, { onDamage: (count) => damaged.push(count) })
      expect((await store.prune({ messages: 49, bytes: 1e9 })).map(({ record }) => record.header.firstSeq)).toEqual([0])
      expect([await seqs(store), damaged]).toEqual([all.slice(1), []])
    })
  })

  it('does not take a note of which a bit is another, and tells it', async () => {
    const damaged: number[] = []
    const store = levelStore(directory.database, topic, { onDamage: (count) => damaged.push(count) })
    await store.remember?.(Uint8Array.of(1, 2, 3))
    const [[key, row] = ['', new Uint8Array()]] = await rows()
    await directory.database.put(key, row.with(9, 0), VIEW)
    expect([await store.remembered?.(), damaged]).toEqual([null, [1]])
  })

  it('rejects everything with the reason of a database that cannot be opened', async () => {
    await directory.database.close()
    const store = levelStore(directory.database, topic)
    for (let times = 0; times < 2; times++) {
      await expect(store.vector()).rejects.toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN' })
    }
    await store.close()
  })
})
