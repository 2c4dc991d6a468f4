// What honest nodes hold, by what for: the most that one of them ever did, and whether it was more than it may be.

import type { Account, AccountName, Accounts } from '@hearsay/gossip/machine'

/** The most that one node held at one time. */
export interface Holding {
  readonly entries: number
  readonly bytes: number
}

export type Holdings = Readonly<Partial<Record<AccountName, Holding>>>

/** A look at every happening would take longer than what happened. */
const EVERY = 32

export class HoldingsWatch {
  readonly #most = new Map<AccountName, Holding>()
  readonly #onViolation: (violation: string) => void
  #happenings = 0

  constructor(onViolation: (violation: string) => void) {
    this.#onViolation = onViolation
  }

  /** Something happened at this node, with whose machine that goes on. */
  note(node: number, machine: { accounts?(): Accounts }): void {
    if (this.#happenings++ % EVERY !== 0 || !machine.accounts) return
    for (const [name, account] of Object.entries(machine.accounts()) as [AccountName, Account][]) {
      const { entries, bytes, maxEntries, maxBytes } = account
      const { entries: mostEntries, bytes: mostBytes } = this.#most.get(name) ?? { entries: 0, bytes: 0 }
      this.#most.set(name, { entries: Math.max(entries, mostEntries), bytes: Math.max(bytes, mostBytes) })
      if (entries > maxEntries)
        this.#onViolation(`node ${node} holds ${entries} ${name}, at most ${maxEntries} allowed`)
      if (bytes > maxBytes)
        this.#onViolation(`node ${node} holds ${bytes} bytes of ${name}, at most ${maxBytes} allowed`)
    }
  }

  get most(): Holdings {
    return Object.fromEntries(this.#most) as Holdings
  }
}
