import { type Channel, type CloseReason, createIdentity, type Link } from '@hearsay/core'
import { settle, type VirtualClock, virtualClock } from '@hearsay/core/memory'
import { establish, type MuxLimits, type MuxLink, muxLink } from '@hearsay/core/mux'
import { describe, expect, it } from 'vitest'
import { messagePair } from './mux-streams.js'

const a = createIdentity().id
const b = createIdentity().id
const hash = new Uint8Array(32).fill(7)

interface Pair {
  readonly clock: VirtualClock
  readonly left: MuxLink
  readonly right: MuxLink
  /** From now on nothing arrives, on either side. */
  readonly cut: () => void
  readonly breakUp: () => void
  /** The right side reads no more. */
  readonly stall: () => void
}

function unready(limits: Partial<MuxLimits> = {}): Pair {
  const clock = virtualClock()
  const { near, far, cut } = messagePair()
  const common = { clock, handshakeHash: hash, address: null, limits }
  const left = muxLink(near, { ...common, remote: b, initiator: true })
  const right = muxLink(far, { ...common, remote: a, initiator: false })
  return { clock, left, right, cut, breakUp: () => void near.destroy(), stall: () => void far.pause() }
}

async function ready(limits: Partial<MuxLimits> = {}): Promise<Pair> {
  const pair = unready(limits)
  const options = { network: 'test', clock: pair.clock }
  await Promise.all([establish(pair.left, options), establish(pair.right, options)])
  await settle()
  return pair
}

/** A channel of the left side, open. */
async function openOf({ left, right }: Pair): Promise<Channel> {
  right.on('channel', (name) => right.openChannel(name))
  const channel = left.openChannel({ protocol: 'test' })
  await settle()
  return channel
}

const ends = (link: Link): Promise<CloseReason> => new Promise((resolve) => link.on('close', resolve))

