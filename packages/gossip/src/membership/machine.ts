// The membership of one room without links, timers or clocks: a small active view of neighbours, over whose links the room
// goes, and a larger passive view of others to fall back on (the two views of HyParView, Leitão, Pereira and Rodrigues, DSN
// 2007; the swap for nearer neighbours is that of X-BOT, SRDS 2009, without its third and fourth party). This file decides
// what each input means. It never throws for what a remote sent, and a late or doubled `timer` is harmless.
//
//   input     | effect
//   ----------|--------------------------------------------------------------------------------------------------
//   candidate | known; dialled if neighbours are missing, or as a stranger
//   up        | a member: asked to be a neighbour if one is missing, else released
//   down      | the next one is asked or dialled at once
//   frame     | as neighbours.ts and rounds.ts say; malformed, or too many: the link ends
//   given     | a remote that has no such channel is a neighbour as it is, if there is a place
//   timer     | those who did not answer; every half minute a round

import { hasCode, TokenBucket } from '@hearsay/core'
import type { MembershipInput, MembershipOptions, MembershipOutput } from './contract.js'
import { decodeMembersFrame, type MembersFrame } from './frames.js'
import { Neighbours } from './neighbours.js'
import { networkOf } from './networks.js'
import { INBOUND, type Known } from './passive.js'
import { Rounds } from './rounds.js'
import { Seeker } from './seeker.js'
import { Shared } from './shared.js'
import { Trials } from './trials.js'
import type { Neighbour } from './view.js'

/** More than that nobody needs to say. */
const FRAMES = { burst: 64, perSecond: 2 } as const
/** One whose link has ended is not dialled at once, up to twice as long by chance: others are. */
const RETURN_MS = 1_000
/** A neighbour of so long is wanted back when its link is lost, though others have come meanwhile. */
const TRIED_MS = 10_000
/** A timer that finds nothing to do must not come again at once. */
const LEAST_WAIT_MS = 50

type InputOf<Type extends MembershipInput['type']> = Extract<MembershipInput, { readonly type: Type }>

export class MembershipMachine {
  readonly #shared: Shared
  readonly #neighbours: Neighbours
  readonly #seeker: Seeker
  readonly #rounds: Rounds
  readonly #trials: Trials
  #asleep = false
  #wakeAt: number | null = null

