// What every store promises.

import type { Store, StoredRecord } from '../contracts/store.js'
import type { PeerId } from '../peer-id.js'
import { encodeRecord } from '../record.js'
import { type Assert, type ConformanceCase, caseOf } from './case.js'
import { ALICE, allOf, BOB, record } from './store-records.js'

export interface StoreFixture {
  readonly store: Store
  /** Closes the store and opens it again on the same data; left out if the data ends with the store. */
  reopen?(): Promise<Store>
  /** Frees what the store stands on; it may be closed already. */
  close(): Promise<void>
}

export const storeConformance: readonly ConformanceCase<StoreFixture>[] = [
  caseOf('is empty at first', async ({ store }, assert) => {
    assert.equal(await store.vector(), [])
    assert.equal(await firstSeqs(store, ALICE.id), [])
  }),

  caseOf('reads what was appended, lowest first, however it came', async ({ store }, assert) => {
    await store.append([record({ firstSeq: 6, count: 2 }), record({ firstSeq: 0 })])
    await store.append([record({ firstSeq: 1, count: 5 })])
    assert.equal(await firstSeqs(store, ALICE.id), [0, 1, 6])
  }),

  caseOf('keeps every byte and the time of arrival', async ({ store }, assert) => {
    const stored = record({ firstSeq: 3, count: 2, receivedAt: 1_234_567 })
    await store.append([stored])
    const [read] = await allOf(store.read({ author: ALICE.id, epoch: 1, from: 0, to: 10 }))
    assert.equal(read && [...encodeRecord(read.record)], [...encodeRecord(stored.record)])
    assert.equal(
      [String(read?.record.id), String(read?.record.signed)],
      [String(stored.record.id), String(stored.record.signed)],
    )
    assert.equal(read?.receivedAt, 1_234_567)
  }),

  caseOf('keeps a record once', async ({ store }, assert) => {
    await store.append([record({ firstSeq: 0 }), record({ firstSeq: 0 })])
    await store.append([record({ firstSeq: 0, receivedAt: 9 })])
    assert.equal(await firstSeqs(store, ALICE.id), [0])
    assert.equal(await store.prune({ messages: 1, bytes: 1_000_000 }), [])
  }),

  caseOf('keeps two records that claim the same place', async ({ store }, assert) => {
    await store.append([record({ firstSeq: 0, text: 'one' }), record({ firstSeq: 0, text: 'two' })])
    assert.equal(await firstSeqs(store, ALICE.id), [0, 0])
  }),

  caseOf('reads what overlaps the range, which ends before its end', async ({ store }, assert) => {
    await store.append([0, 5, 10, 15].map((firstSeq) => record({ firstSeq, count: 5 })))
    const read = (from: number, to: number): Promise<number[]> => firstSeqs(store, ALICE.id, { from, to })
    assert.equal(await read(5, 10), [5])
    assert.equal(await read(4, 11), [0, 5, 10])
    assert.equal(await read(9, 10), [5])
    assert.equal(await read(20, 30), [])
    assert.equal(await read(7, 7), [])
    assert.equal(await read(0, Number.MAX_SAFE_INTEGER), [0, 5, 10, 15])
  }),

  caseOf('keeps authors and epochs apart', async ({ store }, assert) => {
    await store.append([
      record({ firstSeq: 0 }),
      record({ firstSeq: 1, epoch: 2 }),
      record({ firstSeq: 2, author: BOB }),
    ])
    assert.equal(await firstSeqs(store, ALICE.id), [0])
    assert.equal(await firstSeqs(store, ALICE.id, { epoch: 2 }), [1])
    assert.equal(await firstSeqs(store, BOB.id), [2])
    assert.equal(await firstSeqs(store, BOB.id, { epoch: 2 }), [])
  }),

  caseOf('tells where each author and epoch begins and ends, in order', async ({ store }, assert) => {
    const [first, second] = [ALICE, BOB].sort((a, b) => (a.id < b.id ? -1 : 1)) as [typeof ALICE, typeof BOB]
    await store.append([
      record({ firstSeq: 4, count: 3, author: second }),
      record({ firstSeq: 9, author: first, epoch: 10 }),
      record({ firstSeq: 7, author: first, epoch: 9 }),
      record({ firstSeq: 2, author: first, epoch: 9 }),
    ])
    assert.equal(await store.vector(), [
      { author: first.id, epoch: 9, floor: 2, next: 8 },
      { author: first.id, epoch: 10, floor: 9, next: 10 },
      { author: second.id, epoch: 1, floor: 4, next: 7 },
    ])
  }),

  caseOf('holds the largest epochs and sequence numbers', async ({ store }, assert) => {
    const last = Number.MAX_SAFE_INTEGER
    await store.append([record({ firstSeq: last - 1, epoch: last }), record({ firstSeq: 3, epoch: 10 })])
    assert.equal(await firstSeqs(store, ALICE.id, { epoch: last, from: last - 1, to: last }), [last - 1])
    assert.equal(
      (await store.vector()).map(({ epoch }) => epoch),
      [10, last],
    )
  }),

  caseOf('drops what came first until so many messages are left', async ({ store }, assert) => {
    await store.append([record({ firstSeq: 5, count: 3 }), record({ firstSeq: 0, count: 2 }), record({ firstSeq: 8 })])
    const dropped = await store.prune({ messages: 4, bytes: 1_000_000 })
    assert.equal(dropped.map(toFirstSeq), [5])
    assert.equal(await firstSeqs(store, ALICE.id), [0, 8])
    assert.equal(await store.vector(), [{ author: ALICE.id, epoch: 1, floor: 0, next: 9 }])
  }),

  caseOf('drops what came first until so many bytes are left', async ({ store }, assert) => {
    const records = [0, 1, 2].map((firstSeq) => record({ firstSeq, text: 'x'.repeat(10_000) }))
    await store.append(records)
    // A store may count what it adds to a record: less than half of a large one.
    assert.equal(await store.prune({ messages: 100, bytes: 40_000 }), [])
    const dropped = await store.prune({ messages: 100, bytes: 15_000 })
    assert.equal(dropped.map(toFirstSeq), [0, 1])
    assert.equal(await firstSeqs(store, ALICE.id), [2])
  }),

  caseOf('keeps the newest record though it exceeds the limits alone', async ({ store }, assert) => {
    await store.append([record({ firstSeq: 0 }), record({ firstSeq: 1, count: 10, text: 'x'.repeat(100) })])
    assert.equal((await store.prune({ messages: 5, bytes: 10 })).map(toFirstSeq), [0])
    assert.equal(await firstSeqs(store, ALICE.id), [1])
  }),

  caseOf('forgets an author of whom nothing is left, and takes its records again', async ({ store }, assert) => {
    await store.append([record({ firstSeq: 0 })])
    assert.equal((await store.prune({ messages: 0, bytes: 0 })).map(toFirstSeq), [0])
    assert.equal([await store.vector(), await firstSeqs(store, ALICE.id)], [[], []])
    await store.append([record({ firstSeq: 0 })])
    assert.equal(await firstSeqs(store, ALICE.id), [0])
  }),

  caseOf('keeps its own list of what was appended', async ({ store }, assert) => {
    const batch = [record({ firstSeq: 0 })]
    await store.append(batch)
    batch.length = 0
    assert.equal(await firstSeqs(store, ALICE.id), [0])
  }),

  caseOf('has after opening again what it had before', async ({ store, reopen }, assert) => {
    if (!reopen) return
    await store.append([record({ firstSeq: 1 }), record({ firstSeq: 0 })])
    const again = await reopen()
    assert.equal(await firstSeqs(again, ALICE.id), [0, 1])
    assert.equal((await again.prune({ messages: 1, bytes: 1_000_000 })).map(toFirstSeq), [1])
    await again.close()
  }),

  caseOf('remembers the last of what it was to remember, if it can, whatever is dropped', async ({ store }, assert) => {
    if (!store.remember || !store.remembered) return
    assert.equal(await store.remembered(), null)
    const note = Uint8Array.of(1, 2, 3)
    await store.remember(Uint8Array.of(9, 9, 9, 9))
    await store.remember(note)
    note.fill(0)
    await store.append([record({ firstSeq: 0 })])
    await store.prune({ messages: 0, bytes: 0 })
    assert.equal([...((await store.remembered()) ?? [])], [1, 2, 3])
    await store.remember(new Uint8Array())
    assert.equal([...((await store.remembered()) ?? [0])], [])
  }),

  caseOf('closes once, and then rejects', async ({ store }, assert) => {
    await store.append([record({ firstSeq: 0 })])
    await Promise.all([store.close(), store.close()])
    await store.close()
    await rejectsAll(store, assert)
  }),
]

async function rejectsAll(store: Store, assert: Assert): Promise<void> {
  await assert.rejects(store.append([record({ firstSeq: 1 })]), 'ERR_CLOSED')
  await assert.rejects(firstSeqs(store, ALICE.id), 'ERR_CLOSED')
  await assert.rejects(store.vector(), 'ERR_CLOSED')
  await assert.rejects(store.prune({ messages: 0, bytes: 0 }), 'ERR_CLOSED')
  if (store.remember) await assert.rejects(store.remember(new Uint8Array()), 'ERR_CLOSED')
  if (store.remembered) await assert.rejects(store.remembered(), 'ERR_CLOSED')
}

async function firstSeqs(
  store: Store,
  author: PeerId,
  range: { readonly epoch?: number; readonly from?: number; readonly to?: number } = {},
): Promise<number[]> {
  return (await allOf(store.read({ author, epoch: 1, from: 0, to: 1_000, ...range }))).map(toFirstSeq)
}

function toFirstSeq({ record }: StoredRecord): number {
  return record.header.firstSeq
}
