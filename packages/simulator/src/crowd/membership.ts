// The membership machine of one node of a crowd, driven in virtual time.

import { type AddressRecord, type Candidate, type Crypto, type PeerId, type Random, Turns } from '@hearsay/core'
import {
  type MembershipInput,
  type MembershipLimits,
  MembershipMachine,
  type MembershipOptions,
  type MembershipOutput,
  resolveMembership,
} from '@hearsay/gossip/machine'

/** The machine, as a crowd needs it. */
export type CrowdMembership = Pick<MembershipMachine, 'handle' | 'active' | 'passive'>

export interface MembershipHost {
  readonly self: PeerId
  readonly random: Random
  readonly limits: Partial<MembershipLimits>
  readonly crypto?: Crypto
  /** @default a MembershipMachine */
  readonly create?: ((options: MembershipOptions) => CrowdMembership) | undefined
  readonly now: () => number
  readonly after: (ms: number, run: () => void) => void
  readonly recordOf: (peer: PeerId) => AddressRecord | null
  readonly want: (candidate: Candidate, priority: number) => void
  readonly release: (peer: PeerId | Candidate) => void
  readonly refresh: () => void
  readonly send: (handle: number, frame: Uint8Array) => void
  /** Ends the link of the handle. */
  readonly end: (handle: number, code: string) => void
  /** The link of the handle carries the room from now on, or no longer. */
  readonly carry: (handle: number, isCarried: boolean) => void
}

export class Membership {
  readonly #host: MembershipHost
  readonly #machine: CrowdMembership
  readonly #turns = new Turns<MembershipInput>((input) => this.#step(input))
  #wakeAt: number | null = null

  constructor(host: MembershipHost) {
    const { self, random, limits, recordOf, crypto } = host
    this.#host = host
    const options = { self, random, recordOf, limits: resolveMembership(limits), ...(crypto && { crypto }) }
    this.#machine = host.create?.(options) ?? new MembershipMachine(options)
  }

  get neighbours(): readonly PeerId[] {
    return this.#machine.active.map(({ peer }) => peer)
  }

  get active(): CrowdMembership['active'] {
    return this.#machine.active
  }

  /** How many others it remembers. */
  get passive(): number {
    return this.#machine.passive
  }

  get distances(): readonly number[] {
    return this.#machine.active.flatMap(({ rttMs }) => rttMs ?? [])
  }

  feed(input: MembershipInput): void {
    this.#turns.take(input)
  }

  #step(input: MembershipInput): void {
    for (const output of this.#machine.handle(input, this.#host.now())) this.#obey(output)
  }

  #obey(output: MembershipOutput): void {
    const { want, release, refresh, send, end, carry } = this.#host
    switch (output.type) {
      case 'want':
        return want(output.candidate, output.priority)
      case 'release':
        return release(output.peer)
      case 'refresh':
        return refresh()
      case 'send':
        return send(output.handle, output.frame)
      case 'activate':
      case 'deactivate':
        return carry(output.handle, output.type === 'activate')
      case 'misbehaved':
        return end(output.handle, output.code)
      case 'wakeAt':
        return this.#wake(output.at)
    }
  }

  #wake(at: number | null): void {
    this.#wakeAt = at
    if (at === null) return
    const { after, now } = this.#host
    after(Math.max(0, at - now()), () => {
      if (this.#wakeAt === at) this.feed({ type: 'timer' })
    })
  }
}