  constructor(options: MembershipOptions) {
    this.#shared = new Shared(options)
    this.#neighbours = new Neighbours(this.#shared)
    this.#seeker = new Seeker(this.#shared, this.#neighbours)
    this.#rounds = new Rounds(this.#shared, this.#neighbours, this.#seeker)
    const parts = { neighbours: this.#neighbours, seeker: this.#seeker, rounds: this.#rounds }
    this.#trials = new Trials(this.#shared, parts)
  }

  /** Neighbours: members that hold this node and are held by it. */
  get active(): readonly Neighbour[] {
    return this.#shared.view.active()
  }

  /** How many others are remembered. */
  get passive(): number {
    return this.#shared.passive.size
  }

  /** What is to be done, in order. */
  handle(input: MembershipInput, now: number): readonly MembershipOutput[] {
    this.#shared.now = now
    if (input.type === 'timer') this.#wakeAt = null
    this.#take(input)
    if (!this.#asleep) this.#seeker.seek()
    this.#tellActive(input)
    this.#askForTimer()
    return this.#shared.drain()
  }

  #take(input: MembershipInput): void {
    switch (input.type) {
      case 'candidate': {
        const stranger = this.#seeker.onCandidate(input.candidate)
        if (stranger) this.#rounds.onStranger(stranger)
        return
      }
      case 'up':
        return this.#onUp(input)
      case 'down':
        return this.#onDown(input.handle)
      case 'gone':
        return this.#onGone(input)
      case 'frame':
        return this.#onFrame(input)
      case 'given':
        return this.#onGiven(input)
      case 'spoke':
        return this.#trials.onAlive()
      case 'brought': {
        const member = this.#shared.view.get(input.remote)
        if (member && member.activeSince !== null) this.#trials.onBrought(member)
        return
      }
      case 'shown': {
        const member = this.#shared.view.get(input.remote)
        if (member && member.activeSince !== null) this.#trials.onShown(member, input.author)
        return
      }
      case 'sleep':
        this.#asleep = true
        this.#trials.stop()
        return this.#rounds.stop()
      case 'wake':
        this.#asleep = false
        this.#trials.start()
        return this.#rounds.start()
      case 'timer':
        this.#neighbours.expire()
        this.#trials.onTime()
        return this.#rounds.onTime()
    }
  }

  #onUp({ handle, remote, initiator, address }: InputOf<'up'>): void {
    const { view } = this.#shared
    const known = view.get(remote)
    const member = known ?? this.#member({ remote, initiator, address, handle })
    if (known) {
      // A newer link takes the place of the older one, which carries the room until it ends.
      view.move(known, handle)
      Object.assign(known, {
        initiator,
        network: networkOf(address),
        theirs: false,
        heldAt: this.#shared.now,
        ping: null,
      })
      if (known.mine) this.#neighbours.hold(known)
    } else view.add(member)
    const intent = this.#seeker.onUp(member, address)
    this.#note(member, address)
    if (intent === 'trial' && !member.mine) this.#trials.onUp(member)
    else if (intent && !member.mine) this.#rounds.onUp(member, intent)
    this.#rounds.ping(member)
    if (this.#asleep) return
    this.#rounds.start()
    this.#trials.start()
  }

  /** So that it can be dialled when it is gone. */
  #note({ peer, initiator }: Neighbour, address: InputOf<'up'>['address']): void {
    const { passive, recordOf } = this.#shared
    const addresses = initiator && address ? [address] : (recordOf(peer)?.addresses ?? [])
    const known = passive.of(peer)
    if (known) known.failures = 0
    else passive.note({ peer, addresses, source: INBOUND }, initiator ? 'linked' : INBOUND)
  }

