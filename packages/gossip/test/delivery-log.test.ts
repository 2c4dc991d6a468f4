import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createIdentity, type Delivery } from '@hearsay/core'
import { settle } from '@hearsay/core/memory'
import { describe, expect, it } from 'vitest'
import { DeliveryLog } from '../src/room/delivery-log.js'

const author = createIdentity({ seed: new Uint8Array(32) }).id
const MANY = 1e9

function deliveryOf(seq: number, length = 1): Delivery {
  const place = { author, epoch: 1, seq, time: 0, receivedAt: 0, hops: 1, via: null }
  return { ...place, payload: new Uint8Array(length) }
}

async function seqsOf(deliveries: AsyncIterator<Delivery>, count: number): Promise<unknown[]> {
  const seqs: unknown[] = []
  while (seqs.length < count) seqs.push((await deliveries.next()).value?.seq)
  return seqs
}

const upTo = (to: number, from = 0): number[] => Array.from({ length: to - from }, (_, index) => from + index)

describe('reading what is retained', () => {
  it('yields every delivery as it was appended, though neighbours share all but number and payload', async () => {
    const other = createIdentity({ seed: new Uint8Array(32).fill(1) }).id
    const log = new DeliveryLog({ messages: 60, bytes: MANY }, () => {})
    const changes = [
      {},
      {},
      { author: other },
      { epoch: 2 },
      { time: 5 },
      { receivedAt: 7 },
      { hops: 3 },
      { via: other },
    ]
    const appended = upTo(200).map((index): Delivery => {
      // Runs of three, of which each differs from the one before it in one thing, and then a number that is left out.
      const seq = index + Math.floor(index / 30)
      return { ...deliveryOf(seq, index % 5), ...changes[Math.floor(index / 3) % changes.length] }
    })
    for (const [index, delivery] of appended.entries()) log.append(delivery, index % 50 === 0 ? 'kept' : 'heard')
    const read: Delivery[] = []
    for await (const delivery of log.read({})) read.push(delivery)
    expect(read).toEqual(appended.slice(-60))
  })

  it('skips what was let go meanwhile, and repeats nothing', async () => {
    const log = new DeliveryLog({ messages: 10, bytes: MANY }, () => {})
    for (const seq of upTo(10)) log.append(deliveryOf(seq), 'heard')
    const reader = log.read({})
    expect(await seqsOf(reader, 1)).toEqual([0])
    for (const seq of upTo(15, 10)) log.append(deliveryOf(seq), 'heard')
    expect(await seqsOf(reader, 6)).toEqual([5, 6, 7, 8, 9, undefined])
  })
})

describe('what came late', () => {
  const other = createIdentity({ seed: new Uint8Array(32).fill(1) }).id
  async function historyOf(log: DeliveryLog): Promise<string[]> {
    const read: string[] = []
    for await (const delivery of log.read({})) read.push(`${delivery.author === other ? 'b' : 'a'}${delivery.seq}`)
    return read
  }

  it('is read in its author’s order, and not by those who follow', async () => {
    const log = new DeliveryLog({ messages: 20, bytes: MANY }, () => {})
    const follower = log.read({ follow: 'drop-oldest' })
    const first = follower.next()
    for (const seq of [0, 2, 6]) log.append(deliveryOf(seq), 'heard')
    log.append({ ...deliveryOf(1), author: other }, 'heard')
    for (const seq of [5, 1, 3, 4]) log.append(deliveryOf(seq), 'late')
    log.append({ ...deliveryOf(0), author: other }, 'late')
    log.append(deliveryOf(9), 'heard')
    log.append(deliveryOf(8), 'late')
    expect(await historyOf(log)).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'b0', 'b1', 'a8', 'a9'])
    expect([(await first).value?.seq, ...(await seqsOf(follower, 4))]).toEqual([0, 2, 6, 1, 9])
  })

  it('goes when its turn comes', async () => {
    const log = new DeliveryLog({ messages: 3, bytes: MANY }, () => {})
    log.append(deliveryOf(5), 'heard')
    for (const seq of [1, 2]) log.append(deliveryOf(seq), 'late')
    expect(await historyOf(log)).toEqual(['a1', 'a2', 'a5'])
    log.append(deliveryOf(6), 'heard')
    expect(await historyOf(log)).toEqual(['a1', 'a2', 'a6'])
    for (const seq of [7, 8]) log.append(deliveryOf(seq), 'heard')
    expect(await historyOf(log)).toEqual(['a6', 'a7', 'a8'])
  })
})

