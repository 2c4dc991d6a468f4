import { it } from 'vitest'
import { decodeFrame, flood, trees } from '../src/machine.js'
import { World } from './seeded-world.js'
const SIZES = [0, 1, 40, 900, 4_000, 4_200, 16_000, 20_000, 100_000, 1_000_000]
it('debug', () => {
  const seed = 7
  const counter = { next: seed }
  const count = 3 + (seed % 6)
  const kind = seed % 3
  const engines = Array.from({ length: count }, () => (kind === 0 ? flood : kind === 1 ? trees : counter.next++ % 2 ? flood : trees)())
  const world = new World(seed, engines) as any
  const { random, size } = world
  const connect = (a: number, b: number): void => {
    if (a === b || world.linked(a, b)) return
    random.below(1)
    world.link(a, b, { latencyMs: 0.1 + random.below(600) / 7, bytesPerMs: 1e4 })
  }
  for (let node = 0; node < size; node++) connect(node, (node + 1) % size)
  for (let chord = random.below(size); chord > 0; chord--) connect(random.below(size), random.below(size))
  for (let turn = 0; turn < 60; turn++) {
    const node = random.below(world.size)
    const sizes = Array.from({ length: 1 + random.below(4) }, () => SIZES[random.below(SIZES.length - 1)] as number)
    world.at(500 + random.below(20000 - 500) + random.below(10) / 10, () => { if (world.now > 6000 && world.now < 8600) console.log(world.now.toFixed(1), 'publish', node, sizes.join()); world.publish(node, sizes) })
  }
  for (let turn = 0; turn < 30; turn++) {
    const again = world.random.below(4)
    world.at(1_000 + world.random.below(20_000), () => {
      const up = world.links.filter((link: any) => link.up)
      const link = up[world.random.below(up.length || 1)]
      if (!link) return
      console.log(world.now.toFixed(1), 'cut', link.ends.join())
      world.cut(link)
      world.at(world.now + 50 + again * 700, () => {
        if (!world.linked(...link.ends)) { console.log(world.now.toFixed(1), 'again', link.ends.join()); world.link(...link.ends) }
      })
    })
  }
  world.onSend = (from: number, to: number, frame: Uint8Array) => {
    if (world.now < 6500 || world.now > 8700) return
    const f = decodeFrame(frame) as any
    if (f.type === 'part') { if (f.index === 0) console.log(world.now.toFixed(1), from, '->', to, 'part', f.name, f.first, f.index); return }
    if (f.type === 'head') return console.log(world.now.toFixed(1), from, '->', to, 'head', f.head[2] , f.parts, f.head.length)
    if (f.type === 'record' || f.type === 'ack') return console.log(world.now.toFixed(1), from, '->', to, f.type, f.from ?? '', f.to ?? '', f.record?.[3], f.record?.length)
    console.log(world.now.toFixed(1), from, '->', to, JSON.stringify({ ...f, author: undefined }).slice(0, 150))
  }
  world.run(8_700)
  console.log(world.gaps)
})
