// Remotes that call and do not stay, that are killed, and that are not there: over real sockets, whose clock the test moves.

import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { type VirtualClock, virtualClock } from '@hearsay/core/memory'
import { UtpSocket, type UtpStream } from '@hearsay/transport/utp'
import { afterEach, describe, expect, it } from 'vitest'
import { DATA, decodePacket, encodeBare, type Packet, type PacketType, SYN } from '../src/utp/packet.js'
import { outcome } from './fixtures.js'

const undo: (() => unknown)[] = []

afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

async function socket(): Promise<{ readonly near: UtpSocket; readonly clock: VirtualClock }> {
  const clock = virtualClock()
  const near = await UtpSocket.bind({ host: '127.0.0.1', clock })
  undo.push(() => near.close())
  return { near, clock }
}

/** A UDP socket that writes packets of uTP by hand. */
class Caller {
  readonly #socket: Socket
  readonly #port: number
  readonly #id: number

  private constructor(socket: Socket, port: number, id: number) {
    this.#socket = socket
    this.#port = port
    this.#id = id
  }

  static async to(near: UtpSocket): Promise<Caller> {
    const made = createSocket('udp4')
    undo.push(() => made.close())
    await new Promise<void>((resolve) => made.bind(0, '127.0.0.1', resolve))
    return new Caller(made, near.address.port, 500)
  }

  /** Sends any bytes. */
  send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.send(bytes, this.#port, '127.0.0.1', () => resolve()))
  }

  call(id: number = this.#id): Promise<void> {
    return this.send(this.#packet({ type: SYN, id, seq: 1, ack: 0 }))
  }

  /** Opens a connection with a byte of data. */
  async open(): Promise<void> {
    const answer = new Promise<Packet>((resolve) => {
      this.#socket.once('message', (bytes) => resolve(decodePacket(bytes) as Packet))
    })
    await this.call()
    const { seq } = await answer
    const head = this.#packet({ type: DATA, id: this.#id + 1, seq: 2, ack: (seq - 1) & 0xffff })
    await this.send(Uint8Array.from([...head, 1]))
  }

  #packet(fields: Readonly<Record<'id' | 'seq' | 'ack', number>> & { readonly type: PacketType }): Uint8Array {
    return encodeBare({ timestamp: 1, difference: 0, window: 1_000_000, ...fields })
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Lets virtual time pass, half a second at a time, and what the socket has to do in between be done. */
async function pass(clock: VirtualClock, seconds: number, isDone: () => boolean = () => false): Promise<void> {
  for (let at = 0; at < 2 * seconds && !isDone(); at++) {
    clock.advance(500)
    await turn()
    await turn()
  }
}

/** Turns of the event loop until it is so: the test's time limit ends what never is. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn()
}

describe('uTP', () => {
  it('forgets callers who never came back, and opens nothing for garbage', async () => {
    const { near, clock } = await socket()
    const accepted: UtpStream[] = []
    near.accept((stream) => accepted.push(stream))
    const caller = await Caller.to(near)
    for (let index = 0; index < 50; index++) {
      await caller.call(2 * index)
      await caller.send(randomBytes(20 + index))
    }
    await until(() => near.counts.strangers === 50)
    await pass(clock, 30)
    expect([near.counts, accepted]).toEqual([{ connections: 0, strangers: 0, lingering: 0 }, []])
  })

  it.each([
    ['idle', 61, false],
    ['written to', 31, true],
  ])('notices within its limits that a remote was killed: %s', async (_, seconds, isWritten) => {
    const { near, clock } = await socket()
    const accepted = new Promise<UtpStream>((resolve) => near.accept(resolve))
    const caller = await Caller.to(near)
    await caller.open()
    const stream = await accepted
    stream.resume()
    await pass(clock, seconds - 3)
    expect(stream.closed).toBe(false)
    if (isWritten) stream.write('are you there?')
    await pass(clock, seconds, () => stream.closed)
    expect([stream.errored, near.counts.connections]).toMatchObject([{ code: 'ERR_UTP_TIMEOUT' }, 0])
  })

  it('gives up after eight seconds where nobody answers', async () => {
    const { near, clock } = await socket()
    const silent = createSocket('udp4')
    undo.push(() => silent.close())
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve))
    let error: unknown = null
    const dialling = outcome(near.connect({ host: '127.0.0.1', port: silent.address().port })).then((failed) => {
      error = failed
    })
    await turn()
    await pass(clock, 7)
    expect(error).toBe(null)
    await pass(clock, 2)
    await dialling
    expect(error).toMatchObject({ code: 'ERR_UTP_TIMEOUT' })
  })
})
