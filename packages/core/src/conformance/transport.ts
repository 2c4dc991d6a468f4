// What every transport promises: listening, dialling, and streams that behave as byte streams do.

import type { Address } from '../address.js'
import type { ByteStream } from '../contracts/stream.js'
import type { IncomingStream, Listener, ListenOptions, Transport } from '../contracts/transport.js'
import { bytesOf } from './bytes.js'
import { type ConformanceCase, caseOf } from './case.js'
import { Collected } from './events.js'

export interface TransportFixture {
  /** The side that accepts. */
  readonly near: Transport
  /** The side that dials; may be the same. */
  readonly far: Transport
  /** Where to listen. @default {} */
  readonly listen?: ListenOptions
  /** An address of this transport where nobody listens. */
  readonly nobody: Address
  /** Frees what is left; the transports may be closed. */
  close(): Promise<void>
}

const WILDCARDS = ['0.0.0.0', '::', '']

export const transportConformance: readonly ConformanceCase<TransportFixture>[] = [
  caseOf('listens at addresses of its scheme that others can dial', async (fixture, assert) => {
    const { listener } = await listen(fixture)
    assert.ok(listener.addresses.length > 0, 'an address')
    for (const { scheme, host } of listener.addresses) {
      assert.ok(scheme === fixture.near.scheme && !WILDCARDS.includes(host), `${scheme}://${host}`)
    }
  }),

  caseOf('carries bytes both ways, in order', async (fixture, assert) => {
    const { dialled, accepted } = await connect(fixture)
    const [atAccepted, atDialled] = [collect(accepted), collect(dialled)]
    for (const length of [1, 100, 70_000]) dialled.write(bytesOf(length))
    await atAccepted.count(70_101)
    for (const length of [3, 50_000]) accepted.write(bytesOf(length))
    await atDialled.count(50_003)
    assert.equal(
      atAccepted.values,
      [1, 100, 70_000].flatMap((length) => [...bytesOf(length)]),
    )
    assert.equal(
      atDialled.values,
      [3, 50_000].flatMap((length) => [...bytesOf(length)]),
    )
  }),

  caseOf('lets the writer use its buffer again when the other side has it', async (fixture, assert) => {
    const { dialled, accepted } = await connect(fixture)
    const bytes = collect(accepted)
    const buffer = Uint8Array.of(1, 2, 3)
    dialled.write(buffer)
    await bytes.count(3)
    buffer.fill(9)
    dialled.write(buffer)
    await bytes.count(6)
    assert.equal(bytes.values, [1, 2, 3, 9, 9, 9])
  }),

  caseOf('asks a fast writer to wait, and tells it when to go on', async (fixture, assert) => {
    const { dialled, accepted } = await connect(fixture)
    let received = 0
    const [total, chunk] = [16 * 1024 * 1024, new Uint8Array(64 * 1024)]
    accepted.pause()
    const done = new Promise<void>((resolve) => {
      accepted.on('data', ({ byteLength }) => {
        received += byteLength
        if (received >= total) resolve()
      })
    })
    let sent = 0
    while (sent < total && dialled.write(chunk)) sent += chunk.byteLength
    assert.ok(sent < total, 'write answered false')
    sent += chunk.byteLength
    const drained = new Promise<void>((resolve) => dialled.on('drain', resolve))
    accepted.resume()
    await drained
    while (sent < total) {
      dialled.write(chunk)
      sent += chunk.byteLength
    }
    await done
    assert.equal(received, total)
  }),

  caseOf('lets the accepting side speak first, if it says so', async (fixture, assert) => {
    const { dialled, accepted } = await connect(fixture)
    if (!fixture.near.capabilities.responderSpeaksFirst) return
    const bytes = collect(dialled)
    accepted.write(Uint8Array.of(7))
    assert.equal(await bytes.count(1), [7])
  }),

  caseOf('delivers everything before the end', async (fixture, assert) => {
    const { dialled, accepted } = await connect(fixture)
    const bytes = collect(accepted)
    const ended = new Promise<void>((resolve) => accepted.on('end', resolve))
    dialled.write(bytesOf(200_000))
    dialled.end()
    await ended
    assert.equal(bytes.values.length, 200_000)
  }),

  caseOf('closes both ends when one is destroyed, once', async (fixture, assert) => {
    const { dialled, accepted } = await connect(fixture)
    const closes = new Collected<string>()
    dialled.on('close', () => closes.add('dialled'))
    accepted.on('close', () => closes.add('accepted'))
    accepted.on('data', () => {})
    dialled.destroy()
    dialled.destroy()
    await closes.count(2)
    accepted.destroy()
    const next = await connect(fixture)
    next.dialled.destroy()
    assert.equal([...closes.values].sort(), ['accepted', 'dialled'])
  }),

  caseOf('rejects where nobody listens', async ({ far, nobody }, assert) => {
    await assert.rejects(far.dial(nobody), 'ERR_DIAL')
  }),

  caseOf('gives up when the signal fires, before or during the dial', async (fixture, assert) => {
    const { address } = await listen(fixture)
    await assert.rejects(fixture.far.dial(address, { signal: AbortSignal.abort() }), 'ERR_ABORTED')
    const controller = new AbortController()
    const dialling = fixture.far.dial(address, { signal: controller.signal })
    controller.abort()
    await assert.rejects(dialling, 'ERR_ABORTED')
  }),

  caseOf('leaves a stream alone when the signal fires later', async (fixture, assert) => {
    const controller = new AbortController()
    const { dialled, accepted } = await connect(fixture, controller.signal)
    const bytes = collect(accepted)
    controller.abort()
    dialled.write(Uint8Array.of(5))
    assert.equal(await bytes.count(1), [5])
  }),

  caseOf('rejects to listen where somebody does', async (fixture, assert) => {
    const { address } = await listen(fixture)
    const same = { host: address.host, ...(address.port > 0 ? { port: address.port } : {}) }
    await assert.rejects(
      fixture.near.listen(same, () => {}),
      'ERR_LISTEN',
    )
  }),

  caseOf('stops accepting when a listener closes, and keeps what it accepted', async (fixture, assert) => {
    const { listener, address, dialled, accepted } = await connect(fixture)
    await Promise.all([listener.close(), listener.close()])
    await listener.close()
    await assert.rejects(fixture.far.dial(address), 'ERR_DIAL')
    const bytes = collect(accepted)
    dialled.write(Uint8Array.of(9))
    assert.equal(await bytes.count(1), [9])
  }),

  caseOf('closes once, with its listeners, and then rejects', async (fixture, assert) => {
    const { near, far } = fixture
    const { address } = await listen(fixture)
    await Promise.all([near.close(), near.close()])
    await assert.rejects(
      near.listen({}, () => {}),
      'ERR_CLOSED',
    )
    await assert.rejects(near.dial(address), 'ERR_CLOSED')
    if (far !== near) await assert.rejects(far.dial(address), 'ERR_DIAL')
  }),
]

interface Listening {
  readonly listener: Listener
  readonly address: Address
  readonly incoming: Collected<IncomingStream>
}

async function listen({ near, listen: where = {} }: TransportFixture): Promise<Listening> {
  const incoming = new Collected<IncomingStream>()
  const listener = await near.listen(where, (stream) => incoming.add(stream))
  const [address] = listener.addresses
  if (!address) throw new Error('a listener has an address')
  return { listener, address, incoming }
}

/** A stream from `far` to `near`. Where the dialling side has to speak first, it has. */
async function connect(
  fixture: TransportFixture,
  signal?: AbortSignal,
): Promise<Listening & { readonly dialled: ByteStream; readonly accepted: ByteStream }> {
  const listening = await listen(fixture)
  const dialled = await fixture.far.dial(listening.address, signal ? { signal } : {})
  const [incoming] = await listening.incoming.count(1)
  if (!incoming) throw new Error('a stream came')
  return { ...listening, dialled, accepted: incoming.stream }
}

/** Every byte that comes from now on. */
function collect(stream: ByteStream): Collected<number> {
  const bytes = new Collected<number>()
  stream.on('data', (chunk) => bytes.addAll([...chunk]))
  return bytes
}
