// What every link promises: the list of cases. Those about windows stand in link-flow.ts; how two links are brought into a
// certain state stands in link-states.ts.

import type { Link } from '../contracts/link.js'
import { isPeerId } from '../peer-id.js'
import { bytesOf } from './bytes.js'
import { attempt, type ConformanceCase, caseOf } from './case.js'
import { Collected } from './events.js'
import { flowCases } from './link-flow.js'
import {
  type Accepted,
  acceptAll,
  collectFrames,
  type LinkFixture,
  nextOf,
  nextOfLink,
  openBoth,
  pass,
} from './link-states.js'

export type { LinkFixture } from './link-states.js'

export const linkConformance: readonly ConformanceCase<LinkFixture>[] = [
  ...flowCases,

  caseOf('names who is there and who dialled', async ({ a, b }, assert) => {
    assert.ok(isPeerId(a.remote) && isPeerId(b.remote) && a.remote !== b.remote, 'two peer ids')
    assert.equal([a.initiator, b.initiator], [true, false])
  }),

  {
    name: 'has a handshake hash that both ends and no other link have',
    async run(create, assert) {
      const [one, other] = [await create(), await create()]
      assert.ok(one.a.handshakeHash.byteLength >= 32, '32 bytes or more')
      assert.equal([...one.a.handshakeHash], [...one.b.handshakeHash])
      assert.ok(String(one.a.handshakeHash) !== String(other.a.handshakeHash), 'another link has another hash')
      await Promise.all([one.close(), other.close()])
    },
  },

  caseOf('offers the protocol and the id of a channel that the remote opened', async ({ a, b }, assert) => {
    const offered = nextOfLink(b, 'channel')
    a.openChannel({ protocol: 'case/1', id: Uint8Array.of(7, 0) })
    const [{ protocol, id }] = await offered
    assert.equal([protocol, [...(id ?? [])]], ['case/1', [7, 0]])
  }),

  caseOf('gives each side the handshake of the other', async ({ a, b }, assert) => {
    const accepted = acceptAll(b, Uint8Array.of(2))
    const [atNear] = await nextOf(a.openChannel({ protocol: 'case/1', handshake: Uint8Array.of(1) }), 'open')
    const [{ handshake }] = (await accepted.count(1)) as [Accepted]
    assert.equal([[...(await handshake)], [...atNear]], [[1], [2]])
  }),

  caseOf('opens a channel that both sides open at once, without an offer', async ({ a, b }, assert) => {
    let offers = 0
    for (const link of [a, b]) link.on('channel', () => offers++)
    const channels = [a, b].map((link) => link.openChannel({ protocol: 'case/1' }))
    await Promise.all(channels.map((channel) => nextOf(channel, 'open')))
    assert.equal(offers, 0)
  }),

  caseOf('closes a channel that nobody accepts, and no other', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/other' })
    b.on('channel', () => {})
    const refused = a.openChannel({ protocol: 'case/1' })
    const opened = new Collected<string>()
    refused.on('open', () => opened.add('open'))
    const [reason] = await nextOf(refused, 'close')
    assert.equal([reason.by, opened.values.length], ['remote', 0])
    await pass(near, far)
  }),

  caseOf('sends nothing before a channel is open', async ({ a, b }, assert) => {
    const accepted = acceptAll(b)
    const near = a.openChannel({ protocol: 'case/1' })
    assert.equal([near.send(Uint8Array.of(1)), near.window], [false, 0])
    await nextOf(near, 'open')
    const [{ frames }] = (await accepted.count(1)) as [Accepted]
    assert.ok(near.send(Uint8Array.of(2)), 'open')
    assert.equal(await frames.count(1), [[2]])
  }),

  caseOf('carries frames of all sizes whole and in order, both ways', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const frames = collectFrames(to)
      const sent = [1, 2, 255, 1_000, 65_535, 65_536, 3].map(bytesOf)
      for (const frame of sent) assert.ok(from.send(frame), 'within the window')
      assert.equal(
        await frames.count(sent.length),
        sent.map((frame) => [...frame]),
      )
    }
  }),

  caseOf('lets the sender use its buffer again at once', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    const frames = collectFrames(far)
    const buffer = Uint8Array.of(1, 2, 3)
    near.send(buffer)
    buffer.fill(9)
    assert.equal(await frames.count(1), [[1, 2, 3]])
  }),

  caseOf('keeps channels of one protocol with different ids apart', async ({ a, b }, assert) => {
    const one = await openBoth(a, b, { protocol: 'case/1', id: Uint8Array.of(1) })
    const two = await openBoth(a, b, { protocol: 'case/1', id: Uint8Array.of(2) })
    const [first, second] = [collectFrames(one.far), collectFrames(two.far)]
    two.near.send(Uint8Array.of(2))
    one.near.send(Uint8Array.of(1))
    await Promise.all([first.count(1), second.count(1)])
    assert.equal([first.values, second.values], [[[1]], [[2]]])
  }),

  caseOf('ends a channel after what was sent, once on each side', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    const log = new Collected<string>()
    near.on('close', ({ by }) => log.add(`near ${by}`))
    far.on('frame', (frame) => log.add(`frame ${frame}`))
    far.on('close', ({ by }) => log.add(`far ${by}`))
    near.send(Uint8Array.of(5))
    near.close()
    near.close()
    await log.count(3)
    far.close()
    const next = await openBoth(a, b, { protocol: 'case/2' })
    await pass(next.near, next.far)
    assert.equal([...log.values].sort(), ['far remote', 'frame 5', 'near local'])
    assert.ok(log.values.indexOf('frame 5') < log.values.indexOf('far remote'), 'the frame came before the end')
  }),

  caseOf('sends nothing on a closed channel', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    const ended = nextOf(far, 'close')
    near.close()
    assert.equal([near.send(Uint8Array.of(1)), near.window], [false, 0])
    await ended
    assert.equal([far.send(Uint8Array.of(1)), far.window], [false, 0])
  }),

  caseOf('opens a channel again after it was closed', async ({ a, b }, assert) => {
    const first = await openBoth(a, b, { protocol: 'case/1' })
    const ended = Promise.all([nextOf(first.near, 'close'), nextOf(first.far, 'close')])
    first.near.close()
    await ended
    const second = await openBoth(a, b, { protocol: 'case/1' })
    const [old, frames] = [collectFrames(first.far), collectFrames(second.far)]
    second.near.send(Uint8Array.of(1))
    assert.equal([await frames.count(1), old.values], [[[1]], []])
  }),

  caseOf('throws for names and handshakes out of bounds', async ({ a }, assert) => {
    const wrong = [
      { protocol: '' },
      { protocol: 'x'.repeat(65) },
      { protocol: 'späß' },
      { protocol: 'case/1', id: new Uint8Array(33) },
      { protocol: 'case/1', handshake: new Uint8Array(4_097) },
    ]
    for (const options of wrong) {
      await assert.rejects(
        attempt(() => a.openChannel(options)),
        'ERR_CHANNEL',
      )
    }
  }),

  caseOf('takes names and handshakes at their bounds', async ({ a, b }, assert) => {
    const accepted = acceptAll(b)
    const name = { protocol: 'x'.repeat(64), id: new Uint8Array(32).fill(255) }
    const near = a.openChannel({ ...name, handshake: new Uint8Array(4_096) })
    await nextOf(near, 'open')
    const [{ channel }] = (await accepted.count(1)) as [Accepted]
    assert.equal([channel.protocol, [...(channel.id ?? [])]], [name.protocol, [...name.id]])
  }),

  caseOf('throws for a channel that is open already', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    await assert.rejects(
      attempt(() => a.openChannel({ protocol: 'case/1' })),
      'ERR_CHANNEL',
    )
    await pass(near, far)
  }),

  caseOf('ends with a code that the remote hears, channels first', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    const log = new Collected<string>()
    const watch = (side: string, link: Link, channel: typeof near): void => {
      channel.on('close', ({ by }) => log.add(`${side} channel ${by}`))
      link.on('close', ({ by, code, ban = false }) => log.add(`${side} link ${by} ${code} ${ban}`))
    }
    watch('near', a, near)
    watch('far', b, far)
    await a.close({ code: 'ERR_CASE', message: 'enough', ban: true })
    await log.count(4)
    const of = (side: string): string[] => log.values.filter((line) => line.startsWith(side))
    assert.equal(of('near'), ['near channel local', 'near link local ERR_CASE true'])
    // The ban is a verdict on the remote: told to it, it would ban us in turn.
    assert.equal(of('far'), ['far channel remote', 'far link remote ERR_CASE false'])
  }),

  caseOf('delivers what was sent before it ended', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    const frames = collectFrames(far)
    const ended = nextOfLink(b, 'close')
    for (let frame = 0; frame < 20; frame++) near.send(Uint8Array.of(frame))
    await a.close()
    await ended
    assert.equal(
      frames.values,
      Array.from({ length: 20 }, (_, frame) => [frame]),
    )
  }),

  caseOf('ends once, however often it is closed', async ({ a, b }, assert) => {
    const log = new Collected<string>()
    a.on('close', ({ code }) => log.add(code))
    const ended = nextOfLink(b, 'close')
    await Promise.all([a.close({ code: 'ERR_FIRST' }), a.close({ code: 'ERR_SECOND' })])
    await ended
    await Promise.all([a.close(), b.close()])
    assert.equal(log.values, ['ERR_FIRST'])
  }),

  caseOf('opens and sends nothing after its end', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    const ended = nextOfLink(b, 'close')
    await a.close()
    await ended
    for (const link of [a, b]) {
      await assert.rejects(
        attempt(() => link.openChannel({ protocol: 'case/2' })),
        'ERR_LINK_CLOSED',
      )
    }
    assert.equal([near.send(Uint8Array.of(1)), far.send(Uint8Array.of(1))], [false, false])
  }),

  caseOf('goes on when a listener throws or rejects', async ({ a, b }, assert) => {
    const { near, far } = await openBoth(a, b, { protocol: 'case/1' })
    far.on('frame', () => {
      throw new Error('a listener of this case')
    })
    far.on('frame', async () => {
      throw new Error('another listener of this case')
    })
    const frames = collectFrames(far)
    near.send(Uint8Array.of(1))
    near.send(Uint8Array.of(2))
    assert.equal(await frames.count(2), [[1], [2]])
  }),
]
