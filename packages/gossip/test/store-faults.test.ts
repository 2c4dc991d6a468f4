// A store whose database fails at every point: what it told as kept is there when it is opened again, or told as damaged.

import {
  createIdentity,
  createRecord,
  createTopic,
  hasCode,
  type Store,
  type StoredRecord,
  seededRandom,
} from '@hearsay/core'
import { simulatedCrypto } from '@hearsay/core/memory'
import { expect, it } from 'vitest'
import { levelStore } from '../src/index.js'
import { FAULTS, FaultyDatabase } from './faulty-database.js'

const POINTS = 1_000
const LIVES = 2
const LIMIT = 12
const crypto = simulatedCrypto(seededRandom(1))
const topic = createTopic('faulty', { crypto })
const author = createIdentity({ seed: new Uint8Array(32).fill(7), crypto })
const records = Array.from({ length: 100 }, (_, firstSeq): StoredRecord => {
  const draft = { epoch: 1, firstSeq, time: 0, prev: new Uint8Array(16), messages: [new Uint8Array(firstSeq)] }
  return { record: createRecord(draft, topic, author, crypto), receivedAt: firstSeq }
})

const isOfDatabase = (error: unknown): boolean =>
  ['ECRASH', 'ENOSPC', 'EIO'].some((code) => hasCode(error, code as never))

/** True if it was done; only what the database throws may stop it. */
async function tried(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    expect(isOfDatabase(error), String(error)).toBe(true)
    return false
  }
}

async function seqsOf(store: Store): Promise<number[]> {
  const seqs: number[] = []
  for await (const { record } of store.read({ author: author.id, epoch: 1, from: 0, to: 1_000 }))
    seqs.push(record.header.firstSeq)
  return seqs
}

it(`has, or tells as damaged, all that it said it kept, once, whatever fails at ${POINTS} points`, {
  timeout: 120_000,
}, async () => {
  for (let point = 0; point < POINTS; point++) {
    const random = seededRandom(point)
    const database = new FaultyDatabase(random)
    /** Numbers of what it said it kept and may not have pruned. */
    let told: number[] = []
    let next = 0
    let damaged = 0
    const open = (): Store => levelStore(database, topic, { sync: true, crypto, onDamage: (rows) => (damaged += rows) })
    for (let life = 0; life < LIVES; life++) {
      const store = open()
      database.failAt(random.below(12), FAULTS[point % FAULTS.length] ?? 'crash after')
      for (let write = 0; write < 4; write++) {
        const batch = records.slice(next, next + 1 + random.below(5))
        const seqs = batch.map(({ record }) => record.header.firstSeq)
        next += batch.length
        // Once more, if it was not kept: it may have been.
        if ((await tried(() => store.append(batch))) || (await tried(() => store.append(batch)))) told.push(...seqs)
        await tried(() => store.prune({ messages: LIMIT, bytes: 1e9 }))
        told = told.filter((seq) => seq >= next - LIMIT)
      }
      if (database.crashed || random.below(2) === 0) database.reboot()
      if (random.below(4) === 0) database.damage()
      database.failAt(-1, 'error before')

      damaged = 0
      const again = open()
      const seqs = await seqsOf(again)
      const missing = told.filter((seq) => !seqs.includes(seq))
      const where = `point ${point}, life ${life}`
      expect(missing.length, where).toBeLessThanOrEqual(damaged)
      expect(seqs, where).toEqual([...new Set(seqs)].sort((one, other) => one - other))
      told = told.filter((seq) => seqs.includes(seq))
      await again.prune({ messages: LIMIT, bytes: 1e9 })
      expect((await seqsOf(again)).length, where).toBe(Math.min(LIMIT, seqs.length))
    }
    await open().prune({ messages: 0, bytes: 0 })
    expect(database.size, `point ${point}: rows that nobody will ever drop`).toBe(0)
  }
})
