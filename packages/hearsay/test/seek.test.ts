// A link to somebody who is not linked, over a pool and a clock of the test's own: what is tried, in which order, how long.

import { type AddressRecord, type Candidate, createIdentity, createTopic, Emitter, type Link } from '@hearsay/core'
import { settle, virtualClock } from '@hearsay/core/memory'
import { TransportError, type TransportErrorCode } from '@hearsay/transport'
import { expect, it } from 'vitest'
import { type SeekOptions, seek } from '../src/seek.js'

const peer = createIdentity({ seed: new Uint8Array(32).fill(1) }).id
const via = createIdentity({ seed: new Uint8Array(32).fill(2) }).id
const link = { remote: peer } as Link
const recordOf = (seq: number): AddressRecord => ({ peer, seq, addresses: [], signature: new Uint8Array(64) })

/** A seek whose pool refuses until the test says otherwise; `told` is what members answer. */
function scene(told: readonly AddressRecord[] = []) {
  const clock = virtualClock()
  const events = new Emitter<{ link: [link: Link] }>(() => {})
  const over = new AbortController()
  const state = {
    canDial: false,
    isSilent: false,
    code: 'ERR_DIAL' as TransportErrorCode,
    looks: 0,
    asked: 0,
    dialled: 0,
    offered: [] as Candidate[],
  }
  let find: ((candidate: Candidate) => void) | null = null
  const options: SeekOptions = {
    clock,
    topic: createTopic('seek').id,
    signal: over.signal,
    ways: async () => [peer],
    pool: {
      links: new Map(),
      on: (event: 'link', listener: (link: Link) => void) => events.on(event, listener),
      offer: (candidate: Candidate) => state.offered.push(candidate),
      connect: async () => {
        state.dialled++
        if (state.canDial) return link
        if (state.isSilent) return new Promise(() => {})
        throw new TransportError(state.code, 'no address of this peer is known')
      },
    } as unknown as SeekOptions['pool'],
    async *ask({ wait }) {
      state.asked += wait
      for (const record of told) yield { record, via }
    },
    discover: (listener) => {
      state.looks++
      find = listener
      return () => {
        find = null
      }
    },
  }
  return { clock, events, over, state, link: seek(peer, options), find: (candidate: Candidate) => find?.(candidate) }
}

it('is dialled where it is known to be, without asking anybody', async () => {
  const made = scene()
  made.state.canDial = true
  expect(await made.link).toBe(link)
  expect([made.state.asked, made.state.looks, made.clock.pending]).toEqual([0, 0, 0])
})

it('is dialled where it says itself to be, by its newest word alone', async () => {
  const made = scene([recordOf(2), recordOf(1)])
  const failed = made.link.catch((error) => error)
  await settle()
  expect(made.state.offered).toMatchObject([{ peer, source: 'room', referrer: via }])
  await made.clock.play(5_000)
  expect(await failed).toMatchObject({ code: 'ERR_DIAL', message: expect.stringMatching(/it answered where it is/) })
})

it('is dialled where a discovery finds it, which looks again', async () => {
  const made = scene()
  await settle()
  made.state.canDial = true
  made.find({ peer: via, addresses: [], source: 'other' })
  expect(made.state.dialled).toBe(1)
  made.find({ peer, addresses: [], source: 'found' })
  expect(await made.link).toBe(link)
  expect([made.state.looks, made.clock.pending]).toEqual([1, 0])
})

it('is reached by the link that it makes itself', async () => {
  const made = scene()
  await made.clock.play(4_000)
  made.events.emit('link', { remote: via } as Link)
  made.events.emit('link', link)
  expect(await made.link).toBe(link)
})

it('is given up after five seconds with an error that says what was tried, and leaves no timer', async () => {
  const made = scene()
  const failed = made.link.catch((error) => error)
  await made.clock.play(5_000)
  expect(await failed).toMatchObject({
    code: 'ERR_DIAL',
    message: expect.stringMatching(/1 ways? tried .*no address.*nobody in the room.*discoveries looked again/),
    cause: { code: 'ERR_DIAL' },
  })
  expect(made.clock.pending).toBe(0)
})

it('is given up after five seconds, though an address that is known swallows what it is sent', async () => {
  const made = scene()
  made.state.isSilent = true
  const failed = made.link.catch((error) => error)
  await made.clock.play(5_250)
  expect(await failed).toMatchObject({ code: 'ERR_DIAL' })
  expect([made.state.asked, made.state.looks]).toEqual([5_000, 1])
})

it.each(['ERR_PEER_MISMATCH', 'ERR_SELF', 'ERR_HANDSHAKE', 'ERR_LIMIT'] as const)(
  'is looked for elsewhere if what is known fails with %s',
  async (code) => {
    const made = scene()
    made.state.code = code
    await settle()
    expect([made.state.asked, made.state.looks]).toEqual([5_000, 1])
    made.state.canDial = true
    made.find({ peer, addresses: [], source: 'found' })
    expect(await made.link).toBe(link)
  },
)

it('is not looked for if it has refused this node', async () => {
  const made = scene()
  made.state.code = 'ERR_REFUSED'
  expect(await made.link.catch((error) => error)).toMatchObject({ code: 'ERR_REFUSED' })
  expect(made.state.looks).toBe(0)
})

it('is given up when the signal fires', async () => {
  const made = scene()
  const failed = made.link.catch((error) => error)
  await settle()
  made.over.abort(new Error('mine'))
  expect(await failed).toMatchObject({ code: 'ERR_ABORTED', cause: { message: 'mine' } })
  expect(made.clock.pending).toBe(0)
})
