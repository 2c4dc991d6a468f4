// Discovery on the local networks by multicast DNS. This file drives the machine in `mdns/machine.ts`: it owns the clock,
// the list of interfaces and the sockets, and decides nothing about the protocol.

import { networkInterfaces } from 'node:os'
import {
  type Candidate,
  type Clock,
  type Crypto,
  type Discovery,
  type DiscoveryJoin,
  type DiscoverySession,
  hasCode,
  hostAddress,
  type Logger,
  type Random,
  systemClock,
  systemRandom,
  type Timer,
  type Topic,
} from '@hearsay/core'
import { closedError } from './errors.js'
import type { MdnsInput, MdnsMachine, MdnsOutput } from './mdns/contract.js'
import { chooseInterfaces, isLoopback, type LanInterface, linkOf } from './mdns/interfaces.js'
import { createMdnsMachine } from './mdns/machine.js'
import { fromPacket, type MdnsMessage, toPacket } from './mdns/message.js'
import { type MdnsSocket, openMdnsSocket, type PacketSource } from './mdns/socket.js'
import { createSession, type SessionControl } from './session.js'

export interface MdnsOptions {
  /**
   * What the node's listeners are bound to. A loopback address means loopback alone, another address the interface that
   * has it. @default every interface
   */
  readonly host?: string
  /** Names of the interfaces to use beside loopback, such as `['eth0']`. @default all */
  readonly interfaces?: readonly string[]
  /** The UDP port; another one than the standard's is for tests that must not hear each other. @default 5353 */
  readonly port?: number
  /** @default systemClock() */
  readonly clock?: Clock
  /** @default systemRandom() */
  readonly random?: Random
  /** @default sodiumCrypto() */
  readonly crypto?: Crypto
  readonly logger?: Logger
}

const NAME = 'mdns'
const MDNS_PORT = 5_353
/** How often interfaces are listed again: it costs a tenth of a millisecond, and somebody may be waiting. */
const SCAN_MS = 2_000

/**
 * Finds nodes on the same local networks and on this machine. It announces where this node accepts TCP and a salted hash
 * of each topic; no packet names a topic, a peer or a host. Its candidates come without a peer id.
 *
 * @example const session = mdns().join(createTopic('lobby'), { announce: true, lookup: true, port: 4000, … })
 */
export function mdns(options: MdnsOptions = {}): Discovery {
  const driver = new Driver(options)
  return {
    name: NAME,
    capabilities: { identifies: false, local: true },
    join: (topic, wish) => driver.join(topic, wish),
    close: () => driver.close(),
  }
}

interface JoinedSession {
  readonly control: SessionControl
  readonly wish: DiscoveryJoin
}

interface OpenInterface {
  readonly lan: LanInterface
  readonly socket: MdnsSocket
  isOnLink: (source: string) => boolean
  ready: boolean
  /** Something was heard on it. */
  worked: boolean
  /** Something went wrong after that: it is opened anew. */
  failing: boolean
}

class Driver {
  readonly #options: MdnsOptions
  readonly #clock: Clock
  readonly #port: number
  readonly #machine: MdnsMachine
  readonly #sessions = new Map<number, JoinedSession>()
  readonly #interfaces = new Map<string, OpenInterface>()
  readonly #sending = new Set<Promise<void>>()
  readonly #ending = new Set<Promise<void>>()
  readonly #troubled = new Set<string>()
  #ownAddresses: ReadonlySet<string> = new Set()
  #joined = 0
  #wake: Timer | null = null
  #scan: Timer | null = null
  #scanned = false
  #closing: Promise<void> | null = null

  constructor(options: MdnsOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock()
    this.#port = options.port ?? MDNS_PORT
    const { crypto } = options
    this.#machine = createMdnsMachine({ random: options.random ?? systemRandom(), ...(crypto && { crypto }) })
  }

