// Random overlays: who is linked to whom, and how far apart they are.

import type { Random } from '@hearsay/core'

export type Edge = readonly [a: number, b: number]

/** A ring in random order, so that all are connected, and random chords up to `degree` links for each node on average. */
export function randomOverlay(nodes: readonly number[], degree: number, random: Random): Edge[] {
  const order = shuffled(nodes, random)
  const edges = new Map<string, Edge>()
  const add = (a: number, b: number): unknown => a !== b && edges.set(a < b ? `${a} ${b}` : `${b} ${a}`, [a, b])
  for (const [index, node] of order.entries()) add(node, order[(index + 1) % order.length] as number)
  const wanted = Math.min(Math.floor((nodes.length * degree) / 2), (nodes.length * (nodes.length - 1)) / 2)
  while (edges.size < wanted) add(pick(order, random), pick(order, random))
  return [...edges.values()]
}

/** One-way latency by region, in ms: within Europe, America, Asia, Oceania and between them, and a little for each link. */
const REGIONS_MS = [
  [8, 45, 90, 120],
  [45, 12, 75, 85],
  [90, 75, 20, 60],
  [120, 85, 60, 10],
] as const

/** How far two nodes are from each other; each node has its region for good. */
export function regionLatency(random: Random): (a: number, b: number) => number {
  const regions = new Map<number, number>()
  const regionOf = (node: number): number => {
    const region = regions.get(node) ?? random.below(REGIONS_MS.length)
    regions.set(node, region)
    return region
  }
  return (a, b) => (REGIONS_MS[regionOf(a)]?.[regionOf(b)] ?? 0) + random.below(8)
}

export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const order = [...items]
  for (let index = order.length - 1; index > 0; index--) {
    const other = random.below(index + 1)
    const item = order[index] as Item
    order[index] = order[other] as Item
    order[other] = item
  }
  return order
}

export function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[random.below(items.length)] as Item
}
