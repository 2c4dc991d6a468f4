// Numbers that wrap around: sequence numbers and connection ids modulo 2^16, microseconds modulo 2^32.

export const SEQUENCE_MASK = 0xffff

/** `number + by` modulo 2^16; `by` may be negative. */
export function advance(number: number, by = 1): number {
  return (number + by) & SEQUENCE_MASK
}

/** How many steps lead from `from` forward to `to`: 0 to 65,535. */
export function distance(from: number, to: number): number {
  return (to - from) & SEQUENCE_MASK
}

/** How much later `to` is than `from`, both modulo 2^32: negative if it is earlier. */
export function elapsed32(from: number, to: number): number {
  return (to - from) | 0
}
