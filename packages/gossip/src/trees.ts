// The trees engine: each author's records go along a tree of their own, that of who delivered them first. A record of an
// unknown author goes to everybody; whoever gets it twice tells the later sender not to send that author's records (`prune`),
// and is told of them in a few bytes instead (`have`). A record that is told of and does not come is asked for, and the
// question makes its receiver a sender again. (Leitão, Pereira, Rodrigues, "Epidemic Broadcast Trees", 2007, with a tree for
// each author instead of one for all: then every author's tree is one of shortest paths.)
//
//   unknown   not heard of; small records are pushed, large ones offered
//   eager     takes this author's records from us: it asked, or did not mind the last one
//   pruned    has them from somebody else: told only; eager again when it asks, in a storm, or when it says so

import { blockOf, type PeerId } from '@hearsay/core'
import type { Engine, PeerHandle } from './engine.js'
import type { Account } from './machine/accounts.js'
import type { Arrival, Source } from './machine/arrivals.js'
import type { Neighbour } from './machine/neighbour.js'
import { RoomMachine } from './machine/room-machine.js'
import type { GossipLimits } from './options.js'
import type { News } from './repair/news.js'
import type { Crossing, Spread, Way } from './spread/spread.js'
import { CALM_MS, Storm } from './spread/storm.js'
import { type TreeAuthor, TreeAuthors } from './spread/tree-authors.js'
import { TreeLink } from './spread/tree-link.js'

/** What goes to everybody for the sake of learning the tree is at most this large. */
const FLOOD_BYTES = 4_096
/** Who tells of a record so much before its parent sends it, so many times in a row, becomes a parent beside it. */
const MARGIN_MS = 5
const MARGIN_TIMES = 3
/** How long after a record came its next copy still says who is late. */
const DUPLICATE_MS = 5_000
/** Before anything is known of an author. */
const PULL_DELAY_MS = 20

/** An author's records along that author's tree. `capacity` and the other bounds are those of `GossipLimits`. */
export function trees(limits: Partial<GossipLimits> = {}): Engine {
  return {
    name: 'trees',
    limits,
    createMachine: (context) => new RoomMachine(context, (neighbours) => new Trees(neighbours)),
  }
}

function sizeOf({ record }: Arrival): number {
  return blockOf(record).bytes
}

class Trees implements Spread {
  readonly #neighbours: ReadonlyMap<PeerHandle, Neighbour>
  readonly #authors = new TreeAuthors()
  readonly #links = new Map<PeerHandle, TreeLink>()
  readonly #storm = new Storm()

  constructor(neighbours: ReadonlyMap<PeerHandle, Neighbour>) {
    this.#neighbours = neighbours
  }

  get trees(): Account {
    return this.#authors.account
  }

  wayOf(crossing: Crossing): Way {
    const way = this.#usualWay(crossing)
    const { neighbour, arrival, now } = crossing
    if (way === 'offer') this.#linkOf(neighbour.handle).noteOffer(arrival.source.author, now)
    return way
  }