  #onDown(handle: number): void {
    const { view } = this.#shared
    const member = view.at(handle)
    view.forgetHandle(handle)
    if (member && member.handle === handle) this.#remove(member)
  }

  #remove(member: Neighbour): void {
    const { view, passive, now, random } = this.#shared
    // What its record says is known as long as it is linked.
    const known = passive.of(member.peer)
    const record = this.#shared.recordOf(member.peer)
    if (known && known.candidate.addresses.length === 0 && record) {
      known.candidate = { ...known.candidate, addresses: record.addresses }
    }
    if (known) known.notBefore = Math.max(known.notBefore, now + RETURN_MS + random.below(RETURN_MS))
    const wasActive = member.activeSince !== null
    if (known) known.tried = member.activeSince !== null && now - member.activeSince >= TRIED_MS
    if (known) known.wanted = wasActive || (member.initiator && !member.released)
    view.remove(member)
    passive.shrink()
    if (wasActive) this.#rounds.onLoss()
    this.#trials.onLoss(member)
  }

  #onGone({ remote, why }: InputOf<'gone'>): void {
    const { passive, view } = this.#shared
    const known = passive.of(remote)
    if (!known || view.get(remote)) return
    if (why === 'parted') return
    known.lost ||= why === 'lost'
    // Who was given by hand is dialled for ever, whatever it said.
    if (why === 'lost' || known.candidate.persistent === true) {
      if (known.wanted) this.#seeker.onLost(known)
      return
    }
    this.#shared.emit({ type: 'release', peer: remote })
    // It may be known by an address too.
    for (let each: Known | null = known; each && each.candidate.persistent !== true; each = passive.of(remote)) {
      this.#seeker.forget(each)
      passive.delete(each)
    }
  }

  #onGiven({ remote, isUp, initiator, address }: InputOf<'given'>): void {
    const { view } = this.#shared
    const member = view.get(remote)
    if (!isUp) {
      if (member?.handle === null) this.#remove(member)
      return
    }
    if (member) return
    const fresh = this.#member({ remote, initiator, address, handle: null })
    this.#seeker.onUp(fresh, address)
    view.add(fresh)
    this.#note(fresh, address)
    if (this.#neighbours.admit(fresh)) return
    view.remove(fresh)
    this.#neighbours.refuse(fresh)
  }

  #onFrame({ handle, frame: bytes }: InputOf<'frame'>): void {
    const member = this.#shared.view.at(handle)
    if (!member || member.handle !== handle) return
    if (!member.frames.take(this.#shared.now)) return this.#blame(handle, 'ERR_FLOOD', 'more frames than anybody needs')
    const frame = this.#decode(handle, bytes)
    if (frame) this.#obey(member, frame)
  }

  #obey(member: Neighbour, frame: MembersFrame): void {
    switch (frame.type) {
      case 'hold':
        return this.#neighbours.onHold(member, frame)
      case 'drop': {
        const wasActive = member.activeSince !== null
        const { hasBrought } = member
        const isRefused = member.onTrial && member.mine && !wasActive
        this.#neighbours.onDrop(member, frame)
        this.#rounds.onDrop(member)
        if (isRefused) this.#trials.onRefused(member)
        this.#trials.onLoss({ hasBrought })
        if (wasActive) this.#rounds.onLoss()
        return
      }
      case 'ping':
        member.degree = frame.degree
        return this.#neighbours.send(member, { type: 'pong', nonce: frame.nonce })
      case 'pong':
        return this.#rounds.onPong(member, frame.nonce)
      case 'ask':
        return this.#rounds.onAsk(member)
      case 'view':
        return this.#rounds.onView(member, frame.names)
    }
  }

  /** Whoever became a neighbour by this frame may be one that another was to make place for. */
  #tellActive(input: MembershipInput): void {
    const member = input.type === 'frame' ? this.#shared.view.at(input.handle) : undefined
    if (member && member.activeSince !== null) this.#rounds.onActive(member)
  }

  #member(from: Pick<InputOf<'given'>, 'remote' | 'initiator' | 'address'> & { handle: number | null }): Neighbour {
    return {
      peer: from.remote,
      handle: from.handle,
      carried: new Set(),
      initiator: from.initiator,
      network: networkOf(from.address),
      mine: false,
      theirs: false,
      heldAt: 0,
      activeSince: null,
      degree: 0,
      tellable: false,
      near: false,
      rttMs: null,
      ping: null,
      onTrial: false,
      trialUntil: null,
      hasBrought: false,
      shown: new Set(),
      mark: 0,
      restUntil: 0,
      endedAt: Number.NEGATIVE_INFINITY,
      noTrialUntil: 0,
      intent: null,
      released: false,
      frames: new TokenBucket(FRAMES, this.#shared.now),
    }
  }

  #decode(handle: number, bytes: Uint8Array): MembersFrame | null {
    try {
      return decodeMembersFrame(bytes)
    } catch (error) {
      if (!hasCode(error, 'ERR_FRAME')) throw error
      this.#blame(handle, 'ERR_FRAME', error.message)
      return null
    }
  }

  #blame(handle: number, code: 'ERR_FRAME' | 'ERR_FLOOD', message: string): void {
    this.#shared.emit({ type: 'misbehaved', handle, code, message })
  }

  #askForTimer(): void {
    const { now } = this.#shared
    const next = Math.min(this.#rounds.nextAt, this.#trials.nextAt, this.#neighbours.nextAt, this.#seeker.nextAt)
    const at = this.#asleep || next === Number.POSITIVE_INFINITY ? null : Math.max(next, now + LEAST_WAIT_MS)
    // One that comes too early is harmless, so only an earlier one replaces what was asked for.
    if (at === this.#wakeAt || (at !== null && this.#wakeAt !== null && this.#wakeAt > now && this.#wakeAt <= at))
      return
    this.#wakeAt = at
    this.#shared.emit({ type: 'wakeAt', at })
  }
}
