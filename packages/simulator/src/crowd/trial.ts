// A crowd whose overlay is held against what membership promises: nobody has too many neighbours, nor too few for long; both
// ends of a link say the same of it; there is one link for each pair; the room stays in one piece, or becomes one; newcomers
// are let in and cost nobody a neighbour; who attacks gets neither all places nor those of one network.

import type { PeerId } from '@hearsay/core'
import { decodeMembersFrame, encodeMembersFrame } from '@hearsay/gossip/machine'
import { Crowd, type CrowdMember, type CrowdOptions } from '../crowd.js'
import { simulatedCrypto } from '../simulated-crypto.js'
import { Inspection } from './inspection.js'

/** A trial but for its seed. Times are virtual milliseconds. */
export interface CrowdTrial {
  readonly name: string
  /** They join through the first one. */
  readonly nodes: number
  readonly forMs: number
  readonly acts?: readonly CrowdAct[]
  /** Every other node is on another continent, and at the end neighbours are to be nearer than at first. @default false */
  readonly continents?: boolean
}

export type CrowdAct =
  /** This share of the nodes vanishes. */
  | { readonly type: 'kill'; readonly atMs: number; readonly share: number }
  /** One more joins, through anybody. */
  | { readonly type: 'newcomer'; readonly atMs: number }
  /** So many of another room of the topic, who know nothing of this one, until a discovery names one of them to one node. */
  | { readonly type: 'strangers'; readonly atMs: number; readonly nodes: number }
  /** So many pairs of nodes dial each other at one moment. */
  | { readonly type: 'cross'; readonly atMs: number; readonly pairs: number }
  /**
   * So many dial the first node again and again and ask to be its neighbours, from one network or each from its own: urgently,
   * as those who have nobody, or only for trials; its links with others fail meanwhile, one each time, if `cuts`.
   */
  | {
      readonly type: 'attack'
      readonly atMs: number
      readonly attackers: number
      readonly networks: 'one' | 'many'
      readonly cuts: boolean
      /** @default false */
      readonly trials?: boolean
    }

type Of<Type extends CrowdAct['type']> = Extract<CrowdAct, { type: Type }>

export interface CrowdTrialOptions extends Pick<CrowdOptions, 'createMembership' | 'createPool'> {
  readonly seed: number
}

const STEP_MS = 250
/** Attackers dial anew. */
const ATTACK_MS = 2_000

/** Runs a trial to its end, or to the first promise that is broken; answers sentences about those. */
export function tryCrowd(trial: CrowdTrial, { seed, ...machines }: CrowdTrialOptions): readonly string[] {
  return new Trial(trial, seed, machines).run()
}

class Trial {
  readonly #trial: CrowdTrial
  readonly #crowd: Crowd
  readonly #honest: CrowdMember[]
  readonly #inspection: Inspection

