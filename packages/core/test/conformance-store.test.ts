import type { Store, StoredRecord } from '@hearsay/core'
import { type StoreFixture, storeConformance } from '@hearsay/core/conformance'
import { memoryStore } from '@hearsay/core/memory'
import { override, testSuite } from './mutants.js'

const create =
  (mutate: (store: Store) => Partial<Store> = () => ({})) =>
  async (): Promise<StoreFixture> => {
    const original = memoryStore()
    const store = override(original, mutate(original))
    return { store, reopen: async () => store, close: () => original.close() }
  }

/** A store whose `read` gives something else. */
const reading = (change: (records: StoredRecord[], range: Parameters<Store['read']>[0]) => StoredRecord[]) =>
  create((store) => ({
    async *read(range) {
      const all = []
      for await (const stored of store.read(range)) all.push(stored)
      yield* change(all, range)
    },
  }))

const end = ({ record }: StoredRecord) => record.header.firstSeq + record.header.count

testSuite('memory store', {
  suite: storeConformance,
  create: create(),
  mutants: {
    'begins with a head': create((store) => ({
      vector: async () => [...(await store.vector()), { author: '' as never, epoch: 0, floor: 0, next: 0 }],
    })),
    'reads the other way round': reading((all) => all.reverse()),
    'rounds the time of arrival': reading((all) => all.map((one) => ({ ...one, receivedAt: 0 }))),
    'loses the signature': reading((all) =>
      all.map((one) => ({ ...one, record: { ...one.record, signature: new Uint8Array(64) } })),
    ),
    'keeps one record a place': reading((all) =>
      all.filter(
        ({ record }, at) => all.findIndex((one) => one.record.header.firstSeq === record.header.firstSeq) === at,
      ),
    ),
    'keeps a record twice': reading((all) => all.flatMap((one) => [one, one])),
    'reads what begins in the range': reading((all, { from }) =>
      all.filter(({ record }) => record.header.firstSeq >= from),
    ),
    'reads what touches the range': create((store) => ({
      read: (range) => store.read({ ...range, from: range.from - 1, to: range.to + 1 }),
    })),
    'reads nothing that ends after the range': reading((all, { to }) => all.filter((one) => end(one) <= to)),
    'knows only the first epoch': create((store) => ({ read: (range) => store.read({ ...range, epoch: 1 }) })),
    'lists heads as they came': create((store) => ({ vector: async () => [...(await store.vector())].reverse() })),
    'sorts epochs as text': create((store) => ({
      vector: async () => [...(await store.vector())].sort((a, b) => (`${a.epoch}` < `${b.epoch}` ? -1 : 1)),
    })),
    'keeps numbers in 32 bits': create((store) => ({
      read: (range) => store.read({ ...range, epoch: range.epoch % 2 ** 32 }),
    })),
    'drops nothing': create(() => ({ prune: async () => [] })),
    'drops without saying what': create((store) => ({
      prune: async (limits) => {
        await store.prune(limits)
        return []
      },
    })),
    'drops one too many': create((store) => ({
      prune: ({ messages, bytes }) => store.prune({ messages: Math.max(0, messages - 1), bytes }),
    })),
    'drops the newest too': create((store) => ({
      prune: async (limits) => {
        const [all] = await store.vector()
        const isOver = all !== undefined && all.next - all.floor > limits.messages && limits.messages === 5
        return store.prune(isOver ? { messages: 0, bytes: 0 } : limits)
      },
    })),
    'counts no bytes': create((store) => ({
      prune: ({ messages }) => store.prune({ messages, bytes: Number.POSITIVE_INFINITY }),
    })),
    'never takes a dropped record again': create((store) => {
      let dropped: readonly StoredRecord[] = []
      return {
        append: (records) => store.append(records.filter((one) => !dropped.some((old) => end(old) === end(one)))),
        prune: async (limits) => {
          dropped = await store.prune(limits)
          return dropped
        },
      }
    }),
    'reads the batch of its caller later': create((store) => {
      const batches: (readonly StoredRecord[])[] = []
      return {
        append: async (records) => void batches.push(records),
        async *read(range) {
          for (const batch of batches.splice(0)) await store.append(batch)
          yield* store.read(range)
        },
      }
    }),
    'loses everything when it closes': create((store) => ({
      async *read(range) {
        const all = []
        for await (const stored of store.read(range)) all.push(stored)
        if (all.length === 2) await store.close()
        yield* all.length === 2 ? [] : all
      },
    })),
    'closes only once': create((store) => {
      let closed = false
      return {
        close: async () => {
          if (closed) throw new Error('closed already')
          closed = true
          await store.close()
        },
      }
    }),
    'remembers what came first': create((store) => {
      let note: Uint8Array | null = null
      return {
        remember: async (bytes) => {
          note ??= bytes
          await store.remember?.(bytes)
        },
        remembered: async () => note,
      }
    }),
    'goes on after it closed': create(() => ({ close: async () => {} })),
  },
})
