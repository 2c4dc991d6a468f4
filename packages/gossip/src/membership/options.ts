// The bounds of one room's membership, with their defaults, resolved once.

import { GossipError } from '../errors.js'
import { withDefaults } from '../options.js'

/** How many peers a node keeps; each is a whole number. */
export interface MembershipLimits {
  /** Active peers below which a node is in need: its wish to be a neighbour is urgent. @default 5 */
  readonly low: number
  /** Active peers that a node looks for. @default 8 */
  readonly target: number
  /** Active peers at most. @default 12 */
  readonly high: number
  /** Others known up to which everybody is linked with everybody; at most `high`. @default 9 */
  readonly mesh: number
  /** Peers that are remembered and not linked. @default 48 */
  readonly passive: number
}

export const DEFAULT_MEMBERSHIP: MembershipLimits = Object.freeze({
  low: 5,
  target: 8,
  high: 12,
  mesh: 9,
  passive: 48,
} satisfies MembershipLimits)

/** Active peers that were dialled by this node, at least: nobody who dials it can take their places. */
export const DIALLED = 3
/** The oldest of the active peers that were not chosen for being near: they hold the overlay together. */
export const RANDOM = 4

/**
 * Limits for a room that wants at least `minPeers` and a node that has at most `maxLinks` links. Throws `ERR_OPTION` for
 * limits that contradict each other.
 */
export function resolveMembership(
  given: Partial<MembershipLimits> = {},
  node: { readonly minPeers?: number; readonly maxLinks?: number } = {},
): MembershipLimits {
  const { minPeers = 0, maxLinks = Number.MAX_SAFE_INTEGER } = node
  const wished = withDefaults(DEFAULT_MEMBERSHIP, given)
  const target = Math.min(maxLinks, Math.max(wished.target, minPeers))
  const high = Math.min(maxLinks, Math.max(wished.high, minPeers + wished.high - wished.target))
  const low = Math.min(target, Math.max(wished.low, minPeers))
  const limits = { ...wished, low, target, high, mesh: Math.min(high, wished.mesh) }
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new GossipError('ERR_OPTION', `${name} is ${value}`)
  }
  if (limits.target > limits.high) throw new GossipError('ERR_OPTION', `target ${target} is above high ${high}`)
  return Object.freeze(limits)
}
