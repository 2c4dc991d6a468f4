import { type PeerId, createAddressRecord, seededRandom } from '@hearsay/core'
import { expect, it } from 'vitest'
import { MembershipMachine, type MembershipInput, resolveMembership } from '../src/machine.js'
import { addressOf, identityOf } from './membership-scene.js'

function run(seed: number, n: number, maxLinks: number): string[] {
  const random = seededRandom(seed)
  let now = 0
  let order = 0
  const queue: { at: number; order: number; run: () => void }[] = []
  const after = (ms: number, run: () => void) => void queue.push({ at: now + ms, order: order++, run })
  const nodes = Array.from({ length: n }, (_, i) => {
    const id = identityOf(i).id
    return { i, id, wants: new Set<number>(), links: new Map<number, Link>(), wakeAt: null as number | null, asleep: false, carrying: new Set<number>() }
  })
  interface Link { h: [number, number]; ends: [number, number]; alive: boolean; lat: number; last: [number, number] }
  const byId = new Map(nodes.map((x) => [x.id, x.i]))
  const records = new Map(nodes.map((x) => [x.id, createAddressRecord(identityOf(x.i), { seq: 1, addresses: [addressOf(x.i)] })]))
  const machines = nodes.map((x) => new MembershipMachine({ self: x.id, random: seededRandom(seed * 1000 + x.i), limits: resolveMembership({}, { maxLinks }), recordOf: (p) => (x.links.has(byId.get(p)!) ? records.get(p)! : null) }))
  const handles = new Map<number, { link: Link; side: 0 | 1 }>()
  let nextHandle = 1
  const active = nodes.map(() => new Set<number>())
  function feed(i: number, input: MembershipInput) {
    for (const out of machines[i]!.handle(input, now)) {
      if (out.type === 'send') {
        const h = handles.get(out.handle); if (!h || !h.link.alive) continue
        const link = h.link, side = h.side
        const at = Math.max(link.last[side], now + link.lat + random.below(20)); link.last[side] = at
        const frame = Uint8Array.from(out.frame)
        queue.push({ at, order: order++, run: () => { if (link.alive) feed(link.ends[1 - side]!, { type: 'frame', handle: link.h[1 - side]!, frame }) } })
      } else if (out.type === 'want') {
        const j = out.candidate.peer === null ? -1 : byId.get(out.candidate.peer) ?? -1
        if (j >= 0) { nodes[i]!.wants.add(j); dial(i, j) }
      } else if (out.type === 'release') {
        const j = typeof out.peer === 'string' ? byId.get(out.peer) ?? -1 : -1
        nodes[i]!.wants.delete(j)
        const link = nodes[i]!.links.get(j)
        if (link && link.ends[0] === i) after(30_000, () => { if (link.alive && !nodes[i]!.wants.has(j)) cut(link, 'parted') })
      } else if (out.type === 'activate') { active[i]!.add(out.handle) } else if (out.type === 'deactivate') { active[i]!.delete(out.handle) }
      else if (out.type === 'wakeAt') {
        nodes[i]!.wakeAt = out.at; const at = out.at
        if (at !== null) after(Math.max(0, at - now), () => { if (nodes[i]!.wakeAt === at) { nodes[i]!.wakeAt = null; feed(i, { type: 'timer' }) } })
      } else if (out.type === 'refresh') { after(200, () => { const j = random.below(n); if (j !== i) feed(i, { type: 'candidate', candidate: { peer: nodes[j]!.id, addresses: [addressOf(j)], source: 'disc' } }) }) }
    }
  }
  const dialling = new Set<string>()
  function dial(i: number, j: number) {
    const key = `${i}/${j}`
    if (i === j || dialling.has(key)) return
    dialling.add(key)
    after(20 + random.below(200), () => {
      dialling.delete(key)
      if (nodes[i]!.links.has(j) || nodes[i]!.asleep || nodes[j]!.asleep || !nodes[i]!.wants.has(j)) return
      if (nodes[i]!.links.size >= maxLinks || nodes[j]!.links.size >= maxLinks) return
      const link: Link = { h: [nextHandle++, nextHandle++], ends: [i, j], alive: true, lat: 5 + random.below(150), last: [0, 0] }
      nodes[i]!.links.set(j, link); nodes[j]!.links.set(i, link)
      handles.set(link.h[0], { link, side: 0 }); handles.set(link.h[1], { link, side: 1 })
      const up = (side: 0 | 1) => feed(link.ends[side], { type: 'up', handle: link.h[side], remote: nodes[link.ends[1 - side]!]!.id, initiator: side === 0, address: addressOf(link.ends[1 - side]!) })
      up(0); after(0, () => { if (link.alive) up(1) })
    })
  }
  function cut(link: Link, why: 'lost' | 'parted') {
    link.alive = false
    for (const side of [0, 1] as const) {
      const me = link.ends[side], other = link.ends[1 - side]!
      if (nodes[me]!.links.get(other) === link) nodes[me]!.links.delete(other)
      active[me]!.delete(link.h[side])
      feed(me, { type: 'down', handle: link.h[side] })
      feed(me, { type: 'gone', remote: nodes[other]!.id, why })
      if (why === 'lost') after(500 + random.below(1000), () => { if (nodes[me]!.wants.has(other)) dial(me, other) })
    }
  }
  // everybody finds a few at the start
  for (const x of nodes) for (let k = 0; k < 4; k++) { const j = random.below(n); if (j !== x.i) after(random.below(3000), () => feed(x.i, { type: 'candidate', candidate: { peer: nodes[j]!.id, addresses: [addressOf(j)], source: 'disc' } })) }
  const chaosUntil = 120_000
  for (let t = 0; t < chaosUntil; t += 200) after(t, () => {
    const i = random.below(n); const x = nodes[i]!
    const kind = random.below(12)
    const links = [...x.links.values()]
    const link = links[random.below(Math.max(1, links.length))]
    if (kind === 0 && link) cut(link, random.below(2) ? 'lost' : 'parted')
    else if (kind === 1) for (const l of links) cut(l, 'lost')
    else if (kind === 2 && !x.asleep && random.below(3) === 0) { x.asleep = true; feed(i, { type: 'sleep' }); for (const l of links) cut(l, 'parted'); after(random.below(20_000), () => { x.asleep = false; feed(i, { type: 'wake' }) }) }
    else if (kind < 5) feed(i, { type: 'spoke' })
    else if (kind < 8 && link) feed(i, { type: 'brought', remote: nodes[link.ends[0] === i ? link.ends[1] : link.ends[0]]!.id })
    else if (link) feed(i, { type: 'shown', remote: nodes[link.ends[0] === i ? link.ends[1] : link.ends[0]]!.id, author: nodes[random.below(n)]!.id })
  })
  const problems: string[] = []
  const end = chaosUntil + 300_000
  let steps = 0
  const badSince = new Map<string, number>()
  while (queue.length > 0 && steps++ < 3_000_000) {
    let best = 0
    for (let k = 1; k < queue.length; k++) { const a = queue[k]!, b = queue[best]!; if (a.at < b.at || (a.at === b.at && a.order < b.order)) best = k }
    const job = queue[best]!
    queue[best] = queue[queue.length - 1]!; queue.pop()
    if (job.at > end) break
    now = job.at
    job.run()
    if (steps % 50 === 0) {
      for (const x of nodes) {
        const mine = new Set(machines[x.i]!.active.map((m) => byId.get(m.peer)!))
        if (machines[x.i]!.active.length > Math.min(12, maxLinks)) problems.push(`${now} ${x.i} too many`)
        for (let j = 0; j < n; j++) {
          if (j === x.i) continue
          const other = machines[j]!.active.some((m) => m.peer === x.id)
          const key = `${x.i}->${j}`
          if (mine.has(j) && !other) { if (!badSince.has(key)) badSince.set(key, now); else if (now - badSince.get(key)! > 2_000) { problems.push(`${now} asym ${key} since ${badSince.get(key)}`); badSince.set(key, Infinity) } } else if (badSince.get(key) !== Infinity) badSince.delete(key)
        }
        if (now > chaosUntil + 60_000 && !x.asleep && mine.size === 0) problems.push(`${now} ${x.i} alone`)
        // what the machine calls active is carried
        for (const m of machines[x.i]!.active) if (m.handle !== null && !active[x.i]!.has(m.handle)) problems.push(`${now} ${x.i} active not carried`)
        const carried = machines[x.i]!.active.length
        if (active[x.i]!.size !== carried) problems.push(`${now} ${x.i} carries ${active[x.i]!.size} of ${carried}`)
      }
      if (problems.length > 5) break
    }
  }
  // one piece?
  const seen = new Set([0]); const todo = [0]
  while (todo.length) { const i = todo.pop()!; for (const m of machines[i]!.active) { const j = byId.get(m.peer)!; if (!seen.has(j)) { seen.add(j); todo.push(j) } } }
  if (seen.size !== n) problems.push(`pieces: ${seen.size} of ${n}; degrees ${machines.map((m) => m.active.length)}`)
  return problems
}
it('fuzz', () => {
  const all: string[] = []
  const from = Number(process.env.SEED ?? 1)
  for (const [n, maxLinks] of [[3, 128], [6, 128], [14, 128], [24, 128], [8, 3], [12, 4], [12, 2]] as const)
    for (let seed = from; seed < from + Number(process.env.COUNT ?? 3); seed++) { const p = run(seed, n, maxLinks); if (p.length) all.push(`n=${n} max=${maxLinks} seed=${seed}: ${p.slice(0, 4).join(' | ')}`) }
  console.log(all.join('\n'))
  expect(all).toEqual([])
}, 500_000)