  constructor(trial: CrowdTrial, seed: number, machines: Omit<CrowdTrialOptions, 'seed'>) {
    this.#trial = trial
    const sides = new Map<CrowdMember, boolean>()
    const isFar = (a: CrowdMember, b: CrowdMember): boolean => sides.get(a) !== sides.get(b)
    this.#crowd = new Crowd({
      ...{ seed, membership: {}, crypto: simulatedCrypto(), limits: { maxTargets: 256 }, ...machines },
      ...(trial.continents && { latencyBetween: (a: CrowdMember, b: CrowdMember) => (isFar(a, b) ? 100 : 10) }),
    })
    this.#honest = this.#grow(trial.nodes)
    for (const [index, member] of this.#honest.entries()) sides.set(member, index % 2 === 0)
    this.#inspection = new Inspection(this.#crowd, this.#honest)
  }

  run(): readonly string[] {
    const { acts = [], forMs, continents } = this.#trial
    for (const act of acts) this.#crowd.after(act.atMs, () => this.#act(act))
    const inspection = this.#inspection
    while (this.#crowd.now < forMs && inspection.violations.length === 0) {
      this.#crowd.run(STEP_MS)
      inspection.look()
    }
    if (inspection.violations.length === 0) inspection.conclude({ isNearer: continents === true })
    return inspection.violations
  }

  #act(act: CrowdAct): void {
    switch (act.type) {
      case 'kill':
        this.#inspection.disturbed()
        for (const member of this.#honest.slice(0, Math.floor(this.#honest.length * act.share)))
          this.#crowd.kill(member)
        return
      case 'newcomer':
        return this.#inspection.onNewcomer(this.#join(this.#pick(this.#living)))
      case 'strangers':
        return this.#meet(act)
      case 'cross':
        return this.#cross(act)
      case 'attack':
        return this.#attack(act)
    }
  }

  /** Members that know one address, that of the first. */
  #grow(nodes: number): CrowdMember[] {
    const first = this.#add()
    return [first, ...Array.from({ length: nodes - 1 }, () => this.#join(first))]
  }

  #join(through: CrowdMember): CrowdMember {
    const member = this.#add()
    this.#crowd.tell(member, { addresses: [through.address], source: 'seeds', persistent: true })
    return member
  }

  /** Each in a network of its own. */
  #add(): CrowdMember {
    const { length } = this.#crowd.members
    return this.#crowd.add(`tcp://${100 + (length >> 8)}.${length & 255}.1.1:4000`)
  }

  #meet({ nodes }: Of<'strangers'>): void {
    const strangers = this.#grow(nodes)
    const teller = this.#pick(this.#living)
    const address = this.#pick(strangers).address
    this.#honest.push(...strangers)
    this.#inspection.disturbed()
    teller.onRefresh = () => this.#crowd.tell(teller, { addresses: [address], source: 'found' })
  }

  #cross({ pairs }: Of<'cross'>): void {
    for (let pair = 0; pair < pairs; pair++) {
      const [one, other] = [this.#pick(this.#living), this.#pick(this.#living)]
      if (one === other || one.links.has(other.id)) continue
      for (const [by, to] of [
        [one, other],
        [other, one],
      ] as const) {
        const target = { peer: to.id, addresses: [to.address], source: 'found' }
        by.feed({ type: 'want', target, topic: this.#crowd.topic, priority: 0 })
      }
    }
  }

  #attack({ attackers, networks, cuts, trials = false }: Of<'attack'>): void {
    const victim = this.#honest[0] as CrowdMember
    const hostile = Array.from({ length: attackers }, () => {
      const { length } = this.#crowd.members
      const host =
        networks === 'one' ? `70.1.${length >> 8}.${length & 255}` : `${70 + (length >> 8)}.${length & 255}.2.2`
      return this.#attacker(`tcp://${host}:4000`, { victim, trials })
    })
    this.#inspection.onAttack(victim, { isCutOff: cuts, isTried: trials })
    const friends = new Map(this.#living.map((member) => [member.id, member]))
    const again = (): void => {
      const [friend] = victim.neighbours.flatMap((peer) => friends.get(peer) ?? [])
      if (cuts && friend) this.#crowd.cut(victim, friend)
      for (const each of hostile) this.#crowd.tell(each, { addresses: [victim.address], source: 'found' })
      this.#crowd.after(ATTACK_MS, again)
    }
    again()
  }

  /** Asks to be a neighbour, as one who has nobody or for a trial, agrees to everything. */
  #attacker(at: string, { victim, trials }: { victim: CrowdMember; trials: boolean }): CrowdMember {
    const member = this.#crowd.add(at, undefined, null)
    const hold = encodeMembersFrame({
      type: 'hold',
      urgent: !trials,
      strange: true,
      trial: trials,
      hungry: true,
      tellable: true,
      degree: trials ? 8 : 0,
    })
    member.find = (candidate) => {
      if (candidate.source !== 'found') return
      member.feed({ type: 'want', target: candidate, topic: this.#crowd.topic, priority: 0 })
      member.sayMember(victim.id, hold)
    }
    member.onMemberFrame = (peer: PeerId, bytes: Uint8Array) => {
      const frame = decodeMembersFrame(bytes)
      if (frame.type === 'hold') member.sayMember(peer, hold)
      if (frame.type === 'ping') member.sayMember(peer, encodeMembersFrame({ type: 'pong', nonce: frame.nonce }))
      if (frame.type === 'ask') member.sayMember(peer, encodeMembersFrame({ type: 'view', names: [] }))
    }
    return member
  }

  get #living(): readonly CrowdMember[] {
    return this.#honest.filter(({ stopped }) => !stopped)
  }

  #pick(from: readonly CrowdMember[]): CrowdMember {
    return from[this.#crowd.random.below(from.length)] as CrowdMember
  }
}
