import { createTopic, seededRandom, type PeerId } from '@hearsay/core'
import { trees } from '@hearsay/gossip/machine'
import { it } from 'vitest'
import { Crowd, type CrowdMember } from '../src/crowd.js'
import { Rooms } from '../src/crowd/rooms.js'
import { dropping, censoring } from '../src/adversaries/relays.js'
import { twisted } from '../src/twist.js'
import { simulatedCrypto } from '../src/simulated-crypto.js'

const env = process.env
const HONEST = Number(env.HONEST ?? 20)
const RATIOS = (env.RATIOS ?? '0,1,2,4').split(',').map(Number)
const SEEDS = Number(env.SEEDS ?? 2)
const APART = env.APART === '1'
const KIND = env.KIND ?? 'drop'
const AUTHORS = Number(env.AUTHORS ?? 5)
const FROM = Number(env.FROM ?? 5)
const LAST = Number(env.LAST ?? 20)
const FOUND = Number(env.FOUND ?? 20)
const hostIn = (network: number): string => `tcp://${60 + (network >> 8)}.${network & 255}.1.1:4000`
const hostOf = (index: number): string => APART ? hostIn(index) : `tcp://60.7.${index}.1:4000`

for (const ratio of RATIOS) it(`ratio ${ratio}`, () => {
  for (let seed = Number(env.SEED0 ?? 1); seed < Number(env.SEED0 ?? 1) + SEEDS; seed++) {
    const started = process.cpuUsage().user
    const crypto = simulatedCrypto()
    const crowd = new Crowd({ seed, membership: {}, crypto })
    const random = seededRandom(seed + 1000)
    const count = HONEST * (1 + ratio)
    const order = Array.from({ length: count }, (_, i) => i)
    for (let i = count - 1; i > 0; i--) { const j = random.below(i + 1); [order[i], order[j]] = [order[j] as number, order[i] as number] }
    const members = order.map((_, i) => crowd.add(hostOf(i)))
    const honest = members.filter((_, i) => (order[i] as number) < HONEST)
    const ids = new Set(honest.map(({ id }) => id))
    const authors = honest.slice(0, AUTHORS)
    const censored = new Set<PeerId>(authors.filter((_, i) => i % 2 === 0).map(({ id }) => id))
    const heard = new Map<string, Map<PeerId, number>>()
    const saidAt = new Map<string, number>()
    let bans = 0
    let started2 = false
    const rooms = new Rooms({ crowd, crypto, random,
      engine: (member) => ids.has(member.id) ? trees() : KIND === 'drop' ? twisted(trees(), dropping) : twisted(trees(), censorAll(censored)),
      onHappening: (h, at) => {
        if (h.type === 'misbehaved' && ids.has(members[h.node]!.id) && ids.has(members[h.to]!.id)) { bans++; console.log(h) }
        if (h.type !== 'delivered') return
        const { author, seq } = h.delivery
        const key = `${author} ${seq}`
        const map = heard.get(key) ?? new Map()
        heard.set(key, map)
        map.set(members[h.node]!.id, at)
      } })
    const acts: string[] = []
    if (env.DEBUG) for (const m of honest) {
      const before = m.onCarried!
      m.onCarried = (p) => { if (ids.has(p)) acts.push(`${Math.round(crowd.now)} ${m.id.slice(0, 6)}${m.carries(p) === null ? '-' : '+'}${p.slice(0, 6)}`); before(p) }
    }
    const find = (m: CrowdMember): void => {
      for (let k = 0; k < FOUND; k++) {
        const other = members[random.below(count)] as CrowdMember
        if (other !== m) crowd.tell(m, { addresses: [other.address], source: 'found' })
      }
    }
    for (const m of members) { m.onRefresh = () => crowd.after(500, () => find(m)); crowd.after(random.below(1000), () => find(m)) }
    const seqs = new Map<PeerId, number>()
    const quiet = env.QUIET === '1'
    for (const a of authors) {
      const phase = random.below(1000)
      for (let t = 0; t < LAST; t++) crowd.after(FROM * 1000 + phase + t * 1000, () => {
        if (quiet) return
        const seq = seqs.get(a.id) ?? 0
        seqs.set(a.id, seq + 1)
        saidAt.set(`${a.id} ${seq}`, crowd.now)
        rooms.publish(a, new Uint8Array(40))
      })
    }
    const carriedLog: string[] = []
    for (let s = 1; s <= FROM + LAST + 6; s++) {
      rooms.run(1000)
      if (s % 5 === 0) {
        const links = honest.map((m) => m.neighbours.filter((p) => ids.has(p)).length).sort((a, b) => a - b)
        const deg = honest.reduce((x, m) => x + m.neighbours.length, 0) / HONEST
        carriedLog.push(`${s}s:[${links.join('')}]/${deg.toFixed(1)} parts ${honestParts(honest)} d${(crowd.dials.length / count).toFixed(0)}`)
      }
    }
    if (env.DEBUG) for (const m of honest) {
      if (m.neighbours.some((p) => ids.has(p))) continue
      const machine = (m as any).membershipMachine
      console.log('STUCK', m.id.slice(0, 6), authors.includes(m), 'links', m.links.size, 'honest links', [...m.links.keys()].filter((p) => ids.has(p)).length, 'dialled', m.dials.length, 'honest dialled', m.dials.filter((d) => honest.some((h) => h.address.host === d.address.host)).map((d) => Math.round(d.at)), 'dialled by honest', honest.flatMap((h) => h.dials.filter((d) => d.address.host === m.address.host).map((d) => Math.round(d.at))), 'activations with honest', acts.filter((a) => a.includes(m.id.slice(0, 6))).join(' | '))
    }
    const lat: number[] = []
    let due = 0, never = 0
    const byT = new Map<number, [number, number]>()
    for (const [key, at] of saidAt) {
      const author = key.split(' ')[0]
      for (const m of honest) {
        if (m.id === author) continue
        due++
        const h = heard.get(key)?.get(m.id)
        const t = Math.floor(at / 5000) * 5
        const c = byT.get(t) ?? [0, 0]
        byT.set(t, c); c[0]++
        if (h === undefined) never++
        else lat.push(h - at)
        if (h === undefined || h - at > 5000) c[1]++
      }
    }
    lat.sort((a, b) => a - b)
    const q = (s: number) => Math.round(lat[Math.min(lat.length - 1, Math.floor(lat.length * s))] ?? -1)
    const late = lat.filter((x) => x > 5000).length
    console.log(`ratio ${ratio} seed ${seed}: due ${due} never ${never} late ${late} p50 ${q(.5)} p99 ${q(.99)} max ${q(1)} bans ${bans} dials/node ${(crowd.dials.length / count).toFixed(1)} cpu ${((process.cpuUsage().user - started) / 1e6).toFixed(1)}s late by time ${[...byT].map(([t, [d, l]]) => `${t}:${l}/${d}`).join(' ')}\n   ${carriedLog.join('\n   ')}`)
  }
}, 600_000)

function censorAll(victims: ReadonlySet<PeerId>) {
  const twists = [...victims].map((v) => censoring(v))
  return (context: never, peers: never) => {
    const made = twists.map((t) => t(context, peers))
    return { say: (output: never, now: number) => made.reduce((outs: any[], m: any) => outs.flatMap((o) => m.say(o, now)), [output]) }
  }
}
function honestParts(honest: readonly CrowdMember[]): string {
  const by = new Map(honest.map((m) => [m.id, m]))
  const left = new Set(honest)
  const sizes: number[] = []
  for (const s of honest) {
    if (!left.delete(s)) continue
    const part = [s]
    for (const m of part) for (const p of m.neighbours) { const o = by.get(p); if (o && left.delete(o)) part.push(o) }
    sizes.push(part.length)
  }
  return sizes.sort((a, b) => b - a).join('+')
}