describe('a multiplexed link', () => {
  it('opens a channel, carries frames both ways, and closes', async () => {
    const { left, right } = await ready()
    const log: string[] = []
    right.on('channel', (name) => {
      const channel = right.openChannel({ ...name, handshake: Uint8Array.of(2) })
      channel.on('open', (handshake) => log.push(`right open ${[...handshake]}`))
      channel.on('frame', (frame) => log.push(`right ${[...frame]} ${channel.send(Uint8Array.of(9))}`))
      channel.on('close', (reason) => log.push(`right close ${reason.code} ${reason.by}`))
    })
    const channel = left.openChannel({ protocol: 'test', id: Uint8Array.of(5), handshake: Uint8Array.of(1) })
    channel.on('open', (handshake) => log.push(`left open ${[...handshake]}`))
    channel.on('frame', (frame) => log.push(`left ${[...frame]}`))
    expect(channel.send(Uint8Array.of(0))).toBe(false)
    await settle()
    expect(channel.window).toBe(262_144)
    expect(channel.send(Uint8Array.of(1, 2))).toBe(true)
    await settle()
    channel.close()
    channel.close()
    await settle()
    expect(log.filter((line) => line.startsWith('right'))).toEqual([
      'right open 1',
      'right 1,2 true',
      'right close ERR_CLOSED remote',
    ])
    expect(log.filter((line) => line.startsWith('left'))).toEqual(['left open 2', 'left 9'])
  })

  it('refuses a channel that nobody opens, and the link lives on', async () => {
    const { left, right } = await ready()
    const reasons: CloseReason[] = []
    left.openChannel({ protocol: 'unknown' }).on('close', (reason) => reasons.push(reason))
    await settle()
    expect(reasons).toMatchObject([{ code: 'ERR_CHANNEL', by: 'remote' }])
    expect(await right.ping(100)).toBe(0)
  })

  it('lets a frame overdraw the window once, then waits for the drain', async () => {
    const { left, right } = await ready({ windowBytes: 10 })
    right.on('channel', (name) => right.openChannel(name).setFlowing(false))
    const channel = left.openChannel({ protocol: 'test' })
    await settle()
    expect(channel.send(new Uint8Array(9))).toBe(true)
    expect(channel.window).toBe(1)
    expect(channel.send(new Uint8Array(100))).toBe(true)
    expect(channel.window).toBe(0)
    expect(channel.send(new Uint8Array())).toBe(false)
  })

  it('grants again when the receiver flows, with one drain', async () => {
    const { left, right } = await ready({ windowBytes: 10 })
    const opened = new Promise<ReturnType<Link['openChannel']>>((resolve) =>
      right.on('channel', (name) => resolve(right.openChannel(name))),
    )
    const channel = left.openChannel({ protocol: 'test' })
    let drains = 0
    channel.on('drain', () => drains++)
    const receiver = await opened
    receiver.setFlowing(false)
    await settle()
    channel.send(new Uint8Array(25))
    await settle()
    expect([channel.window, drains]).toEqual([0, 0])
    receiver.setFlowing(true)
    await settle()
    expect([channel.window, drains]).toEqual([10, 1])
  })

  it('keeps generations of one name apart when both sides close and open at once', async () => {
    const { left, right } = await ready()
    const log: string[] = []
    left.on('channel', (name) => log.push(`offered left ${name.protocol}`))
    right.on('channel', (name) => {
      const channel = right.openChannel(name)
      channel.on('close', () => log.push('right close'))
      channel.on('open', () => log.push('right open'))
    })
    left.openChannel({ protocol: 'test' }).close()
    left.openChannel({ protocol: 'test' }).close()
    const last = left.openChannel({ protocol: 'test' })
    last.on('open', () => log.push('left open'))
    await settle()
    expect(log.filter((line) => line !== 'left open')).toEqual([
      'right open',
      'right close',
      'right open',
      'right close',
      'right open',
    ])
    expect(log.filter((line) => line === 'left open')).toHaveLength(1)
    expect(last.window).toBeGreaterThan(0)
  })

  it('throws for what the contract forbids', async () => {
    const { left, right } = await ready({ maxChannels: 3 })
    right.on('channel', (name) => right.openChannel(name))
    const code = (run: () => unknown): unknown => {
      try {
        return run()
      } catch (error) {
        return (error as { code?: string }).code
      }
    }
    const open = left.openChannel({ protocol: 'x' })
    expect(code(() => left.openChannel({ protocol: 'x' }))).toBe('ERR_CHANNEL')
    expect(code(() => left.openChannel({ protocol: 'x'.repeat(65) }))).toBe('ERR_CHANNEL')
    expect(code(() => left.openChannel({ protocol: 'y', id: new Uint8Array(33) }))).toBe('ERR_CHANNEL')
    expect(code(() => left.openChannel({ protocol: 'y', handshake: new Uint8Array(4_097) }))).toBe('ERR_CHANNEL')
    left.openChannel({ protocol: 'y'.repeat(64), id: new Uint8Array(32), handshake: new Uint8Array(4_096) })
    // The link channel is the first of three.
    expect(code(() => left.openChannel({ protocol: 'z' }))).toBe('ERR_CHANNEL')
    await settle()
    expect(code(() => open.send(new Uint8Array(1024 * 1024 - 63)))).toBe('ERR_FRAME_SIZE')
    expect(open.send(new Uint8Array(1024 * 1024 - 64))).toBe(true)
    await left.close()
    expect(code(() => left.openChannel({ protocol: 'late' }))).toBe('ERR_LINK_CLOSED')
  })

  it('survives a thousand channels opened and closed without waiting for the remote', async () => {
    const { left, right } = await ready()
    right.on('channel', (name) => right.openChannel(name))
    for (let index = 0; index < 1_023; index++) left.openChannel({ protocol: `p${index}` }).close()
    expect(() => left.openChannel({ protocol: 'more' })).toThrow('wait for an answer')
    await settle()
    left.openChannel({ protocol: 'more' })
    expect(await left.ping(1_000)).toBe(0)
  })

  it('tells the remote the code and text of its goodbye, after every channel has closed', async () => {
    const { left, right } = await ready()
    const log: string[] = []
    right.on('channel', (name) => {
      const channel = right.openChannel(name)
      channel.on('frame', (frame) => log.push(`frame ${[...frame]}`))
      channel.on('close', (reason) => log.push(`channel ${reason.code} ${reason.by}`))
    })
    const channel = left.openChannel({ protocol: 'test' })
    channel.on('close', (reason) => log.push(`own channel ${reason.code} ${reason.by}`))
    await settle()
    const leftReason = ends(left)
    const rightReason = ends(right)
    channel.send(Uint8Array.of(1))
    const closing = left.close({ code: 'ERR_TEST', message: 'enough', ban: true })
    expect(left.close()).toBe(closing)
    await closing
    expect(await leftReason).toEqual({ code: 'ERR_TEST', message: 'enough', ban: true, by: 'local' })
    expect(await rightReason).toEqual({ code: 'ERR_TEST', message: 'enough', by: 'remote' })
    expect(log.sort()).toEqual(['channel ERR_TEST remote', 'frame 1', 'own channel ERR_TEST local'])
  })

  it('holds channels back until whoever awaited the link could listen', async () => {
    const { left, right, clock } = unready()
    const options = { network: 'test', clock }
    const early = establish(left, options).then((link) => link.openChannel({ protocol: 'early' }))
    const nested = async (): Promise<MuxLink> => await (async () => await establish(right, options))()
    const link = await nested()
    const offers: string[] = []
    link.on('channel', ({ protocol }) => offers.push(protocol))
    await early
    await settle()
    expect(offers).toEqual(['early'])
  })
})

