import { it } from 'vitest'
import { readScenario, runScenario } from '../src/index.js'
const SMALL = { nodes: 24, authors: 3, records: 8, intervalMs: 300, path: { latencyMs: [10, 60] } }
const sc = (name: string, more: object = {}) => readScenario({ ...SMALL, name, ...more })
const all = [
  sc('queries', { queries: { count: 10, late: 0.2 } }),
  sc('queries-near', { queries: { count: 10, hops: 2 } }),
  sc('queries-forgers', { queries: { count: 10 }, adversaries: [{ type: 'forger', share: 0.2 }] }),
  sc('queries-replayers', { queries: { count: 10 }, adversaries: [{ type: 'replayer', share: 0.1 }] }),
  sc('queries-flooders', { queries: { count: 3 }, adversaries: [{ type: 'flooder', share: 0.1 }] }),
  sc('queries-sybils', { queries: { count: 2 }, adversaries: [{ type: 'sybil', share: 0.05 }] }),
  sc('causal', { records: 20, holdMs: 30_000, room: { order: 'causal' }, path: { latencyMs: [10, 400] } }),
  sc('causal-loss', { records: 20, holdMs: 30_000, settleMs: 60_000, room: { order: 'causal' }, path: { latencyMs: [10, 100], loss: 0.1 } }),
  sc('ignore', { records: 20, room: { ignoreEvery: 3 } }),
  sc('members', { records: 20, room: { outsiders: 1 } }),
  sc('kept', { records: 60, faults: [{ type: 'restart', share: 0.4, atMs: 3000, forMs: 3000, state: 'kept' }] }),
  sc('all', { records: 60, room: { since: 'all' }, faults: [{ type: 'restart', share: 0.2, atMs: 6000, forMs: 3000, state: 'lost' }] }),
  sc('live', { records: 60, faults: [{ type: 'restart', share: 0.2, atMs: 6000, forMs: 3000, state: 'lost' }] }),
  sc('capacity', { records: 60, room: { capacity: 20 } }),
  sc('batch', { records: 20, batch: 20 }),
  sc('large', { records: 8, intervalMs: 1000, large: { every: 4, bytes: 300_000 }, path: { latencyMs: [10, 60], bytesPerMs: 2_000 } }),
  sc('large-misers', { records: 8, intervalMs: 1000, large: { every: 4, bytes: 100_000 }, path: { latencyMs: [10, 60] }, adversaries: [{ type: 'miser', share: 0.2 }] }),
  sc('large-forgers', { records: 8, large: { every: 4, bytes: 100_000 }, adversaries: [{ type: 'forger', share: 0.2 }] }),
  sc('grafters', { records: 40, adversaries: [{ type: 'grafter', share: 0.1 }] }),
  sc('cut', { records: 60, authors: 8, intervalMs: 200, faults: [{ type: 'cut', share: 0.6, atMs: 4000, forMs: 100 }] }),
  sc('lonely', { nodes: 12, degree: 3, authors: 1, records: 40, intervalMs: 200, faults: [{ type: 'split', parts: 12, atMs: 0, forMs: 10_000 }, { type: 'restart', share: 0.5, atMs: 9_000, forMs: 200, state: 'lost' }] }),
]
it('runs', () => {
  for (const s of all) for (const seed of (process.env.S ?? '5').split(',').map(Number)) {
    if (process.env.N && !s.name.includes(process.env.N)) continue
    const t = Date.now()
    const r = runScenario(s, { seed })
    console.log(s.name, seed, Date.now() - t, 'ms', JSON.stringify(r.violations), `missed ${r.missed}/${r.expected} gaps ${r.gaps} drops ${r.drops} red ${r.redundancy.warm.toFixed(2)} p99 ${r.latencyMs.p99.toFixed(0)} small ${r.smallP99Ms.toFixed(0)} q ${r.questions} a ${r.answers} b/d ${(r.bytes / r.delivered).toFixed(0)} most ${r.latencyMs.most.toFixed(0)} virt ${r.virtualMs}`)
  }
}, 200_000)
