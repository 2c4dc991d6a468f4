// The topic's channel on every link: offered to each, open where the remote knows the topic too. Nothing is said on a
// channel before the remote has proved that it knows the topic, and who does not know it cannot even name the channel.

import {
  type Channel,
  type ChannelName,
  type Crypto,
  channelId,
  channelProof,
  type Link,
  type Topic,
} from '@hearsay/core'
import type { PeerHandle } from './engine.js'

const PROTOCOL = 'hearsay/room/1'

/** What the owner wants to hear. */
export interface TopicChannelHandlers {
  onUp(peer: PeerHandle, open: OpenChannel): void
  onDown(peer: PeerHandle): void
  onFrame(peer: PeerHandle, frame: Uint8Array): void
  onDrain(peer: PeerHandle): void
}

export interface OpenChannel {
  readonly link: Link
  readonly channel: Channel
}

interface Offer {
  readonly link: Link
  readonly id: Uint8Array
  readonly stop: () => void
  channel: Channel | null
}

export class TopicChannels {
  readonly #topic: Topic
  readonly #crypto: Crypto
  readonly #handlers: TopicChannelHandlers
  readonly #offers = new Map<Link, Offer>()
  readonly #open = new Map<PeerHandle, OpenChannel>()
  #nextHandle = 1

  constructor(topic: Topic, crypto: Crypto, handlers: TopicChannelHandlers) {
    this.#topic = topic
    this.#crypto = crypto
    this.#handlers = handlers
  }

  get(peer: PeerHandle): OpenChannel | undefined {
    return this.#open.get(peer)
  }

  *[Symbol.iterator](): Generator<OpenChannel> {
    yield* this.#open.values()
  }

  /** Offers the topic on this link, now and whenever the remote joins it later. */
  add(link: Link): void {
    if (this.#offers.has(link)) return
    const id = channelId(this.#topic, link.handshakeHash, this.#crypto)
    const stopOffers = link.on('channel', (name) => {
      if (isName(name, id)) this.#openOn(offer)
    })
    const stopClose = link.on('close', () => this.#forget(offer))
    const stop = (): void => {
      stopOffers()
      stopClose()
    }
    const offer: Offer = { link, id, stop, channel: null }
    this.#offers.set(link, offer)
    this.#openOn(offer)
  }

  /** Says goodbye on each channel; the links stay. */
  close(): void {
    for (const offer of [...this.#offers.values()]) {
      const { channel } = offer
      this.#forget(offer)
      channel?.close()
    }
  }

  #openOn(offer: Offer): void {
    if (offer.channel) return
    const { link, id } = offer
    const handshake = channelProof(this.#topic, link, this.#crypto)
    try {
      offer.channel = link.openChannel({ protocol: PROTOCOL, id, handshake })
    } catch {
      // The link has ended, or somebody else of this process holds the topic's channel: its close event or offer comes.
      return
    }
    this.#listen(offer, offer.channel)
  }

  #listen(offer: Offer, channel: Channel): void {
    const peer = this.#nextHandle++
    channel.on('open', (proof) => {
      if (this.#isProof(offer.link, proof)) this.#rise(peer, { link: offer.link, channel })
      else void offer.link.close({ code: 'ERR_TOPIC_PROOF', message: 'wrong proof of the topic' })
    })
    channel.on('frame', (frame) => {
      if (this.#open.has(peer)) this.#handlers.onFrame(peer, frame)
    })
    channel.on('drain', () => this.#handlers.onDrain(peer))
    channel.on('close', () => {
      if (offer.channel === channel) offer.channel = null
      if (this.#open.delete(peer)) this.#handlers.onDown(peer)
    })
  }

  #rise(peer: PeerHandle, open: OpenChannel): void {
    this.#open.set(peer, open)
    this.#handlers.onUp(peer, open)
  }

  #isProof(link: Link, proof: Uint8Array): boolean {
    const side = { initiator: !link.initiator, handshakeHash: link.handshakeHash }
    const expected = channelProof(this.#topic, side, this.#crypto)
    return proof.byteLength === expected.byteLength && expected.every((byte, index) => byte === proof[index])
  }

  #forget(offer: Offer): void {
    offer.stop()
    this.#offers.delete(offer.link)
  }
}

function isName(name: ChannelName, id: Uint8Array): boolean {
  return (
    name.protocol === PROTOCOL &&
    name.id?.byteLength === id.byteLength &&
    id.every((byte, index) => byte === name.id?.[index])
  )
}
