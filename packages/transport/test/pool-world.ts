// Machines without sockets: streams between them take seeded times, hellos and goodbyes travel, everything in virtual time.

import {
  type Address,
  type AddressRecord,
  type Candidate,
  type PeerId,
  parseAddress,
  printAddress,
  type Random,
  seededRandom,
} from '@hearsay/core'
import { type VirtualClock, virtualClock } from '@hearsay/core/memory'
import {
  type ConnectionId,
  type PoolInput,
  type PoolLimits,
  PoolMachine,
  type PoolMachineOptions,
  type PoolOutput,
  type Referral,
  resolvePoolLimits,
} from '@hearsay/transport/machine'

interface End {
  readonly player: Player
  readonly id: ConnectionId
  readonly stream: Stream
  other: End | null
  greeted: boolean
  heard: boolean
  ready: boolean
  over: boolean
  tries?: readonly Candidate[]
}

/** Whoever answers `validate`: at once, later by `input`, or never. */
type Validate = (peer: PeerId) => boolean | null

interface Stream {
  broken: boolean
}

/** One machine and what it has done. */
export class Player {
  readonly machine: PoolMachine
  readonly ends = new Map<ConnectionId, End>()
  /** Links now, by peer; and everything that happened, as text. */
  readonly links = new Map<PeerId, ConnectionId>()
  readonly log: string[] = []
  readonly outputs: PoolOutput[] = []
  readonly dialled: Address[] = []
  /** When each of them was. */
  readonly dialledAt: number[] = []
  validate: Validate = () => true
  readonly #timers = new Map<string, { cancel(): void }>()
  readonly #world: World
  readonly peer: PeerId
  readonly address: Address
  inbound = 0

  constructor(
    world: World,
    options: {
      peer: PeerId
      address: Address
      limits: Partial<PoolLimits>
      random: Random
      more: Partial<PoolMachineOptions>
    },
  ) {
    this.#world = world
    this.peer = options.peer
    this.address = options.address
    const limits = resolvePoolLimits(options.limits)
    const { random, more } = options
    this.machine = new PoolMachine({ self: this.peer, limits, random, canDial: (s) => s !== 'hyper', ...more })
  }

  input(input: PoolInput): void {
    const { clock } = this.#world
    for (const output of this.machine.handle(input, clock.now())) {
      this.outputs.push(output)
      this.#do(output)
    }
  }

  /** Timers that are set now. */
  get timers(): readonly string[] {
    return [...this.#timers.keys()]
  }

  #do(output: PoolOutput): void {
    if (output.type === 'timer') this.#setTimer(output.timer, output.ms)
    else if (output.type === 'stop') this.#stopTimer(output.timer)
    else if (output.type === 'dial') this.#world.dial(this, output)
    else if (output.type === 'greet') this.#world.greet(this.ends.get(output.connection))
    else if (output.type === 'ping') this.#world.ping(this.ends.get(output.connection), output.timeoutMs)
    else if (output.type === 'drop') this.#world.end(this.ends.get(output.connection), null)
    else if (output.type === 'close') this.#world.end(this.ends.get(output.connection), output.code, output.tries)
    else if (output.type === 'validate') this.#validate(output.connection, output.peer)
    else if (output.type === 'link') this.#onLink(output.peer, output.connection)
    else if (output.type === 'unlink') this.links.delete(output.peer)
    if (output.type === 'link' || output.type === 'unlink') this.log.push(`${output.type} ${output.connection}`)
  }

  #validate(connection: ConnectionId, peer: PeerId): void {
    const accepted = this.validate(peer)
    if (accepted === null) return
    this.#world.later(() => this.input({ type: 'validated', connection, accepted }))
  }

  /** What it would say of itself in its hello: where it accepts streams. */
  get record(): AddressRecord {
    return { peer: this.peer, seq: 1, addresses: [this.address], signature: new Uint8Array(64) }
  }

  #onLink(peer: PeerId, connection: ConnectionId): void {
    if (this.links.has(peer)) throw new Error('two links with one peer')
    this.links.set(peer, connection)
  }

  #setTimer(timer: string, ms: number): void {
    this.#stopTimer(timer)
    const fire = (): void => {
      this.#timers.delete(timer)
      this.input({ type: 'timer', timer: timer as 'queue' })
    }
    this.#timers.set(timer, this.#world.clock.setTimer(ms, fire))
  }

  #stopTimer(timer: string): void {
    this.#timers.get(timer)?.cancel()
    this.#timers.delete(timer)
  }
}

export class World {
  readonly clock: VirtualClock = virtualClock()
  readonly random: Random
  readonly #players = new Map<string, Player>()
  /** Milliseconds that anything takes at most. */
  readonly latencyMs: number
  /** Peers that answer no ping and hear no goodbye. */
  readonly deaf = new Set<PeerId>()

