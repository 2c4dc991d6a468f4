// A topic's channel on every link: offered to each, open where the remote knows the topic too. Nothing is said on a
// channel before the remote has proved that it knows the topic, and who does not know it cannot even name the channel.
// What is said afterwards is the affair of the protocol whose channels these are.

import { sameBytes } from './bytes.js'
import type { Crypto } from './contracts/crypto.js'
import type { Channel, ChannelName, Link } from './contracts/link.js'
import { channelId, channelProof, type Topic } from './topic.js'

/** The owner's number for one open channel; never reused. */
export type ChannelHandle = number

/** What the owner hears. */
export interface TopicChannelHandlers {
  /** The channel is open and the remote has proved that it knows the topic. */
  onUp(handle: ChannelHandle, open: OpenTopicChannel): void
  onDown(handle: ChannelHandle): void
  onFrame(handle: ChannelHandle, frame: Uint8Array): void
  onDrain(handle: ChannelHandle): void
  /** The remote has refused the channel, or left it: it does not speak this protocol about the topic, now at least. */
  onRefused?(link: Link): void
}

export interface OpenTopicChannel {
  readonly link: Link
  readonly channel: Channel
}

export interface TopicChannelsOptions {
  readonly topic: Topic
  /** Names the channels, such as `hearsay/room/1`. */
  readonly protocol: string
  readonly crypto: Crypto
  readonly handlers: TopicChannelHandlers
}

interface Offer {
  readonly link: Link
  readonly id: Uint8Array
  readonly stop: () => void
  channel: Channel | null
}

/** The channels of one topic and protocol. Iterating yields those that are open. */
export class TopicChannels {
  readonly #options: TopicChannelsOptions
  readonly #offers = new Map<Link, Offer>()
  readonly #open = new Map<ChannelHandle, OpenTopicChannel>()
  #nextHandle = 1

  constructor(options: TopicChannelsOptions) {
    this.#options = options
  }

  get(handle: ChannelHandle): OpenTopicChannel | undefined {
    return this.#open.get(handle)
  }

  *[Symbol.iterator](): Generator<OpenTopicChannel> {
    yield* this.#open.values()
  }

  /** Those that are open, with their numbers. */
  *entries(): Generator<OpenTopicChannel & { readonly handle: ChannelHandle }> {
    for (const [handle, open] of this.#open) yield { handle, ...open }
  }

  /** Offers the topic on this link, now and whenever the remote joins it later. A link may be given twice. */
  add(link: Link): void {
    if (this.#offers.has(link)) return
    const id = channelId(this.#options.topic, link.handshakeHash, this.#options.crypto)
    const stopOffers = link.on('channel', (name) => {
      if (this.#isOurs(name, id)) this.#openOn(offer)
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

  /** Those that the channel is offered on. */
  get links(): readonly Link[] {
    return [...this.#offers.keys()]
  }

  /** Says goodbye on the link's channel, and neither offers nor takes one there until the link is added again. */
  remove(link: Link): void {
    const offer = this.#offers.get(link)
    if (!offer) return
    const { channel } = offer
    this.#forget(offer)
    channel?.close()
  }

  /** Says goodbye on each channel; the links stay. */
  close(): void {
    for (const link of [...this.#offers.keys()]) this.remove(link)
  }

  #openOn(offer: Offer): void {
    if (offer.channel) return
    const { link, id } = offer
    const { topic, protocol, crypto } = this.#options
    try {
      offer.channel = link.openChannel({ protocol, id, handshake: channelProof(topic, link, crypto) })
    } catch {
      // The link has ended, or somebody else of this process holds the topic's channel: its close event or offer comes.
      return
    }
    this.#listen(offer, offer.channel)
  }

  #listen(offer: Offer, channel: Channel): void {
    const { handlers } = this.#options
    const handle = this.#nextHandle++
    channel.on('open', (proof) => {
      if (this.#isProof(offer.link, proof)) this.#rise(handle, { link: offer.link, channel })
      else void offer.link.close({ code: 'ERR_TOPIC_PROOF', message: 'wrong proof of the topic' })
    })
    channel.on('frame', (frame) => {
      if (this.#open.has(handle)) handlers.onFrame(handle, frame)
    })
    channel.on('drain', () => handlers.onDrain(handle))
    channel.on('close', () => {
      if (offer.channel === channel) offer.channel = null
      if (this.#open.delete(handle)) handlers.onDown(handle)
      if (this.#offers.get(offer.link) === offer && !offer.channel) handlers.onRefused?.(offer.link)
    })
  }

  #rise(handle: ChannelHandle, open: OpenTopicChannel): void {
    this.#open.set(handle, open)
    this.#options.handlers.onUp(handle, open)
  }

  #isProof(link: Link, proof: Uint8Array): boolean {
    const side = { initiator: !link.initiator, handshakeHash: link.handshakeHash }
    return sameBytes(proof, channelProof(this.#options.topic, side, this.#options.crypto))
  }

  #isOurs({ protocol, id }: ChannelName, own: Uint8Array): boolean {
    return protocol === this.#options.protocol && id !== undefined && sameBytes(id, own)
  }

  #forget(offer: Offer): void {
    offer.stop()
    this.#offers.delete(offer.link)
  }
}
