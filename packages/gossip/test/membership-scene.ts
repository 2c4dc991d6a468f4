// A membership machine with its time, its neighbours and everything that it has put out.

import {
  type Address,
  type AddressRecord,
  createAddressRecord,
  createIdentity,
  type Identity,
  type PeerId,
  parseAddress,
  seededRandom,
} from '@hearsay/core'
import {
  decodeMembersFrame,
  encodeMembersFrame,
  type MembersFrame,
  type MembershipInput,
  MembershipMachine,
  type MembershipOptions,
  type MembershipOutput,
  resolveMembership,
} from '../src/machine.js'

export const identityOf = (index: number): Identity =>
  createIdentity({ seed: Uint8Array.from({ length: 32 }, (_, at) => (at < 2 ? (index >> (8 * at)) & 255 : 9)) })
export const SELF = identityOf(60_000).id
export const addressOf = (index: number): Address => parseAddress(`tcp://${20 + (index >> 8)}.${index & 255}.1.1:4000`)

export type OutputOf<Type extends MembershipOutput['type']> = Extract<MembershipOutput, { readonly type: Type }>

/** A machine, its time, and everything that it has put out. */
export class Scene {
  readonly out: MembershipOutput[] = []
  readonly records = new Map<PeerId, AddressRecord>()
  readonly machine: MembershipMachine
  now = 0
  #wakeAt: number | null = null

  constructor(options: Partial<MembershipOptions> = {}) {
    this.machine = new MembershipMachine({
      self: SELF,
      random: seededRandom(1),
      limits: resolveMembership(),
      recordOf: (peer) => this.records.get(peer) ?? null,
      ...options,
    })
  }

  feed(input: MembershipInput): readonly MembershipOutput[] {
    const outputs = this.machine.handle(input, this.now)
    this.out.push(...outputs)
    for (const output of outputs) if (output.type === 'wakeAt') this.#wakeAt = output.at
    return outputs
  }

  /** The peer is linked; its handle is its index. */
  up(index: number, { initiator = false, address = addressOf(index) } = {}): readonly MembershipOutput[] {
    const identity = identityOf(index)
    const record = createAddressRecord(identity, { seq: 1, addresses: [address] })
    this.records.set(identity.id, record)
    return this.feed({ type: 'up', handle: index, remote: identity.id, initiator, address })
  }

  say(index: number, frame: MembersFrame): readonly MembershipOutput[] {
    return this.feed({ type: 'frame', handle: index, frame: encodeMembersFrame(frame) })
  }

  hold(index: number, more: Partial<Extract<MembersFrame, { type: 'hold' }>> = {}): readonly MembershipOutput[] {
    return this.say(index, {
      type: 'hold',
      urgent: false,
      strange: false,
      trial: false,
      hungry: false,
      tellable: true,
      degree: 8,
      ...more,
    })
  }

  /** Lets the time pass, with every timer. */
  pass(ms: number): void {
    const until = this.now + ms
    while (this.#wakeAt !== null && this.#wakeAt <= until) {
      this.now = Math.max(this.now, this.#wakeAt)
      this.#wakeAt = null
      this.feed({ type: 'timer' })
    }
    this.now = until
  }

  get neighbours(): readonly PeerId[] {
    return this.machine.active.map(({ peer }) => peer)
  }
}

export const sent = (outputs: readonly MembershipOutput[]): readonly (MembersFrame & { handle: number })[] =>
  outputs.flatMap((each) => (each.type === 'send' ? [{ ...decodeMembersFrame(each.frame), handle: each.handle }] : []))
export const typesOf = (outputs: readonly MembershipOutput[]): readonly string[] => outputs.map(({ type }) => type)

/** A node with `count` neighbours that came by themselves. */
export function busy(count: number, options: Partial<MembershipOptions> = {}): Scene {
  const scene = new Scene(options)
  for (let index = 1; index <= count; index++) {
    scene.up(index)
    scene.hold(index, { degree: 9 })
    scene.now++
  }
  return scene
}
