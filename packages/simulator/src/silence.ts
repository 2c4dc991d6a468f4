// How long it takes until a host that is gone without a word is missed, in ms from and to: 0.7 of a link's ping interval of 10 s after
// what is said to it next (core/mux/liveness.ts), and a room says something to every neighbour about once a second. Nothing here
// models links that carry nothing, which take up to 25 s.
export const SILENCE_MS = [7_000, 8_000] as const
