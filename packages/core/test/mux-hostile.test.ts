import { fileURLToPath } from 'node:url'
import { type CloseReason, createIdentity, type Link } from '@hearsay/core'
import { settle, virtualClock } from '@hearsay/core/memory'
import { establish, type MessageStream, type MuxLink, muxLink } from '@hearsay/core/mux'
import { describe, expect, it } from 'vitest'
import { runChild } from './child.js'
import { bytes, HOSTILE, hello, open } from './mux-bytes.js'
import { messagePair } from './mux-streams.js'

interface Victim {
  readonly link: MuxLink
  readonly established: Promise<unknown>
  readonly reason: Promise<CloseReason>
  /** The remote, which writes what it likes. */
  readonly remote: MessageStream
  readonly heard: Uint8Array[]
}

function victim(): Victim {
  const { near, far } = messagePair()
  const clock = virtualClock()
  const options = {
    remote: createIdentity().id,
    initiator: false,
    address: null,
    handshakeHash: new Uint8Array(32),
    clock,
  }
  const link = muxLink(near, options)
  const heard: Uint8Array[] = []
  far.on('data', (message) => heard.push(message))
  const established = establish(link, { network: 'test', clock }).catch((error: unknown) => error)
  return { link, established, reason: new Promise((resolve) => link.on('close', resolve)), remote: far, heard }
}

async function greeted(): Promise<Victim> {
  const it = victim()
  it.remote.write(hello())
  await it.established
  await settle()
  return it
}

/** Opens protocol `t` on both sides, with a window of 262,144 for the remote. */
async function opened({ link, remote }: Victim): Promise<ReturnType<Link['openChannel']>> {
  const channel = link.openChannel({ protocol: 't' })
  remote.write(open(2))
  await settle()
  return channel
}

describe('a link whose remote is hostile', () => {
  it.each(HOSTILE)('ends after %s, and says so', async (_what, message, code) => {
    const it = await greeted()
    it.remote.write(message)
    expect(await it.reason).toMatchObject({ code, by: 'failure' })
    await settle()
    expect(it.heard.some((heard) => Buffer.from(heard).includes(code))).toBe(true)
  })

  it.each([
    ['a ping', bytes(1, 0, 0, new Uint8Array(8))],
    ['an open of another protocol', bytes(0, 1, 1, 1, 't', 0, 100)],
    ['a hello under another id', bytes(0, 1, 2, 14, 'hearsay/link/1', 0, 0, 3, 1, new Uint8Array(33))],
    ['a hello with a channel id', bytes(0, 1, 1, 14, 'hearsay/link/1', 1, 1, 0, 3, 1, new Uint8Array(33))],
    ['a hello cut short', hello().subarray(0, 30)],
    ['a hello of no kind', bytes(0, 1, 1, 14, 'hearsay/link/1', 0, 0, 7)],
    ['a close', bytes(0, 3, 2)],
  ])('ends when it begins with %s instead of a hello', async (_what, message) => {
    const it = victim()
    it.remote.write(message)
    expect(await it.reason).toMatchObject({ code: 'ERR_PROTOCOL', by: 'failure' })
  })

  it.each([
    ['of another version', hello(2)],
    ['of another network', hello().map((byte, at) => (at === 30 ? byte ^ 1 : byte))],
  ])('ends with ERR_HANDSHAKE after a hello %s', async (_what, message) => {
    const it = victim()
    it.remote.write(message)
    expect(await it.established).toMatchObject({ code: 'ERR_HANDSHAKE' })
    expect(await it.reason).toMatchObject({ code: 'ERR_HANDSHAKE', by: 'failure' })
  })

  it('ends when a frame comes although the window was used up, not one frame earlier', async () => {
    const it = await greeted()
    const channel = await opened(it)
    let frames = 0
    channel.on('frame', () => frames++)
    channel.setFlowing(false)
    it.remote.write(bytes(2, 0, new Uint8Array(262_143)))
    it.remote.write(bytes(2, 0, new Uint8Array(500_000)))
    await settle()
    expect([frames, channel.window]).toEqual([2, 100])
    it.remote.write(bytes(2, 0))
    expect(await it.reason).toMatchObject({ code: 'ERR_PROTOCOL' })
    expect(frames).toBe(2)
  })

  it('ends when its credits overflow what can be counted', async () => {
    const it = await greeted()
    const channel = await opened(it)
    it.remote.write(bytes(2, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0))
    expect(await it.reason).toMatchObject({ code: 'ERR_PROTOCOL' })
    expect(channel.window).toBe(0)
  })

  it('answers at most one of many pings whose answers are not read', async () => {
    const it = await greeted()
    it.remote.pause()
    const channel = await opened(it)
    it.remote.write(bytes(2, 1, 0xfe, 0, 0, 0x80, 0))
    await settle()
    for (let sent = 0; sent < 3; sent++) channel.send(new Uint8Array(600_000))
    for (let sent = 0; sent < 1_000; sent++) it.remote.write(bytes(1, 0, 0, new Uint8Array(8)))
    await settle()
    it.remote.resume()
    await settle()
    expect(it.heard.filter((message) => message[0] === 1 && message[2] === 1)).toHaveLength(1)
  })

  it('ends when channels are opened for ever and no refusal is read', async () => {
    const it = await greeted()
    it.remote.pause()
    const channel = await opened(it)
    it.remote.write(bytes(2, 1, 0xfe, 0, 0, 0x80, 0))
    await settle()
    for (let sent = 0; sent < 3; sent++) channel.send(new Uint8Array(600_000))
    for (let sent = 0; sent < 1_025; sent++) it.remote.write(bytes(0, 1, 3, 1, 'u', 0, 100))
    expect(await it.reason).toMatchObject({ code: 'ERR_PROTOCOL' })
  })

  it('takes an honest batch apart', async () => {
    const it = await greeted()
    const frames: number[][] = []
    it.link.on('channel', (name) => {
      it.link.openChannel(name).on('frame', (frame) => frames.push([...frame]))
    })
    it.remote.write(bytes(0, 0, 0, 6, open(2).subarray(1), 0, 2, 2, 0, 7, 3, 0, 8, 9, 0, 0, 2, 3, 2))
    await settle()
    expect(frames).toEqual([[7], [8, 9]])
    expect(await Promise.race([it.reason, settle()])).toBeUndefined()
  })

  it('never ends the process, whatever comes in whatever order', { timeout: 60_000 }, async () => {
    const child = await runChild(fileURLToPath(new URL('mux-hostile.child.ts', import.meta.url)), 50_000)
    expect(child.stderr).toBe('')
    expect(child).toMatchObject({ code: 0, stdout: 'alive\n' })
  })
})
