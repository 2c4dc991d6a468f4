// Real nodes on loopback that know each other by address only.

import { createNode, type Message, type Node, type NodeOptions, printAddress, type Room, seeds } from '../src/index.js'

export const TOPIC = 'test'

/** A node on loopback with no discovery but these addresses. */
export function localNode(options: NodeOptions & { readonly dial?: readonly Node[] } = {}): Node {
  const { dial = [], ...rest } = options
  const addresses = dial.map(addressOf)
  return createNode({ host: '127.0.0.1', discovery: addresses.length > 0 ? [seeds(addresses)] : [], ...rest })
}

export function addressOf(node: Node): string {
  const [address] = node.addresses
  if (!address) throw new Error('the node does not listen')
  return printAddress(address)
}

/** The first `count` messages of the room. */
export async function take<T>(room: Room<T>, count: number): Promise<Message<T>[]> {
  const taken: Message<T>[] = []
  if (count === 0) return taken
  for await (const message of room) if (taken.push(message) === count) break
  return taken
}

/** Waits for one event. */
export function next<Args extends readonly unknown[]>(
  on: (listener: (...args: Args) => void) => unknown,
): Promise<Args> {
  return new Promise((resolve) => on((...args) => resolve(args)))
}
