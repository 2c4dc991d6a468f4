// A picture of one message's way through the room: the author in the middle, every node on the ring of its hop, a line to whom
// it had the message from, from green for the first delivery to red for the last. The same bytes for the same report.

import type { Propagation, Step } from './scenario/propagation.js'
import { escapeXml } from './xml.js'

const SIZE = 1_000
const MARGIN = 60
/** Hues of the first delivery and the last. */
const GREEN = 140

interface Spot {
  readonly x: number
  readonly y: number
}

/** An SVG document; `title` is shown above the picture. */
export function propagationSvg({ author, seq, steps }: Propagation, title: string): string {
  const spots = place(author, steps)
  const last = steps.reduce((most, { ms }) => Math.max(most, ms), 1)
  const colourOf = ({ ms }: Step): string => `hsl(${Math.round(GREEN - (GREEN * ms) / last)},80%,40%)`
  const lines = steps.flatMap((step) => {
    const [a, b] = [spots.get(step.from), spots.get(step.node)]
    return a && b ? [`<line x1="${a.x}" y1="${a.y}" x2="${b.x}" y2="${b.y}" stroke="${colourOf(step)}"/>`] : []
  })
  const dots = steps.flatMap((step) => {
    const spot = spots.get(step.node)
    const words = escapeXml(`node ${step.node}: ${Math.round(step.ms)} ms, ${step.hops} links`)
    return spot ? [dot(spot, { radius: 4, colour: colourOf(step), words })] : []
  })
  const middle = { x: SIZE / 2, y: SIZE / 2 }
  const about = `message ${seq} of node ${author}: ${steps.length} deliveries in ${Math.round(steps.length > 0 ? last : 0)} ms`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE} ${SIZE}" font-family="sans-serif" font-size="18">`,
    `<rect width="${SIZE}" height="${SIZE}" fill="white"/>`,
    `<text x="20" y="30">${escapeXml(title)}</text>`,
    `<text x="20" y="54">${escapeXml(about)}</text>`,
    `<g stroke-width="1" stroke-opacity="0.6">`,
    ...lines,
    '</g>',
    ...dots,
    dot(middle, { radius: 8, colour: 'black', words: escapeXml(`node ${author}: the author`) }),
    '</svg>',
    '',
  ].join('\n')
}

function dot({ x, y }: Spot, { radius, colour, words }: { radius: number; colour: string; words: string }): string {
  return `<circle cx="${x}" cy="${y}" r="${radius}" fill="${colour}"><title>${words}</title></circle>`
}

/** Each ring in the order of those it heard from, so that lines cross little. */
function place(author: number, steps: readonly Step[]): ReadonlyMap<number, Spot> {
  const rings = new Map<number, Step[]>()
  for (const step of steps) rings.set(step.hops, [...(rings.get(step.hops) ?? []), step])
  const hops = [...rings.keys()].sort((a, b) => a - b)
  const turns = new Map<number, number>([[author, 0]])
  const spots = new Map<number, Spot>([[author, { x: SIZE / 2, y: SIZE / 2 }]])
  for (const [index, hop] of hops.entries()) {
    const radius = ((SIZE / 2 - MARGIN) * (index + 1)) / hops.length
    const ring = [...(rings.get(hop) ?? [])].sort(
      (a, b) => (turns.get(a.from) ?? 0) - (turns.get(b.from) ?? 0) || a.node - b.node,
    )
    for (const [at, { node }] of ring.entries()) {
      const turn = (at + 0.5 * (index % 2)) / ring.length
      turns.set(node, turn)
      spots.set(node, onCircle(turn, radius))
    }
  }
  return spots
}

/** A point after that part of a turn: by halves of tangents, since sines need not be the same on every machine. */
function onCircle(turn: number, radius: number): Spot {
  const quarter = Math.floor(turn * 4) % 4
  const t = turn * 4 - Math.floor(turn * 4)
  const [cos, sin] = [(1 - t * t) / (1 + t * t), (2 * t) / (1 + t * t)]
  const [x, y] = (
    [
      [cos, sin],
      [-sin, cos],
      [-cos, -sin],
      [sin, -cos],
    ] as const
  )[quarter] ?? [1, 0]
  return { x: rounded(SIZE / 2 + radius * x), y: rounded(SIZE / 2 + radius * y) }
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