  constructor(seed: number, latencyMs = 100) {
    this.random = seededRandom(seed)
    this.latencyMs = latencyMs
  }

  player(name: string, peer: PeerId, limits: Partial<PoolLimits> = {}, more: Partial<PoolMachineOptions> = {}): Player {
    const address = parseAddress(name.includes('://') ? name : `memory://${name}`)
    const player = new Player(this, { peer, address, limits, random: seededRandom(this.random.below(2 ** 32)), more })
    this.#players.set(printAddress(address), player)
    return player
  }

  dial(from: Player, { connection, address, expected }: Extract<PoolOutput, { type: 'dial' }>): void {
    from.dialled.push(address)
    from.dialledAt.push(this.clock.now())
    const to = this.#players.get(printAddress({ ...address, peer: null }))
    const stream = { broken: false }
    const near = this.#end(from, connection, stream)
    if (address.host.startsWith('silent')) return
    this.later(() => {
      if (!to) return this.#fail(near, 'ERR_DIAL')
      if (near.over) return
      if (expected && expected !== to.peer) return this.#fail(near, 'ERR_PEER_MISMATCH')
      if (to === from) return this.#fail(near, 'ERR_SELF')
      const far = this.#end(to, `in/${to.inbound++}`, stream)
      near.other = far
      far.other = near
      this.later(() => this.#authenticated(near))
      this.later(() => this.#authenticated(far))
    })
  }

  greet(end: End | undefined): void {
    if (!end) return
    end.greeted = true
    this.#readyIfBoth(end)
    this.#travel(end, (other) => {
      other.heard = true
      this.#readyIfBoth(other)
    })
  }

  ping(end: End | undefined, timeoutMs: number): void {
    if (!end) return
    let answered = false
    const tell = (alive: boolean): void => {
      if (!answered && !end.over) end.player.input({ type: 'pong', connection: end.id, alive })
      answered = true
    }
    this.clock.setTimer(timeoutMs, () => tell(false))
    this.#travel(end, (other) => this.#travel(other, () => tell(true)))
  }

  /** The player ends its side, with a code or without a word. */
  end(end: End | undefined, code: string | null, tries: readonly Referral[] = []): void {
    if (!end || end.over) return
    end.over = true
    const candidates = tries.map(toCandidate)
    this.#travel(end, (other) => this.#hearEnd(other, code, candidates), true)
  }

  /** Something happens to a stream and nobody is told. */
  break(player: Player, connection: ConnectionId): void {
    const end = player.ends.get(connection)
    if (end) end.stream.broken = true
  }

  later(run: () => void): void {
    this.clock.setTimer(1 + this.random.below(this.latencyMs), run)
  }

  #end(player: Player, id: ConnectionId, stream: Stream): End {
    const end = { player, id, stream, other: null, greeted: false, heard: false, ready: false, over: false }
    player.ends.set(id, end)
    return end
  }

  #authenticated(end: End): void {
    const other = end.other
    if (end.over || !other) return
    end.player.input({ type: 'authenticated', connection: end.id, peer: other.player.peer })
    // A hello that came before waits in the stream.
    this.#readyIfBoth(end)
  }

  #readyIfBoth(end: End): void {
    if (end.over || end.ready || !end.greeted || !end.heard) return
    end.ready = true
    end.player.input({ type: 'ready', connection: end.id, record: end.other?.player.record ?? null })
  }

  #fail(end: End, code: string, tries: readonly Candidate[] = []): void {
    if (end.over) return
    end.over = true
    end.player.input({ type: 'failed', connection: end.id, code, tries })
  }

  #hearEnd(end: End, code: string | null, tries: readonly Candidate[]): void {
    if (end.over) return
    const { player, id, ready } = end
    if (!ready) return this.#fail(end, code ?? 'ERR_HANDSHAKE', tries)
    end.over = true
    const by = code ? 'remote' : 'failure'
    player.input({ type: 'ended', connection: id, reason: { code: code ?? 'ERR_LINK_LOST', by } })
  }

  /** In order, as everything on one stream. */
  #travel(from: End, arrive: (other: End) => void, last = false): void {
    const other = from.other
    if (!other) return
    const order = (from as End & { at?: number }).at ?? 0
    const at = Math.max(order, this.clock.now() + 1 + this.random.below(this.latencyMs))
    Object.assign(from, { at })
    this.clock.setTimer(at - this.clock.now(), () => {
      if (from.stream.broken || (other.over && !last)) return
      arrive(other)
    })
  }
}

function toCandidate({ peer, record, address }: Referral): Candidate {
  return { peer, addresses: record?.addresses ?? (address ? [address] : []), source: 'busy' }
}
