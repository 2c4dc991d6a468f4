// Who is linked with whom, the same for every stack: a ring, so that all hang together, and chords from a seed.

/** Numbers in [0, 1) from a seed (mulberry32). */
export function numbersFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Links as [who dials, who is dialled]: `degree` of them a node on average, no two between the same nodes. */
export function graphOf({ nodes, degree, seed }) {
  const random = numbersFrom(seed)
  const links = new Map()
  const link = (one, other) => {
    const key = [one, other].sort((a, b) => a - b).join('-')
    if (one !== other && !links.has(key)) links.set(key, random() < 0.5 ? [one, other] : [other, one])
  }
  for (let node = 0; node < nodes; node++) link(node, (node + 1) % nodes)
  const wanted = Math.round((nodes * degree) / 2)
  while (links.size < wanted) link(Math.floor(random() * nodes), Math.floor(random() * nodes))
  return [...links.values()]
}
