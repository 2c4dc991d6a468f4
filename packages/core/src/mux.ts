// @hearsay/core/mux: a link over any stream of whole messages.

export { type Hello, LINK_PROTOCOL, LINK_VERSION, MAX_GOODBYE_EXTRA_BYTES, networkId } from './mux/control.js'
export { ESTABLISH_TIMEOUT_MS, type EstablishOptions, establish } from './mux/establish.js'
export { type MuxLink, type MuxLinkOptions, muxLink } from './mux/link.js'
export type { MessageStream } from './mux/message-stream.js'
export { DEFAULT_MUX_LIMITS, type MuxLimits } from './mux/options.js'
