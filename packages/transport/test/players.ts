// What the tests of the pool's machine share: names, candidates, and the words for asking.

import { type Candidate, createIdentity, createTopic, type PeerId, parseAddress, type TopicId } from '@hearsay/core'
import type { Player } from './pool-world.js'

export const topic: TopicId = createTopic('machine').id

/** So many fresh names, in order: of two the first decides. */
export function peerIds(count: number): PeerId[] {
  return Array.from({ length: count }, () => createIdentity().id).sort()
}

export const candidate = (addresses: string[], more: Partial<Candidate> = {}): Candidate => ({
  peer: null,
  addresses: addresses.map(parseAddress),
  source: 'test',
  ...more,
})

export function want(player: Player, target: Candidate, priority = 0, wanted: TopicId = topic): void {
  player.input({ type: 'want', target, topic: wanted, priority })
}

export function connect(player: Player, address: string, request = 1): void {
  player.input({ type: 'connect', request, peer: null, address: parseAddress(address) })
}

/** How the player's requests by hand came out. */
export const settled = (player: Player): unknown[] =>
  player.outputs.flatMap((output) => (output.type === 'settled' ? [output.result] : []))