describe('a reader that pauses', () => {
  it('holds peers back by the bytes that it has not read, whatever the messages before them weighed', async () => {
    let pressed = false
    const log = new DeliveryLog({ messages: 1_000, bytes: 1_000_000 }, (now) => {
      pressed = now
    })
    const reader = log.read({ follow: 'pause' })
    for (const seq of upTo(500)) log.append(deliveryOf(seq), 'heard')
    await seqsOf(reader, 500)
    for (const seq of upTo(506, 500)) log.append(deliveryOf(seq, 100_000), 'heard')
    expect(pressed).toBe(true)
    await seqsOf(reader, 4)
    expect(pressed).toBe(false)
  })

  it('reads what was on the way when peers were held back, though it is more than the bounds', async () => {
    const log = new DeliveryLog({ messages: 100, bytes: MANY }, () => {})
    const reader = log.read({ follow: 'pause' })
    const first = reader.next()
    for (const seq of upTo(400)) log.append(deliveryOf(seq), 'heard')
    expect((await first).value?.seq).toBe(0)
    expect(await seqsOf(reader, 399)).toEqual(upTo(400, 1))
    expect(await seqsOf(log.read({}), 100)).toEqual(upTo(400, 300))
  })

  it('cannot make the log grow beyond 8 MiB more than its bounds, and what goes is told', async () => {
    const evicted: number[] = []
    const log = new DeliveryLog(
      { messages: 100, bytes: 1_000_000 },
      () => {},
      (_author, _epoch, seq) => evicted.push(seq),
    )
    const reader = log.read({ follow: 'pause' })
    const first = reader.next()
    for (const seq of upTo(200)) log.append(deliveryOf(seq, 100_000), seq % 2 === 1 ? 'kept' : 'heard')
    expect((await first).value?.seq).toBe(108)
    expect(evicted).toEqual(upTo(109))
  })

  it('reads as many small messages as fit into the memory of a few large ones', async () => {
    const log = new DeliveryLog({ messages: 100, bytes: 1_000_000 }, () => {})
    const reader = log.read({ follow: 'pause' })
    const first = reader.next()
    for (const seq of upTo(100_000)) log.append(deliveryOf(seq), 'heard')
    const { value } = await first
    expect(value?.seq).toBeGreaterThan(100_000 - (8 * 1024 * 1024 + 1_000_000) / 128)
    expect(value?.seq).toBeLessThan(100_000 - 60_000)
  })

  it('frees the peers when it ends', async () => {
    const told: boolean[] = []
    const log = new DeliveryLog({ messages: 10, bytes: MANY }, (pressed) => told.push(pressed))
    const reader = log.read({ follow: 'pause' })
    const first = reader.next()
    for (const seq of upTo(10)) log.append(deliveryOf(seq), 'heard')
    await first
    await reader.return?.()
    expect(told).toEqual([true, false])
  })
})

describe('a reader of the latest', () => {
  it('gets the newest message of others although own ones have followed it', async () => {
    const log = new DeliveryLog({ messages: 10, bytes: MANY }, () => {})
    for (const [seq, kind] of (['heard', 'heard', 'kept'] as const).entries()) log.append(deliveryOf(seq), kind)
    expect(await seqsOf(log.read({ follow: 'latest' }), 1)).toEqual([1])
  })
})

describe('a reader that waits', () => {
  it('can be returned from, and gets no message afterwards', async () => {
    const log = new DeliveryLog({ messages: 10, bytes: MANY }, () => {})
    const reader = log.read({ follow: 'drop-oldest' })
    const waiting = reader.next()
    await settle()
    await reader.return?.()
    log.append(deliveryOf(0), 'heard')
    expect(await waiting).toMatchObject({ done: true })
    expect(await reader.next()).toMatchObject({ done: true })
  })
})

describe('memory', () => {
  it('what was let go is not kept alive', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const log = new DeliveryLog({ messages: 2, bytes: MANY }, () => {})
    const gone = new WeakRef(deliveryOf(0).payload)
    ;(() => log.append({ ...deliveryOf(0), payload: gone.deref() ?? new Uint8Array() }, 'heard'))()
    for (const seq of upTo(3, 1)) log.append(deliveryOf(seq), 'heard')
    await settle()
    collect()
    expect(gone.deref()).toBeUndefined()
  })
})
