// Typed events that never end a process: a throwing or rejecting listener is reported to one sink and the others still
// run, and the number of listeners is bounded. Emitting never waits, so listeners exert no back-pressure.

import { CoreError } from './errors.js'

/** More listeners than this on one event is a leak in the caller. */
export const MAX_LISTENERS = 1_000

/** A map from event name to the listener's arguments. */
export type EventMap = { readonly [name: string]: readonly unknown[] }

export type Listener<Args extends readonly unknown[]> = (...args: Args) => unknown

/** The part of an emitter that consumers see. */
export interface EventSource<Events extends EventMap> {
  /** Calls `listener` on each event; answers a function that stops it. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void
  /** Like `on`, for one event. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void
}

/** The producer's side of an `EventSource`. */
export class Emitter<Events extends EventMap> implements EventSource<Events> {
  readonly #listeners = new Map<keyof Events, Set<Listener<readonly unknown[]>>>()
  readonly #report: (error: unknown) => void
  #reporting = false

  /** @param report where errors of listeners go; nothing is thrown into the emitting code */
  constructor(report: (error: unknown) => void = () => {}) {
    this.#report = report
  }

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    if (listeners.size >= MAX_LISTENERS) {
      throw new CoreError('ERR_LISTENERS', `more than ${MAX_LISTENERS} listeners for '${String(name)}'`, {
        remedy: 'Call the function that on() returned when a listener is no longer needed.',
      })
    }
    listeners.add(listener as Listener<readonly unknown[]>)
    this.#listeners.set(name, listeners)
    return () => this.off(name, listener)
  }

  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const stop = this.on(name, (...args) => {
      stop()
      return listener(...args)
    })
    return stop
  }

  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    const listeners = this.#listeners.get(name)
    listeners?.delete(listener as Listener<readonly unknown[]>)
    if (listeners?.size === 0) this.#listeners.delete(name)
  }

  /** Calls every listener of `name` in the order they came; true if there was one. */
  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): boolean {
    const listeners = this.#listeners.get(name)
    if (!listeners) return false
    for (const listener of [...listeners]) this.#call(listener, args)
    return true
  }

  /** True if anybody listens: what is costly to make need not be made for nobody. */
  isHeard(name: keyof Events): boolean {
    return this.#listeners.has(name)
  }

  /** Forgets every listener. */
  clear(): void {
    this.#listeners.clear()
  }

  #call(listener: Listener<readonly unknown[]>, args: readonly unknown[]): void {
    // An error while an error is being told goes nowhere: it would come round for ever.
    const report = this.#reporting ? () => {} : (error: unknown): void => this.#tell(error)
    try {
      const result = listener(...args)
      if (result instanceof Promise) result.catch(report)
    } catch (error) {
      report(error)
    }
  }

  #tell(error: unknown): void {
    this.#reporting = true
    try {
      this.#report(error)
    } catch {
      // The sink is the last resort; the emitting code and the process must not pay for it.
    } finally {
      this.#reporting = false
    }
  }
}
