// Streams between members of a crowd: dialled, authenticated, greeted, ended; and the frames that links carry. Everything on
// one stream arrives in order, after its latency.

import type { Address, AddressRecord, Candidate, PeerId } from '@hearsay/core'
import type { ConnectionId, PoolOutput, Referral } from '@hearsay/transport/machine'
import type { CrowdMember } from './member.js'

/** One side of a stream. */
export interface StreamEnd {
  readonly member: CrowdMember
  readonly id: ConnectionId
  /** Where the stream leads, or came from. */
  readonly from: Address | null
  other: StreamEnd | null
  readonly latencyMs: number
  /** This side dialled. */
  readonly initiator: boolean
  greeted: boolean
  heard: boolean
  ready: boolean
  over: boolean
}

export interface StreamsOptions {
  readonly at: (ms: number, run: () => void) => void
  readonly latency: (by: CrowdMember, to: CrowdMember) => number
  readonly find: (address: Address) => CrowdMember | null
}

/** A host that drops what comes is noticed by its silence; one that refuses answers. Nobody listens: the former. */
const BLACK_HOLE = null

export class Streams {
  readonly #options: StreamsOptions
  readonly #ends = new Map<CrowdMember, Map<ConnectionId, StreamEnd>>()
  #inbound = 0

  constructor(options: StreamsOptions) {
    this.#options = options
  }

  end(member: CrowdMember, id: ConnectionId): StreamEnd | null {
    return this.#ends.get(member)?.get(id) ?? null
  }

  dial(member: CrowdMember, { connection, address, expected }: Extract<PoolOutput, { type: 'dial' }>): void {
    const goal = this.#options.find(address)
    const latencyMs = this.#options.latency(member, goal ?? member)
    const near = this.#open(member, { id: connection, from: address, latencyMs, initiator: true })
    this.#options.at(2 * latencyMs, () => {
      const to = this.#options.find(address)
      if (near.over || to === BLACK_HOLE) return
      if (to === member) return this.fail(near, 'ERR_SELF')
      if (expected !== null && expected !== to.id) return this.fail(near, 'ERR_PEER_MISMATCH')
      const from = { ...member.address, port: 50_000 }
      const far = this.#open(to, { id: `in/${this.#inbound++}`, from, latencyMs, initiator: false })
      near.other = far
      far.other = near
      this.#authenticate(near, to.id)
      this.#options.at(latencyMs, () => this.#authenticate(far, member.id))
    })
  }

  greet(end: StreamEnd): void {
    end.greeted = true
    this.#readyIfBoth(end)
    this.travel(end, (other) => {
      other.heard = true
      this.#readyIfBoth(other)
    })
  }

  ping(end: StreamEnd, timeoutMs: number): void {
    let answered = false
    const tell = (alive: boolean): void => {
      if (!answered && !end.over) end.member.feed({ type: 'pong', connection: end.id, alive })
      answered = true
    }
    this.#options.at(timeoutMs, () => tell(false))
    this.travel(end, (other) => this.travel(other, () => tell(true)))
  }

  /** With a code it is a goodbye; without one the other side only sees the end. */
  close(end: StreamEnd, code: string | null, tries: readonly Referral[] = []): void {
    if (end.over) return
    this.#forget(end)
    const candidates = tries.map(toCandidate)
    const { other } = end
    if (other) this.#options.at(end.latencyMs, () => this.#hearEnd(other, code, candidates))
  }

  /** Both ends see a broken stream. */
  break(one: CrowdMember, other: CrowdMember): void {
    for (const end of [...(this.#ends.get(one)?.values() ?? [])]) {
      const far = end.other
      if (far?.member !== other) continue
      this.#hearEnd(far, null, [])
      this.#hearEnd(end, null, [])
    }
  }

  /** Members that share more than one stream with this one, both ends of which are links. */
  manifold(member: CrowdMember): readonly CrowdMember[] {
    const counts = new Map<CrowdMember, number>()
    for (const { ready, over, other } of this.#ends.get(member)?.values() ?? []) {
      if (ready && !over && other?.ready && !other.over) counts.set(other.member, (counts.get(other.member) ?? 0) + 1)
    }
    return [...counts].flatMap(([each, count]) => (count > 1 ? [each] : []))
  }

  /** The member is gone: each other end sees a broken stream after what `silenceMs` says. */
  breakAll(member: CrowdMember, silenceMs: () => number): void {
    for (const end of [...(this.#ends.get(member)?.values() ?? [])]) {
      this.#forget(end)
      const { other } = end
      if (other) this.#options.at(end.latencyMs + silenceMs(), () => this.#hearEnd(other, null, []))
    }
    this.#ends.delete(member)
  }

  fail(end: StreamEnd, code: string, tries: readonly Candidate[] = []): void {
    if (end.over) return
    this.#forget(end)
    end.member.feed({ type: 'failed', connection: end.id, code, tries })
  }

  travel(end: StreamEnd, arrive: (other: StreamEnd) => void): void {
    const { other, latencyMs } = end
    if (!other) return
    this.#options.at(latencyMs, () => {
      if (!other.over) arrive(other)
    })
  }

  #open(member: CrowdMember, start: Pick<StreamEnd, 'id' | 'from' | 'latencyMs' | 'initiator'>): StreamEnd {
    const end = { ...start, member, other: null, greeted: false, heard: false, ready: false, over: false }
    const ends = this.#ends.get(member) ?? new Map<ConnectionId, StreamEnd>()
    this.#ends.set(member, ends.set(start.id, end))
    return end
  }

  #authenticate(end: StreamEnd, peer: PeerId): void {
    if (end.over) return
    end.member.feed({ type: 'authenticated', connection: end.id, peer })
    this.#readyIfBoth(end)
  }

  #readyIfBoth(end: StreamEnd): void {
    if (end.over || end.ready || !end.greeted || !end.heard) return
    end.ready = true
    const record: AddressRecord | null = end.other?.member.record ?? null
    end.member.feed({ type: 'ready', connection: end.id, record, from: end.from })
  }

  #hearEnd(end: StreamEnd, code: string | null, tries: readonly Candidate[]): void {
    if (end.over) return
    if (!end.ready) return this.fail(end, code ?? 'ERR_HANDSHAKE', tries)
    this.#forget(end)
    const by = code === null ? 'failure' : 'remote'
    end.member.feed({ type: 'ended', connection: end.id, reason: { code: code ?? 'ERR_LINK_LOST', by } })
  }

  #forget(end: StreamEnd): void {
    end.over = true
    this.#ends.get(end.member)?.delete(end.id)
  }
}

function toCandidate({ peer, record, address }: Referral): Candidate {
  return { peer, addresses: record?.addresses ?? (address ? [address] : []), source: 'busy' }
}