  join(topic: Topic, wish: DiscoveryJoin): DiscoverySession {
    if (this.#closing) throw closedError(NAME)
    const id = ++this.#joined
    const control = createSession({ refresh: () => this.#feed({ type: 'refresh' }), leave: () => this.#leave(id) })
    this.#sessions.set(id, { control, wish })
    if (!this.#scan) this.#listInterfaces()
    const port = wish.announce ? wish.port : null
    this.#feed({ type: 'join', session: id, topic, wish: { port, lookup: wish.lookup } })
    return control.session
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#feed({ type: 'close' })
    this.#wake?.cancel()
    this.#scan?.cancel()
    await Promise.all([...this.#sessions.values()].map(({ control }) => control.session.leave()))
    await Promise.all(this.#sending)
    for (const { socket } of this.#interfaces.values()) this.#ending.add(socket.close())
    this.#interfaces.clear()
    await Promise.all(this.#ending)
  }

  async #leave(id: number): Promise<void> {
    this.#sessions.delete(id)
    this.#feed({ type: 'leave', session: id })
    await Promise.all(this.#sending)
  }

  #feed(input: MdnsInput): void {
    for (const output of this.#machine.handle(input, this.#clock.now())) this.#obey(output)
  }

  #obey(output: MdnsOutput): void {
    switch (output.type) {
      case 'send':
        return this.#send(output.interface, output.message)
      case 'wake':
        return this.#wakeAt(output.at)
      case 'candidate':
      case 'lost':
        return this.#tell(output)
      case 'flushed':
        return this.#flush(output.session)
    }
  }

  #send(id: string, message: MdnsMessage): void {
    const open = this.#interfaces.get(id)
    if (!open?.ready) return
    const sent = open.socket.send(toPacket(message, open.lan.announced)).then(() => void this.#sending.delete(sent))
    this.#sending.add(sent)
  }

  #tell({ type, session, ...place }: Extract<MdnsOutput, { type: 'candidate' | 'lost' }>): void {
    const control = this.#sessions.get(session)?.control
    const candidate = toCandidate(place)
    if (!control || !candidate) return
    if (type === 'candidate') control.offer(candidate)
    else control.retract(candidate)
  }

  #wakeAt(at: number): void {
    this.#wake?.cancel()
    if (this.#closing) return
    this.#wake = this.#clock.setTimer(at - this.#clock.now(), () =>
      this.#feed({ type: 'wake', lonely: this.#isLonely() }),
    )
  }

  #flush(id: number): void {
    const control = this.#sessions.get(id)?.control
    void Promise.all(this.#sending).then(() => control?.flush())
  }

  #isLonely(): boolean {
    return [...this.#sessions.values()].some(({ wish }) => wish.lookup && wish.linked() === 0)
  }

  /** Interfaces come and go with cables, radios and tunnels; one that failed is tried again too. */
  #listInterfaces(): void {
    const { host, interfaces: names } = this.#options
    const listing = networkInterfaces()
    const found = new Map(chooseInterfaces(listing, { host, names }).map((lan) => [lan.id, lan]))
    this.#ownAddresses = new Set(Object.values(listing).flatMap((infos = []) => infos.map(({ address }) => address)))
    for (const [id, open] of this.#interfaces) {
      const lan = found.get(id)
      if (lan && !open.failing) open.isOnLink = linkOf(lan)
      else this.#drop(id, open)
    }
    for (const id of this.#troubled) if (!found.has(id)) this.#troubled.delete(id)
    for (const [id, lan] of found) if (!this.#interfaces.has(id)) this.#open(lan)
    this.#noteScanned()
    this.#scan = this.#clock.setTimer(SCAN_MS, () => this.#listInterfaces())
  }

  #open(lan: LanInterface): void {
    const open: OpenInterface = {
      lan,
      isOnLink: linkOf(lan),
      ready: false,
      failing: false,
      worked: false,
      socket: openMdnsSocket(lan, this.#port, {
        onReady: () => this.#onReady(open),
        accepts: ({ address, port }) => port === this.#port && open.isOnLink(address),
        onPacket: (packet, from) => this.#onPacket(open, packet, from),
        onTrouble: (error, fatal) => this.#onTrouble(open, error, fatal),
      }),
    }
    this.#interfaces.set(lan.id, open)
  }

  #onReady(open: OpenInterface): void {
    open.ready = true
    this.#feed({ type: 'up', interface: open.lan.id })
    this.#noteScanned()
  }

  #onPacket(open: OpenInterface, packet: unknown, { address: source }: PacketSource): void {
    // What can be heard can be sent: our own packets come back to us too.
    open.worked = true
    const message = fromPacket(packet)
    if (!message) return
    const here = this.#ownAddresses.has(source.replace(/%.*$/, ''))
    this.#feed({ type: 'message', interface: open.lan.id, source, here: here || isLoopback(source), message })
  }

  #onTrouble(open: OpenInterface, error: unknown, fatal: boolean): void {
    this.#tellTrouble(open.lan, error)
    if (fatal) this.#drop(open.lan.id, open)
    // The system may have made the interface anew under the same name and address: a fresh socket finds out, once.
    open.failing = open.worked
    this.#noteScanned()
  }

  /** Once for each interface, however long it stays quiet. */
  #tellTrouble({ id, name, address }: LanInterface, error: unknown): void {
    if (this.#troubled.has(id)) return
    this.#troubled.add(id)
    const fields = { interface: name, address, error }
    this.#options.logger?.({ level: 'warn', scope: 'discovery/mdns', message: 'interface is quiet', fields })
  }

  #drop(id: string, open: OpenInterface): void {
    this.#interfaces.delete(id)
    this.#feed({ type: 'down', interface: id })
    const ended = open.socket.close().then(() => void this.#ending.delete(ended))
    this.#ending.add(ended)
  }

  #noteScanned(): void {
    if (this.#scanned || [...this.#interfaces.values()].some(({ ready }) => !ready)) return
    this.#scanned = true
    this.#feed({ type: 'scanned' })
  }
}

/** Null for a source that no address can spell, such as a zone with unusual letters. */
function toCandidate({ host, port }: { readonly host: string; readonly port: number }): Candidate | null {
  try {
    return { peer: null, addresses: [hostAddress('tcp', host, port)], source: NAME }
  } catch (error) {
    if (hasCode(error, 'ERR_ADDRESS')) return null
    throw error
  }
}
