// A database in memory that fails where a test wants it to, and of what was not synced keeps what a crash leaves: the batches
// up to some one, and of the next some rows whole, some cut, some not at all, which is worse than databases are.

import { HearsayError, type Random } from '@hearsay/core'
import type { StoreDatabase } from '../src/index.js'

export type Fault = 'error before' | 'error after' | 'crash before' | 'crash after'
export const FAULTS: readonly Fault[] = ['error before', 'error after', 'crash before', 'crash after']

type Operation = Parameters<StoreDatabase['batch']>[0][number]
type Range = Parameters<StoreDatabase['keys']>[0]

export class FaultyDatabase implements StoreDatabase {
  readonly #random: Random
  /** What a reader sees. */
  #live = new Map<string, Uint8Array>()
  /** What a crash leaves in any case. */
  #durable = new Map<string, Uint8Array>()
  #unsynced: (readonly Operation[])[] = []
  #fault: { readonly call: number; readonly fault: Fault } | null = null
  #calls = 0
  #crashed = false

  constructor(random: Random) {
    this.#random = random
  }

  get crashed(): boolean {
    return this.#crashed
  }

  /** Rows that there are. */
  get size(): number {
    return this.#live.size
  }

  /** Fails once, at the call of that number from now on. */
  failAt(call: number, fault: Fault): void {
    this.#fault = { call: this.#calls + call, fault }
  }

  reboot(): void {
    const whole = this.#random.below(this.#unsynced.length + 1)
    for (const batch of this.#unsynced.slice(0, whole)) this.#apply(this.#durable, batch)
    for (const operation of this.#unsynced[whole] ?? []) this.#tear(operation)
    this.#live = new Map(this.#durable)
    this.#unsynced = []
    this.#crashed = false
    this.#fault = null
  }

  /** One bit of a row is another. */
  damage(): void {
    const [key, row] = [...this.#live][this.#random.below(Math.max(1, this.#live.size))] ?? []
    if (key === undefined || !row) return
    const at = this.#random.below(row.byteLength)
    const damaged = row.with(at, (row[at] ?? 0) ^ (1 << this.#random.below(8)))
    for (const rows of [this.#live, this.#durable]) rows.set(key, damaged)
  }

  batch(operations: Operation[], { sync = false }: { readonly sync?: boolean }): Promise<void> {
    const batch = [...operations]
    return this.#run(
      () => {
        this.#apply(this.#live, batch)
        this.#unsynced.push(batch)
      },
      () => {
        if (!sync) return
        this.#durable = new Map(this.#live)
        this.#unsynced = []
      },
    )
  }

  getMany(keys: string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#run(() => keys.map((key) => this.#live.get(key)))
  }

  async *keys(range: Range): AsyncGenerator<string> {
    for (const [key] of await this.#within(range)) yield key
  }

  async *iterator(range: Range): AsyncGenerator<[string, Uint8Array]> {
    yield* await this.#within(range)
  }

  #within({ gte, lt }: Range): Promise<[string, Uint8Array][]> {
    const isWithin = ([key]: readonly [string, Uint8Array]): boolean => key >= gte && key < lt
    return this.#run(() => [...this.#live].filter(isWithin).sort(([one], [other]) => (one < other ? -1 : 1)))
  }

  /** @param last is done as well unless the machine crashes */
  async #run<Result>(act: () => Result, last: () => void = () => {}): Promise<Result> {
    await null
    const fault = this.#fault?.call === this.#calls++ ? this.#fault.fault : null
    if (fault === 'crash before') this.#crashed = true
    if (this.#crashed) throw new HearsayError('ECRASH', 'the machine has crashed')
    if (fault === 'error before') throw new HearsayError('ENOSPC', 'no space left on device')
    const result = act()
    if (fault === 'crash after') this.#crashed = true
    else last()
    if (fault !== null) throw new HearsayError('EIO', 'input/output error')
    return result
  }

  #apply(rows: Map<string, Uint8Array>, batch: readonly Operation[]): void {
    for (const operation of batch) {
      if (operation.type === 'put') rows.set(operation.key, operation.value)
      else rows.delete(operation.key)
    }
  }

  #tear(operation: Operation): void {
    const fate = this.#random.below(3)
    if (fate === 0) return
    const isCut = fate === 1 && operation.type === 'put'
    const torn = isCut
      ? { ...operation, value: operation.value.subarray(0, this.#random.below(operation.value.byteLength)) }
      : operation
    this.#apply(this.#durable, [torn])
  }
}
