// Every place where this package gets a raw stream, and every moment at which one can fail there: the table that
// socket-faults.child.ts plays and socket-faults.test.ts checks.

/** Where a raw stream comes from, and how it can be failed: in HyperDHT a stream has no handshake of ours. */
export const SITES = {
  'tcp dial': ['connected', 'handshake', 'authenticated', 'linked'],
  'tcp accept': ['connected', 'handshake', 'authenticated', 'linked'],
  'ws dial': ['connected', 'upgrade', 'upgraded', 'handshake', 'authenticated', 'linked'],
  'ws accept': ['connected', 'upgrade', 'upgraded', 'handshake', 'authenticated', 'linked'],
  'hyper dial': ['connected', 'authenticated', 'linked'],
  'hyper accept': ['connected', 'authenticated', 'linked'],
  'attach initiator': ['connected', 'handshake', 'authenticated', 'linked'],
  'attach responder': ['connected', 'handshake', 'authenticated', 'linked'],
} as const satisfies Readonly<Record<string, readonly Moment[]>>

export type Site = keyof typeof SITES

/**
 * Before the first byte; within a WebSocket upgrade, or right after it; when the site has sent, or got, the first message of
 * the handshake; when the remote has proved who it is and no hello was said; when there is a link.
 */
export type Moment = 'connected' | 'upgrade' | 'upgraded' | 'handshake' | 'authenticated' | 'linked'

/** A reset of the connection, which the other side gets as ECONNRESET; an error that the stream itself emits. */
export const WAYS = ['reset', 'error'] as const
export type Way = (typeof WAYS)[number]

/** A callback of the application that throws, on the side of the site. */
export const CALLBACKS = ['validatePeer', 'link', 'warning', 'channel'] as const
export type Callback = (typeof CALLBACKS)[number]

export interface Case {
  readonly site: Site
  readonly fault: string
}

export const CASES: readonly Case[] = (Object.keys(SITES) as Site[]).flatMap((site) => [
  ...SITES[site].flatMap((moment) => WAYS.map((way) => ({ site, fault: `${way} ${moment}` }))),
  ...CALLBACKS.map((callback) => ({ site, fault: `throw ${callback}` })),
])