  #usualWay({ neighbour, arrival, isPast, isOnly, now }: Crossing): Way {
    const tree = this.#authors.find(arrival.source.author)
    const peer = neighbour.handle
    // Others may have it for the neighbour too; it asks one of them. What was recovered comes in masses, and others recover it too.
    if (isPast || !tree || arrival.isRecovered) return 'offer'
    if (tree.isPruned(peer, this.#linkOf(peer).graftedAt)) return 'have'
    if (!tree.isEager(peer)) {
      // It may not overtake what is offered: who has nothing of the author yet would begin with it, and lose the rest.
      if (this.#linkOf(peer).isOffered(arrival.source.author, now)) return 'offer'
      const isCheap = !tree.isQuiet && sizeOf(arrival) <= FLOOD_BYTES
      if (!isCheap && !isOnly) return 'offer'
      tree.graft(peer)
    }
    return 'push'
  }

  onAccepted(arrival: Arrival, { from, news, now }: { from: Neighbour | null; news: News; now: number }): void {
    const { source } = arrival
    const peer = from?.handle ?? null
    const tree = this.#authors.open(source.author, () => peer !== null && !this.#linkOf(peer).takeNewAuthor(now))
    const stormAt = this.#storm.since(now)
    if (stormAt !== null && tree.stormedAt < stormAt) {
      tree.stormedAt = now
      tree.forgetMasks()
    }
    this.#storm.record(now)
    tree.repaired = news.repaired ? { epoch: source.epoch, first: arrival.record.header.firstSeq } : null
    if (news.repaired) this.#onRepaired(tree.parent, now)
    if (from && !news.asked) this.#compare(tree, source, { from, news, now })
    tree.parent = peer
  }

  /** How late the push was that the parent sent; whoever is always earlier becomes a parent beside it. */
  #compare(
    tree: TreeAuthor,
    source: Source,
    { from, news: { promise }, now }: { from: Neighbour; news: News; now: number },
  ): void {
    tree.late(promise ? now - promise.at : 0)
    if (!promise || promise.peer === from.handle || now - promise.at < MARGIN_MS) {
      tree.rival = null
      return
    }
    const times = tree.rival?.peer === promise.peer ? tree.rival.times + 1 : 1
    tree.rival = { peer: promise.peer, times }
    if (times < MARGIN_TIMES) return
    tree.rival = null
    // Both push the next one, and whoever is later is pruned: the tree is made before it is broken.
    this.#neighbours.get(promise.peer)?.notices.graft(source, now)
    this.#linkOf(promise.peer).forgetPrune(source.author)
  }

  onDuplicate(neighbour: Neighbour, arrival: Arrival, now: number): void {
    const { source, at, via } = arrival
    const tree = this.#authors.find(source.author)
    if (!tree || now - at > DUPLICATE_MS || via === neighbour.handle) return
    // We only asked too early: both push the next one, and that tells who is late.
    const { repaired } = tree
    const isRepaired = repaired?.epoch === source.epoch && repaired.first === arrival.record.header.firstSeq
    if (isRepaired) return tree.late(tree.delayMs + now - at)
    tree.prune(neighbour.handle, now)
    if (this.#linkOf(neighbour.handle).mayPrune(source.author, now)) neighbour.notices.prune(source, now)
  }

  onAsking(neighbour: Neighbour, { author }: Source): void {
    this.#linkOf(neighbour.handle).forgetPrune(author)
  }

  onAsked(neighbour: Neighbour, { author }: Source): void {
    this.#authors.find(author)?.graft(neighbour.handle)
  }

  onPrune(neighbour: Neighbour, sources: readonly Source[], now: number): void {
    for (const { author } of sources) this.#authors.find(author)?.prune(neighbour.handle, now)
  }

  onGraft(neighbour: Neighbour, sources: readonly Source[], now: number): void {
    for (const { author } of sources) this.#authors.find(author)?.graft(neighbour.handle)
    const link = this.#linkOf(neighbour.handle)
    // Once in a while only: it costs us a copy of a record of every author.
    if (sources.length === 0 && now >= link.graftedAt + CALM_MS) link.graftedAt = now
  }

  onPeerDown(peer: PeerHandle, now: number): void {
    this.#links.delete(peer)
    this.#authors.leave(peer)
    if (this.#storm.loss(this.#neighbours.size, now)) this.#onStorm(now)
  }

  pullDelayMs(author: PeerId): number {
    return this.#authors.find(author)?.delayMs ?? PULL_DELAY_MS
  }

  #onRepaired(parent: PeerHandle | null, now: number): void {
    if (this.#storm.repair(parent, now)) this.#onStorm(now)
  }

  /** Our own masks are forgotten as records come; neighbours are asked to forget theirs of us. */
  #onStorm(now: number): void {
    for (const [peer, neighbour] of this.#neighbours) {
      this.#linkOf(peer).forgetPrunes()
      if (neighbour.introduced) neighbour.notices.graftAll(now)
    }
  }

  #linkOf(peer: PeerHandle): TreeLink {
    const link = this.#links.get(peer) ?? new TreeLink()
    this.#links.set(peer, link)
    return link
  }
}