describe('the hello', () => {
  it('keeps links from forming across networks, with the same code on both sides', async () => {
    const { left, right, clock } = unready()
    const results = await Promise.allSettled([
      establish(left, { network: 'one', clock }),
      establish(right, { network: 'two', clock }),
    ])
    expect(results).toMatchObject([
      { status: 'rejected', reason: { code: 'ERR_HANDSHAKE' } },
      { status: 'rejected', reason: { code: 'ERR_HANDSHAKE' } },
    ])
  })

  it('may be late on one side, until the time is up', async () => {
    const { left, right, clock } = unready()
    let done = false
    const first = establish(left, { network: 'test', clock }).then(() => {
      done = true
    })
    await clock.play(2_999)
    expect(done).toBe(false)
    await establish(right, { network: 'test', clock })
    await first
  })

  it('that does not come in time ends the link', async () => {
    const { left, clock } = unready()
    const result = establish(left, { network: 'test', clock }).catch((error: unknown) => error)
    await clock.play(3_000)
    expect(await result).toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it('can be answered by a goodbye whose code the remote hears', async () => {
    const { left, right, clock } = unready()
    const reason = ends(left)
    const result = establish(left, { network: 'test', clock }).catch((error: unknown) => error)
    void right.close({ code: 'ERR_DUPLICATE' })
    expect(await result).toMatchObject({ code: 'ERR_HANDSHAKE' })
    expect(await reason).toEqual({ code: 'ERR_DUPLICATE', by: 'remote' })
  })

  it('comes before any channel', async () => {
    const { left } = unready()
    expect(() => left.openChannel({ protocol: 'x' })).toThrow('before the hello')
  })
})

describe('liveness', () => {
  it('finds a remote that went silent in less than three intervals', async () => {
    const { left, clock, cut } = await ready()
    const reason = ends(left)
    cut()
    await clock.play(24_999)
    expect(clock.pending).toBeGreaterThan(0)
    await clock.play(1)
    expect(await reason).toMatchObject({ code: 'ERR_LINK_TIMEOUT', by: 'failure' })
  })

  it('finds a remote that went silent in less than one interval if something was sent to it', async () => {
    const pair = await ready()
    const { left, clock, cut } = pair
    const channel = await openOf(pair)
    const reason = ends(left)
    cut()
    await clock.play(1_000)
    channel.send(new Uint8Array(1))
    await clock.play(6_998)
    expect(clock.pending).toBeGreaterThan(0)
    await clock.play(2)
    expect(await reason).toMatchObject({ code: 'ERR_LINK_TIMEOUT', by: 'failure' })
  })

  it('gives what was sent the time that a slow line takes for it', async () => {
    const pair = await ready()
    const { left, clock, cut } = pair
    const channel = await openOf(pair)
    const reason = ends(left)
    cut()
    for (let frame = 0; frame < 3; frame++) channel.send(new Uint8Array(16_000))
    await clock.play(12_998)
    expect(clock.pending).toBeGreaterThan(0)
    await clock.play(2)
    expect(await reason).toMatchObject({ code: 'ERR_LINK_TIMEOUT' })
  })

  it('leaves a link alone over which one side sends, and pings it no more than its time', async () => {
    const pair = await ready()
    const { left, right, clock } = pair
    const channel = await openOf(pair)
    let closed = false
    left.on('close', () => {
      closed = true
    })
    for (let second = 0; second < 60; second++) {
      channel.send(new Uint8Array(100))
      await clock.play(1_000)
    }
    expect(closed).toBe(false)
    await Promise.all([left.close(), right.close()])
    await settle()
    expect(clock.pending).toBe(0)
  })

  it('leaves an idle link alone whose remote answers, and no timer after the end', async () => {
    const { left, right, clock } = await ready()
    let closed = false
    left.on('close', () => {
      closed = true
    })
    await clock.play(120_000)
    expect([closed, left.rtt, right.rtt]).toEqual([false, 0, 0])
    await Promise.all([left.close(), right.close()])
    await settle()
    expect(clock.pending).toBe(0)
  })

  it('rejects a ping that is not answered in time', async () => {
    const { left, clock, cut } = await ready()
    cut()
    const ping = left.ping(1_000).catch((error: unknown) => error)
    await clock.play(1_000)
    expect(await ping).toMatchObject({ code: 'ERR_TIMEOUT' })
  })

  it('tells a stream that broke without a goodbye', async () => {
    const { left, right, breakUp } = await ready()
    const reasons = Promise.all([ends(left), ends(right)])
    breakUp()
    expect(await reasons).toMatchObject([
      { code: 'ERR_LINK_LOST', by: 'failure' },
      { code: 'ERR_LINK_LOST', by: 'failure' },
    ])
    await left.close()
  })

  it('does not wait for ever for a remote that does not read what is left', async () => {
    const { left, clock, stall } = await ready()
    stall()
    let closed = false
    const closing = left.close().then(() => {
      closed = true
    })
    await clock.play(2_999)
    expect(closed).toBe(false)
    await clock.play(1)
    await closing
  })
})
