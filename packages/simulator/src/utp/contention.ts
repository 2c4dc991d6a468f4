// Senders that share a link that is narrower than they would like: what each of them gets of it, and how long the queue is.

import { LossBasedFlow } from './loss-based.js'
import type { PacketLinkOptions } from './wire.js'
import { UtpWorld } from './world.js'

const SECOND = 1e6
/** 20 Mbit/s, 40 ms there and back, and a queue that is four times as deep as uTP wants it. */
const BOTTLENECK = Object.freeze({ rate: 20e6, delayUs: 20_000, queueBytes: 1_000_000 } satisfies PacketLinkOptions)
/** Bytes that the applications write: more than they can send. */
const PLENTY = 400e6
const LOSS_BASED = 'loss-based'

export interface ContentionOptions {
  readonly seconds: number
  /** When each sender of uTP starts, in seconds. */
  readonly startsAt: readonly number[]
  /** When a flow starts that only loss can slow down. @default none does */
  readonly lossBasedAt?: number
  /** The link that all share. @default 20 Mbit/s, 20 ms one way, 1 MB of queue */
  readonly bottleneck?: PacketLinkOptions
}

export interface ContentionSample {
  /** Seconds. */
  readonly at: number
  /** How long the last packet waited. */
  readonly queueMs: number
  /** Bytes of each uTP sender that have arrived so far, and, if there is one, of the flow that only loss slows down. */
  readonly received: readonly number[]
}

/** Runs them all in virtual time; a sample each 100 ms. */
export function contend(options: ContentionOptions): readonly ContentionSample[] {
  const { seconds, startsAt, lossBasedAt, bottleneck = BOTTLENECK } = options
  const world = new UtpWorld(1, { delayUs: bottleneck.delayUs ?? 0 })
  world.pieceBytes = 65_536
  world.isChecking = false
  const names = startsAt.map((_, index) => `sender${index}`)
  const wire = world.share([...names, LOSS_BASED], 'receiver', bottleneck)
  const receiver = world.host('receiver')
  for (const [index, at] of startsAt.entries()) {
    world.at(at * SECOND, () =>
      world
        .host(names[index] ?? '')
        .dial(receiver)
        .write(PLENTY),
    )
  }
  const rival = lossBasedAt === undefined ? null : new LossBasedFlow(world, wire)
  if (rival) world.at((lossBasedAt ?? 0) * SECOND, () => rival.start())
  const samples: ContentionSample[] = []
  const measure = (): void => {
    const received = names.map((name) => receiver.accepted.find(({ remote }) => remote?.host === name)?.received ?? 0)
    if (rival) received.push(rival.received)
    samples.push({ at: world.now / SECOND, queueMs: wire.queueUs / 1_000, received })
    world.at(world.now + SECOND / 10, measure)
  }
  world.at(0, measure)
  world.run(seconds * SECOND)
  return samples
}

/** Bits a second that each sender got between two times, in seconds. */
export function ratesOf(samples: readonly ContentionSample[], from: number, to: number): readonly number[] {
  const during = samples.filter(({ at }) => at >= from && at <= to)
  const [first, last] = [during[0], during.at(-1)]
  if (!first || !last || first === last) return []
  return last.received.map((bytes, index) => ((bytes - (first.received[index] ?? 0)) * 8) / (last.at - first.at))
}
