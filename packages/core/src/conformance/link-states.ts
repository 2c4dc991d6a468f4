// How cases bring two links into a state: channels open on both sides, windows used up, frames collected.

import type { Channel, ChannelEvents, ChannelName, Link, LinkEvents } from '../contracts/link.js'
import { Collected, nextEvent } from './events.js'

/** Two ends of one link. */
export interface LinkFixture {
  /** The side that dialled. */
  readonly a: Link
  readonly b: Link
  /** @default 1 MiB less 64 bytes */
  readonly frameLimit?: number
  /** Frees what the links stand on; they may have ended. */
  close(): Promise<void>
}

/** A window beyond this bounds nothing. */
const MAX_WINDOW_BYTES = 16 * 1024 * 1024

export const DEFAULT_FRAME_LIMIT_BYTES: number = 1024 * 1024 - 64

/** The next event of that name on a link. */
export function nextOfLink<Name extends keyof LinkEvents>(link: Link, name: Name): Promise<LinkEvents[Name]> {
  return nextEvent<LinkEvents, Name>(link, name)
}

/** The next event of that name on a channel. */
export function nextOf<Name extends keyof ChannelEvents>(channel: Channel, name: Name): Promise<ChannelEvents[Name]> {
  return nextEvent<ChannelEvents, Name>(channel, name)
}

export interface Accepted {
  readonly channel: Channel
  /** The remote's handshake, once it has come. */
  readonly handshake: Promise<Uint8Array>
  readonly frames: Collected<number[]>
}

/** Opens every channel that the remote opens. */
export function acceptAll(link: Link, handshake?: Uint8Array): Collected<Accepted> {
  const accepted = new Collected<Accepted>()
  link.on('channel', (name) => {
    const channel = link.openChannel(handshake ? { ...name, handshake } : name)
    const heard = nextOf(channel, 'open').then(([bytes]) => bytes.slice())
    accepted.add({ channel, handshake: heard, frames: collectFrames(channel) })
  })
  return accepted
}

/** The channel of that name, open on both sides. */
export async function openBoth(a: Link, b: Link, name: ChannelName): Promise<{ near: Channel; far: Channel }> {
  const near = a.openChannel(name)
  const far = b.openChannel(name)
  await Promise.all([nextOf(near, 'open'), nextOf(far, 'open')])
  return { near, far }
}

/** Copies of the frames that come from now on. */
export function collectFrames(channel: Channel): Collected<number[]> {
  const frames = new Collected<number[]>()
  channel.on('frame', (frame) => frames.add([...frame]))
  return frames
}

/** Sends one frame and waits until it is there; all that was sent before on the link is there too. */
export async function pass(from: Channel, to: Channel): Promise<void> {
  const arrived = nextOf(to, 'frame')
  if (!from.send(Uint8Array.of(1))) throw new Error('the frame was not sent')
  await arrived
}

/** Sends frames until the channel takes no more; answers how many bytes it took. */
export function fillWindow(channel: Channel, bytes: number): number {
  let sent = 0
  while (sent < MAX_WINDOW_BYTES && channel.send(new Uint8Array(bytes))) sent += bytes
  return sent
}

/** Sends frames as fast as the window allows. */
export async function sendAll(channel: Channel, batch: { frames: number; bytes: number }): Promise<void> {
  let left = batch.frames
  while (left > 0) {
    const drained = nextOf(channel, 'drain')
    while (left > 0 && channel.send(new Uint8Array(batch.bytes))) left--
    if (left > 0) await drained
  }
}
