// The whole stack in one call.

import type { NamedEncodings, Room } from '@hearsay/gossip'
import type { JoinOptions, NamedJoinOptions } from './join-options.js'
import { createNode } from './node.js'
import type { NodeOptions } from './options.js'

/**
 * Joins a topic with a node of its own, which closes with the room. Without options the environment decides which
 * discoveries are used (`HEARSAY_BOOTSTRAP`, `HEARSAY_NO_DHT`, …).
 *
 * @example
 * const room = await join('lobby')
 * await room.publish('hello')
 */
export async function join<Name extends keyof NamedEncodings>(
  topic: string | Uint8Array,
  options: NodeOptions & NamedJoinOptions<Name>,
): Promise<Room<NamedEncodings[Name]>>
export async function join<T = unknown>(
  topic: string | Uint8Array,
  options?: NodeOptions & JoinOptions<T>,
): Promise<Room<T>>
export async function join(topic: string | Uint8Array, options: NodeOptions = {}): Promise<Room<never>> {
  const node = createNode(options)
  try {
    return (await node.join(topic, { ...options, closeNode: true })) as Room<never>
  } catch (error) {
    await node.close()
    throw error
  }
}
