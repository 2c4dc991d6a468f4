// What both kinds of WebSocket stream say and take alike, of Node and of browsers.

/** Bytes of the largest message that we send, and that we take: the part of a stream that has to be in memory at once. */
export const MAX_MESSAGE_BYTES: number = 64 * 1024
export const NORMAL_CLOSURE = 1000
/** How a remote may say that it has sent everything: done, going away, without a reason. */
export const GOODBYES: ReadonlySet<number> = new Set([NORMAL_CLOSURE, 1001, 1005])
