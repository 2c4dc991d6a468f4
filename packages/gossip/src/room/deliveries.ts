// What the machine tells of messages, as deliveries. Spelt out: a copy by spread takes ten times as long (V8 12), and each message
// is copied here.

import type { Delivery, PeerId } from '@hearsay/core'

export function received(delivery: Omit<Delivery, 'receivedAt'>, receivedAt: number): Delivery {
  const { author, epoch, seq, time, hops, via, payload, unheard } = delivery
  return { author, epoch, seq, time, receivedAt, hops, via, payload, unheard }
}

/** This node's own, as published at one time, from one number on. */
export function published(
  payloads: readonly Uint8Array[],
  { author, epoch, from, time }: { author: PeerId; epoch: number; from: number; time: number },
): Delivery[] {
  return payloads.map((payload, index) => {
    return { author, epoch, seq: from + index, time, receivedAt: time, hops: 0, via: null, payload }
  })
}
