// Our side of the channel that every link opens first. It sends what control.ts spells and hands on what the remote says;
// what that means for the link is the link's affair.

import type { Farewell, Hello } from './control.js'
import {
  type Control,
  decodeControl,
  decodeGreeting,
  encodeGoodbye,
  encodeHello,
  encodePing,
  encodePong,
  type Greeting,
  LINK_PROTOCOL,
} from './control.js'
import type { Multiplexer, Session } from './multiplexer.js'

export interface ControlEvents {
  readonly onGreeting: (greeting: Greeting) => void
  readonly onControl: (control: Control) => void
  /** The remote refuses the channel that every link must have. */
  readonly onRefused: () => void
}

export class ControlChannel {
  readonly #mux: Multiplexer
  readonly #events: ControlEvents
  #session: Session | null = null
  /** The last ping that came while the stream was full: the only one that is answered, so that pongs cannot pile up. */
  #owed: Uint8Array | null = null

  constructor(mux: Multiplexer, events: ControlEvents) {
    this.#mux = mux
    this.#events = events
  }

  hello(hello: Hello): void {
    this.#open(encodeHello(hello))
  }

  /** In place of the hello, if that has not been said. */
  goodbye(farewell: Farewell): void {
    const bytes = encodeGoodbye(farewell)
    if (this.#session) this.#session.sendFrame(bytes)
    else this.#open(bytes)
  }

  ping(nonce: Uint8Array): void {
    this.#session?.sendFrame(encodePing(nonce))
  }

  pong(nonce: Uint8Array): void {
    this.#owed = nonce
    this.#answer()
  }

  #answer(): void {
    if (!this.#owed || !this.#mux.drained) return
    this.#session?.sendFrame(encodePong(this.#owed))
    this.#owed = null
  }

  #open(handshake: Uint8Array): void {
    // This channel has no window: its frames are few, and what replies to the remote waits for the stream.
    const opening = { window: 0, handshake }
    this.#session = this.#mux.open({ protocol: LINK_PROTOCOL }, opening, {
      onOpen: (remote) => this.#events.onGreeting(decodeGreeting(remote.handshake)),
      onFrame: (frame) => this.#events.onControl(decodeControl(frame)),
      onCredit: () => {},
      onClose: () => this.#events.onRefused(),
      onDrain: () => this.#answer(),
    })
  }
}
