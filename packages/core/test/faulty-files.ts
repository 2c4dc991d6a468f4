// A file system in memory that forgets what was not synced when it crashes, and fails where a test wants it to.

import { HearsayError, type Random } from '@hearsay/core'
import type { FileSystem } from '@hearsay/core/node'
import { override } from './mutants.js'

export type Fault = 'error before' | 'error after' | 'crash before' | 'crash after'
export const FAULTS: readonly Fault[] = ['error before', 'error after', 'crash before', 'crash after']

export class FaultyFiles implements FileSystem {
  /** What a reader sees. */
  live = new Map<string, string>()
  /** What a crash leaves. */
  #durable = new Map<string, string>()
  readonly #random: Random
  #fault: { readonly call: number; readonly fault: Fault } | null = null
  #calls = 0
  #crashed = false

  constructor(random: Random) {
    this.#random = random
  }

  /** Fails once, at the call of that number from now on. */
  failAt(call: number, fault: Fault): void {
    this.#fault = { call: this.#calls + call, fault }
  }

  get crashed(): boolean {
    return this.#crashed
  }

  /** After a crash: each change that was not synced happened or did not. */
  reboot(): void {
    const paths = new Set([...this.live.keys(), ...this.#durable.keys()])
    for (const path of paths) {
      const text = (this.#random.below(2) === 0 ? this.live : this.#durable).get(path)
      if (text === undefined) this.#durable.delete(path)
      else this.#durable.set(path, text)
    }
    this.live = new Map(this.#durable)
    this.#crashed = false
    this.#fault = null
  }

  snapshot(): ReadonlyMap<string, string> {
    return new Map(this.live)
  }

  restore(snapshot: ReadonlyMap<string, string>): void {
    this.live = new Map(snapshot)
    this.#durable = new Map(snapshot)
  }

  create(path: string, text: string): Promise<void> {
    return this.#run(() => this.#add(path, text))
  }

  read(path: string): Promise<string> {
    return this.#run(() => this.#text(path))
  }

  link(from: string, to: string): Promise<void> {
    return this.#run(() => this.#add(to, this.#text(from)))
  }

  remove(path: string): Promise<void> {
    return this.#run(() => {
      this.#text(path)
      this.live.delete(path)
    })
  }

  list(directory: string): Promise<readonly string[]> {
    const prefix = `${directory}/`
    return this.#run(() =>
      [...this.live.keys()].flatMap((path) => (path.startsWith(prefix) ? path.slice(prefix.length) : [])),
    )
  }

  syncDirectory(): Promise<void> {
    return this.#run(() => {
      this.#durable = new Map(this.live)
    })
  }

  makeDirectory(): Promise<void> {
    return this.#run(() => {})
  }

  isShared(): Promise<boolean> {
    return this.#run(() => false)
  }

  async #run<Result>(act: () => Result): Promise<Result> {
    // Lets other processes in between, in an order that the seed decides.
    for (let turns = this.#random.below(4); turns > 0; turns--) await null
    const fault = this.#fault?.call === this.#calls++ ? this.#fault.fault : null
    if (fault === 'crash before') this.#crashed = true
    if (this.#crashed) throw new HearsayError('ECRASH', 'the machine has crashed')
    if (fault === 'error before') throw new HearsayError('ENOSPC', 'no space left on device')
    const result = act()
    if (fault === 'crash after') this.#crashed = true
    if (fault !== null) throw new HearsayError('EIO', 'input/output error')
    return result
  }

  #add(path: string, text: string): void {
    if (this.live.has(path)) throw new HearsayError('EEXIST', 'file exists')
    this.live.set(path, text)
  }

  #text(path: string): string {
    const text = this.live.get(path)
    if (text === undefined) throw new HearsayError('ENOENT', 'no such file')
    return text
  }
}

/** The same files, for a process that is stopped right after it first looked into the directory. */
export function holdFirstList(files: FaultyFiles): { readonly files: FaultyFiles; goOn(): void } {
  let goOn = (): void => {}
  let held: Promise<void> | null = new Promise((resolve) => {
    goOn = resolve
  })
  const list: FileSystem['list'] = async (directory) => {
    const names = await files.list(directory)
    const wait = held
    held = null
    await wait
    return names
  }
  return { files: override(files, { list }), goOn: () => goOn() }
}
