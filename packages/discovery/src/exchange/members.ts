// Who shares the topic over which channel, what each may still have, and whom it may be told of. Bounded: of those that are
// gone the one gone longest is forgotten first.

import { type AddressRecord, type ChannelHandle, type PeerId, type Random, TokenBucket } from '@hearsay/core'

/** One open channel. */
export interface Talk {
  readonly handle: ChannelHandle
  readonly member: Member
  /** It said hello, which comes first. */
  greeted: boolean
  /** It broke a rule: what it still says counts for nothing. */
  faulty: boolean
  /** How often it was asked without an answer; it may leave any of them unanswered. */
  asked: number
  /** When news of the member is told to others, and how often that was tried in vain. */
  newsAt: number | null
  newsTries: number
}

/** One peer, also for a while after its last channel: coming back renews no budget. */
export interface Member {
  readonly peer: PeerId
  readonly talks: Set<Talk>
  /** Others may be told of it. */
  tellable: boolean
  /** Its record when it was last told, and when its last channel went. */
  record: AddressRecord | null
  goneAt: number | null
  /** Broke a rule. */
  faults: number
  askedAt: number
  /** Frames of any kind that it may send. */
  readonly frames: TokenBucket
  /** Records that it may have for asking. */
  readonly answers: TokenBucket
  /** News that it may tell us, and that we tell it. */
  readonly newsIn: TokenBucket
  readonly newsOut: TokenBucket
}

/** Peers that are remembered beside those that are linked. */
export const MAX_GONE = 256
/** Who was linked so recently may be told of, if there are not enough who are. */
export const TELL_GONE_MS = 600_000

/** An answer's worth at once, then a record in ten seconds (Bitcoin's rate for addresses). */
const ANSWERS = { burst: 16, perSecond: 0.1 }
const NEWS_IN = { burst: 16, perSecond: 0.1 }
/** Half of what the other side takes, so that two clocks need not agree. */
const NEWS_OUT = { burst: 8, perSecond: 0.05 }
/** Far more than anybody needs; beyond, it is a flood. */
const FRAMES = { burst: 64, perSecond: 1 }

export class Members {
  readonly #byPeer = new Map<PeerId, Member>()
  readonly #talks = new Map<ChannelHandle, Talk>()

  get size(): number {
    return this.#byPeer.size
  }

  talk(handle: ChannelHandle): Talk | null {
    return this.#talks.get(handle) ?? null
  }

  talks(): IterableIterator<Talk> {
    return this.#talks.values()
  }

  isOpen(peer: PeerId): boolean {
    return (this.#byPeer.get(peer)?.talks.size ?? 0) > 0
  }

  open(handle: ChannelHandle, peer: PeerId, now: number): Talk {
    const member = this.#byPeer.get(peer) ?? createMember(peer, now)
    this.#byPeer.delete(peer)
    this.#byPeer.set(peer, member)
    const talk = { handle, member, greeted: false, faulty: false, asked: 0, newsAt: null, newsTries: 0 }
    member.talks.add(talk)
    member.goneAt = null
    this.#talks.set(handle, talk)
    return talk
  }

  close(handle: ChannelHandle, now: number): void {
    const talk = this.#talks.get(handle)
    if (!talk) return
    const { member } = talk
    this.#talks.delete(handle)
    member.talks.delete(talk)
    if (member.talks.size > 0) return
    member.goneAt = now
    // To the end: those in front are gone for longest.
    this.#byPeer.delete(member.peer)
    this.#byPeer.set(member.peer, member)
    this.#forget()
  }

  /** Up to `n` by chance that `asker` may be told of: linked ones, then those linked until recently. */
  pick(n: number, asker: PeerId, options: { readonly random: Random; readonly now: number }): AddressRecord[] {
    const { random, now } = options
    const told = [...this.#byPeer.values()].filter(
      (member) => member.peer !== asker && member.tellable && (member.record?.addresses.length ?? 0) > 0,
    )
    const linked = shuffle(
      told.filter(({ goneAt }) => goneAt === null),
      random,
    )
    const recent = shuffle(
      told.filter(({ goneAt }) => goneAt !== null && now - goneAt < TELL_GONE_MS),
      random,
    )
    return [...linked, ...recent].slice(0, n).flatMap(({ record }) => record ?? [])
  }

  #forget(): void {
    const gone = [...this.#byPeer.values()].filter(({ goneAt }) => goneAt !== null)
    for (const { peer } of gone.slice(0, Math.max(0, gone.length - MAX_GONE))) this.#byPeer.delete(peer)
  }
}

/** A random order (Fisher and Yates). */
export function shuffle<Item>(items: readonly Item[], random: Random): Item[] {
  const left = [...items]
  const shuffled: Item[] = []
  while (left.length > 0) shuffled.push(...left.splice(random.below(left.length), 1))
  return shuffled
}

function createMember(peer: PeerId, now: number): Member {
  return {
    peer,
    talks: new Set(),
    tellable: false,
    record: null,
    goneAt: null,
    faults: 0,
    askedAt: Number.NEGATIVE_INFINITY,
    frames: new TokenBucket(FRAMES, now),
    answers: new TokenBucket(ANSWERS, now),
    newsIn: new TokenBucket(NEWS_IN, now),
    newsOut: new TokenBucket(NEWS_OUT, now),
  }
}
