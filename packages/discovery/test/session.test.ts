import { type Candidate, parseAddress } from '@hearsay/core'
import { settle } from '@hearsay/core/memory'
import { expect, test } from 'vitest'
import { createSession, MAX_WAITING_CANDIDATES } from '../src/session.js'

const candidate = (port: number): Candidate => ({
  peer: null,
  addresses: [parseAddress(`tcp://127.0.0.1:${port}`)],
  source: 'test',
})
const create = (leave: () => Promise<void> = async () => {}) => createSession({ refresh() {}, leave })

async function take(session: AsyncIterable<Candidate>, count: number): Promise<(number | undefined)[]> {
  const ports: (number | undefined)[] = []
  for await (const { addresses } of session) {
    ports.push(addresses[0]?.port)
    if (ports.length === count) break
  }
  return ports
}

test('candidates wait for a reader, the newest of each address set', async () => {
  const { session, offer } = create()
  for (const port of [1, 2, 1, 3]) offer(candidate(port))
  expect(await take(session, 3)).toEqual([2, 1, 3])
})

test('the same candidate comes again when it is heard of again', async () => {
  const { session, offer } = create()
  offer(candidate(1))
  expect(await take(session, 1)).toEqual([1])
  offer(candidate(1))
  expect(await take(session, 1)).toEqual([1])
})

test.each([-1, 0, 1])('a session that nobody reads keeps 256 candidates and no more: %i over', async (over) => {
  const { session, offer } = create()
  const count = MAX_WAITING_CANDIDATES + over
  for (let port = 1; port <= count; port++) offer(candidate(port))
  const kept = await take(session, Math.min(count, MAX_WAITING_CANDIDATES))
  expect(kept[0]).toBe(Math.max(1, over + 1))
  expect(kept.at(-1)).toBe(count)
})

test('a candidate that said goodbye before it was read is not told', async () => {
  const { session, offer, retract } = create()
  offer(candidate(1))
  offer(candidate(2))
  retract(candidate(1))
  expect(await take(session, 1)).toEqual([2])
})

test('leave ends every iterator and resolves flushed, once and whatever the withdrawal does', async () => {
  let withdrawals = 0
  const { session, offer } = create(async () => {
    withdrawals += 1
    throw new Error('offline')
  })
  const readers = [take(session, 9), take(session, 9)]
  await settle()
  await Promise.all([session.leave(), session.leave()])
  offer(candidate(1))
  expect(await Promise.all(readers)).toEqual([[], []])
  expect(await take(session, 1)).toEqual([])
  await session.flushed()
  expect(withdrawals).toBe(1)
})

test('an iterator that is returned while it waits ends, and the others go on', async () => {
  const { session, offer } = create()
  const waiting = session[Symbol.asyncIterator]()
  const pending = waiting.next()
  await waiting.return?.()
  expect(await pending).toEqual({ done: true, value: undefined })
  offer(candidate(1))
  expect(await take(session, 1)).toEqual([1])
})
