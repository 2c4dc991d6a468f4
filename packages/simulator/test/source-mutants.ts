// Faults planted in the sources of gossip: one place of one file reads otherwise, and a scenario must notice.

import type { SourceFault } from '../../../tools/planted-fault.js'
import { type EngineName, readScenario, type Scenario } from '../src/index.js'

export interface SourceMutant extends SourceFault {
  /** The section of the design, or the number of the invariant, that it breaks. */
  readonly rule: string
  readonly name: string
  readonly scenario: Scenario
  /** What the violation says. */
  readonly says: RegExp
  /** @default 'trees' */
  readonly engine?: Extract<EngineName, 'trees' | 'rumor'>
}

const SMALL = { nodes: 24, authors: 3, records: 8, intervalMs: 300, path: { latencyMs: [10, 60] } }

const scenario = (name: string, more: object = {}): Scenario => readScenario({ ...SMALL, name, ...more })
const restart = (state: string, more: object = {}) => ({
  type: 'restart',
  share: 0.2,
  atMs: 4_000,
  forMs: 2_000,
  state,
  ...more,
})

const CAUSAL = scenario('causal', {
  room: { order: 'causal' },
  path: { latencyMs: [10, 100], jitterMs: 400 },
  authors: 6,
  intervalMs: 100,
  records: 12,
})
const IGNORED = scenario('ignored', { room: { ignoreEvery: 3 }, records: 12 })
const REJECTED = scenario('rejected', { room: { rejectEvery: 3 }, records: 12 })
const MEMBERS = scenario('members', { room: { outsiders: 1 } })
const BATCHES = scenario('batches', { records: 4, batch: 10, expect: { bytes: 130 } })
const EPOCHS = scenario('epochs', { records: 30, room: { since: 'all' }, faults: [restart('lost', { share: 0.5 })] })
const SPLIT_LIARS = scenario('liars-in-a-split', {
  ...{ degree: 8, records: 12, adversaries: [{ type: 'liar', share: 0.2 }] },
  ...{ faults: [{ type: 'split', parts: 2, atMs: 600, forMs: 40_000 }] },
})
const cut = (atMs: number, share: number) => ({ type: 'cut', share, atMs, forMs: 100 })
const STORM = scenario('storm', {
  ...{ authors: 8, records: 30, intervalMs: 200, faults: [cut(3_000, 0.6)], expect: { p99Ms: 250 } },
})
const STORMS = scenario('storms', {
  ...{ degree: 8, authors: 5, records: 40, intervalMs: 100, expect: { redundancy: 0.26 } },
  ...{ faults: [cut(1_500, 0.4), cut(2_500, 0.4), cut(3_500, 0.4)] },
})
/** Words so rare that the next ones of most authors come when the storm is over. */
const CALM = scenario('calm', {
  ...{ degree: 8, authors: 12, records: 8, intervalMs: 6_000, faults: [cut(25_000, 0.15)] },
  expect: { redundancy: 0.35 },
})
/** Half of the links become a little slower, so that who was first is late, but not so late that it is not waited for. */
const DETOURS = scenario('detours', {
  ...{ nodes: 60, degree: 8, records: 60, intervalMs: 200, path: { latencyMs: [10, 30] }, expect: { p99Ms: 102 } },
  ...{ faults: [{ type: 'slow', share: 0.5, byMs: 30, atMs: 1_000, forMs: 20_000 }] },
})
/** So many begin at once that each link brings more than a hundred. */
const CROWD = scenario('crowd', {
  ...{ nodes: 180, degree: 2.5, authors: 180, records: 1, intervalMs: 500, path: { latencyMs: [5, 300] } },
  expect: { bytes: 276 },
})
const LAX = scenario('lax', { adversaries: [{ type: 'lax', share: 0.2 }] })
const SPLICERS = scenario('splicers', { adversaries: [{ type: 'splicer', share: 0.05 }] })
const GRAFTERS = scenario('grafters', {
  ...{ records: 20, adversaries: [{ type: 'grafter', share: 0.1 }], expect: { redundancy: 0.05 } },
})
const FIRST = scenario('first-words', { authors: 8, records: 2, payloadBytes: 12_000, expect: { bytes: 20_000 } })
/** Lines that one large message fills for a quarter of a second, and one author that says little else. */
const LARGE = scenario('large', {
  ...{ nodes: 5, degree: 2, authors: 5, intervalMs: 250, records: 10, large: { every: 2, bytes: 500_000, authors: 1 } },
  ...{ path: { latencyMs: [10, 60], bytesPerMs: 2_000 }, expect: { smallP99Ms: 125, p99Ms: 800 } },
})
const MISERS = scenario('misers', { large: { every: 4, bytes: 50_000 }, adversaries: [{ type: 'miser', share: 0.2 }] })
/** Whoever forges a small record is thrown out before a part. */
const LARGE_FORGERS = scenario('large-forgers', {
  ...{ records: 3, large: { every: 1, bytes: 50_000 }, adversaries: [{ type: 'forger', share: 0.2 }] },
})
/** What is not retained any more cannot be had. */
const FETCHED = scenario('fetched', {
  ...{ nodes: 12, authors: 10, records: 1, intervalMs: 100, large: { every: 1, bytes: 200_000 }, settleMs: 60_000 },
  ...{ room: { capacityBytes: 1_000_000 }, path: { latencyMs: [10, 60], bytesPerMs: 500 }, expect: { missed: 1_000 } },
})
const JOINERS = scenario('joiners', { records: 30, faults: [restart('lost')] })
/** Most start anew, and some authors have said their last word to few of the others. */
const LAST_WORDS = scenario('last-words', { faults: [restart('lost', { share: 0.7, atMs: 1_500 })] })
const ASKERS = scenario('askers-of-all', { records: 30, room: { since: 'all' }, faults: [restart('lost')] })
const LONELY = scenario('lonely', {
  ...{ nodes: 2, degree: 2, authors: 2, records: 20, intervalMs: 200 },
  ...{ faults: [restart('lost', { share: 0.5, atMs: 0, forMs: 8_000 })] },
})
const KEPT = scenario('kept', { records: 30, faults: [restart('kept', { share: 0.4 })] })
const HOARD = scenario('hoard', { records: 20, room: { capacityBytes: 2_000 } })
const CAPACITY = scenario('capacity', { records: 20, room: { capacity: 20 } })
const FORGOTTEN = scenario('forgotten', {
  ...{ records: 20, room: { follows: 2 }, adversaries: [{ type: 'replayer', share: 0.1 }] },
})
const SPLIT = scenario('split', { faults: [{ type: 'split', parts: 2, atMs: 600, forMs: 40_000 }] })
const ROUNDS = scenario('rounds')

const asked = (name: string, more: object = {}) => scenario(name, { records: 1, queries: { count: 6, ...more } })
const QUESTIONS = asked('questions', { late: 0.2 })
const NEAR = asked('near-questions', { hops: 2 })
const among = (type: string, share: number) => ({ adversaries: [{ type, share }] })
const ASKED_FORGERS = scenario('forged-answers', { records: 1, queries: { count: 6 }, ...among('forger', 0.2) })
const ASKED_REPLAYERS = scenario('old-answers', {
  degree: 3,
  records: 1,
  queries: { count: 6 },
  ...among('replayer', 0.3),
})
const ASKED_FLOODERS = scenario('many-answers', {
  nodes: 10,
  records: 1,
  queries: { count: 1 },
  ...among('flooder', 0.1),
})
const ASKED_CROWDS = scenario('many-answerers', { records: 1, queries: { count: 1 }, ...among('sybil', 0.05) })

const inFile = (file: string, mutants: readonly Omit<SourceMutant, 'file'>[]): readonly SourceMutant[] =>
  mutants.map((mutant) => ({ ...mutant, file: `gossip/src/${file}` }))

export const SOURCE_MUTANTS: readonly SourceMutant[] = [
  ...inFile('machine/arrivals.ts', [
    {
      ...{ rule: 'invariant 5', name: 'retains any number of bytes', scenario: HOARD, says: /bytes of history/ },
      ...{ find: 'this.#messages > messages || this.#bytes > bytes ||', put: 'this.#messages > messages ||' },
    },
  ]),
  ...inFile('order/authors.ts', [
    {
      ...{ rule: 'invariant 5', name: 'follows anybody', scenario: FORGOTTEN, says: /holds \d+ places/ },
      ...{ find: 'if (this.#size >= this.#options.maxEpochs) this.#forgetIdle(author)', put: '' },
    },
  ]),
  ...inFile('repair/errands.ts', [
    {
      ...{ rule: '8.5', name: 'keeps last words from those who lack them', scenario: LAST_WORDS, says: /missed/ },
      ...{ find: 'if (!this.#betweenBudget.take(now)) continue', put: 'continue' },
    },
  ]),
  ...inFile('order/ordering.ts', [
    {
      ...{ rule: '8.1', name: 'waits for no cause', scenario: CAUSAL, says: /before what it was said after/ },
      ...{ find: 'return missing === undefined', put: 'return true' },
    },
  ]),
  ...inFile('machine/room-machine.ts', [
    {
      ...{
        rule: '8.1',
        name: 'does not say what it had heard',
        scenario: CAUSAL,
        says: /before what it was said after/,
      },
      ...{ find: 'const causes = ordering.takeCauses(author.id, epoch)', put: 'const causes = []' },
    },
    {
      ...{ rule: '8.5', name: 'believes what others claim', scenario: SPLIT, says: /missed|was due/ },
      find: 'neighbour.introduce(hello, { log, now, presentSince: this.#presentSince ?? now, publisher })',
      put: `neighbour.introduce(hello, { log, now, presentSince: this.#presentSince ?? now, publisher })
      const { ordering } = this.#parts
      for (const { author, epoch, next } of hello.heads)
        if (next > 0 && ordering.admits(author, epoch)) ordering.know({ author, epoch, firstSeq: 0, count: next })`,
    },
    {
      ...{ rule: '8.5', name: 'delivers what was kept as if it were new', scenario: KEPT, says: /was due/ },
      find: 'this.#parts.restoring.restore(records, now)',
      put: `this.#parts.restoring.restore(records, now)
      this.#outputs = this.#outputs.map((output) => output.type === 'recall' ? { ...output, type: 'deliver' } : output)`,
    },
    {
      ...{ rule: '8.5', name: 'forgets what was kept', scenario: KEPT, says: /was due|missed/ },
      ...{ find: 'this.#parts.restoring.restore(records, now)', put: '' },
    },
    {
      ...{ rule: 'invariants 9 and 11', name: 'goes on with those who are gone', scenario: SPLIT, says: /who is gone/ },
      ...{ find: 'if (!this.#neighbours.delete(peer)) return', put: 'return' },
    },
  ]),
  ...inFile('machine/intake.ts', [
    {
      ...{ rule: '8.1', name: 'takes lax signatures', scenario: LAX, says: /only some libraries take/ },
      ...{ find: "if (verdict === 'valid') return null", put: "if (verdict !== 'invalid') return null" },
    },
  ]),
  ...inFile('machine/arrivals.ts', [
    {
      ...{ rule: '8.1', name: 'asks of no record what it follows', scenario: SPLICERS, says: /not told of the fork/ },
      ...{ find: '[held.ends.get(firstSeq), held.starts.get(end)]', put: '[undefined]' },
    },
  ]),
  ...inFile('machine/admission.ts', [
    {
      ...{
        rule: '8.1',
        name: 'delivers what the application ignores',
        scenario: IGNORED,
        says: /its application did not accept/,
      },
      ...{ find: "if (verdict === 'accept' && !isFrozen)", put: 'if (!isFrozen)' },
    },
    {
      ...{ rule: '8.1', name: 'passes on what the application ignores', scenario: IGNORED, says: /passed on/ },
      find: 'this.#parts.ordering.accept({ ...pending, isRefused: true }, { begin: false, now })',
      put: `this.#positionOf(arriving)
      this.#parts.ordering.accept({ ...pending, isRefused: true }, { begin: false, now })`,
    },
    {
      ...{ rule: '8.1', name: 'delivers what the application rejects', scenario: REJECTED, says: /did not accept/ },
      ...{ find: "if (verdict === 'accept' && !isFrozen)", put: "if (verdict !== 'ignore' && !isFrozen)" },
    },
    {
      ...{ rule: '8.1', name: 'blames a relay for what the application rejects', scenario: REJECTED, says: /hostile/ },
      find: 'if (position !== null) this.#parts.log.remove(position)\n    if (verdict',
      put: `if (verdict === 'reject' && arriving.from)
      this.#parts.emit({ type: 'misbehaved', peer: arriving.from.handle, code: 'ERR_RECORD', message: '', ban: true })
    if (verdict`,
    },
    {
      ...{
        rule: '8.1',
        name: 'blames a relay for what the application ignores',
        scenario: IGNORED,
        says: /for hostile/,
      },
      find: 'if (position !== null) this.#parts.log.remove(position)\n    if (verdict',
      put: `if (verdict !== 'accept' && arriving.from)
      this.#parts.emit({ type: 'misbehaved', peer: arriving.from.handle, code: 'ERR_RECORD', message: '', ban: true })
    if (verdict`,
    },
  ]),
  ...inFile('order/authors.ts', [
    {
      ...{ rule: '8.1', name: 'listens to who is no member', scenario: MEMBERS, says: /no member/ },
      ...{ find: 'return members === null || members.has(author)', put: 'return true' },
    },
    {
      ...{ rule: '8.5', name: 'delivers again what it has forgotten', scenario: FORGOTTEN, says: /was due|2 allowed/ },
      ...{ find: 'new Sequence(this.#endOf(author, epoch))', put: 'new Sequence()' },
    },
    {
      ...{ rule: '8.2', name: 'follows one epoch of an author', scenario: EPOCHS, says: /missed|was due/ },
      ...{ find: 'known.epochs.size > this.#options.maxEpochsPerAuthor', put: 'known.epochs.size > 1' },
    },
  ]),
  ...inFile('machine/publisher.ts', [
    {
      ...{ rule: '8.1', name: 'signs each message on its own', scenario: BATCHES, says: /bytes by delivery/ },
      ...{ find: 'last.length < MAX_BATCH_MESSAGES', put: 'last.length < 1' },
    },
  ]),
  ...inFile('repair/runs.ts', [
    {
      ...{ rule: '8.5', name: 'waits for ever for who is silent', scenario: SPLIT_LIARS, says: /missed|was due/ },
      find: 'return Math.min(Math.max(heardAt, at) + SILENT_MS, at + DEAF_MS)',
      put: 'return Number.MAX_SAFE_INTEGER',
    },
  ]),
  ...inFile('spread/storm.ts', [
    {
      ...{ rule: '8.3', name: 'never storms', scenario: STORM, says: /ms for 99/ },
      ...{ find: 'if (now < this.#startedAt + CALM_MS) return false', put: 'return false' },
    },
    {
      ...{ rule: '8.3', name: 'storms again at once', scenario: STORMS, says: /redundant/ },
      ...{ find: 'if (now < this.#startedAt + CALM_MS) return false', put: '' },
    },
    {
      ...{ rule: '8.3', name: 'storms without end', scenario: CALM, says: /redundant/ },
      ...{ find: 'return now < this.#startedAt + STORM_MS ?', put: 'return now > this.#startedAt ?' },
    },
  ]),
  ...inFile('trees.ts', [
    {
      ...{ rule: '8.3', name: 'keeps to its first parent', scenario: DETOURS, says: /ms for 99/ },
      ...{ find: 'if (times < MARGIN_TIMES) return', put: 'return' },
    },
    {
      ...{ rule: '8.3', name: 'floods for any number of new authors', scenario: CROWD, says: /bytes by delivery/ },
      ...{ find: 'peer !== null && !this.#linkOf(peer).takeNewAuthor(now)', put: 'false' },
    },
    {
      ...{ rule: '8.3', name: 'takes every wish for all authors', scenario: GRAFTERS, says: /redundant/ },
      ...{ find: 'sources.length === 0 && now >= link.graftedAt + CALM_MS', put: 'sources.length === 0' },
    },
    {
      ...{ rule: '8.3', name: 'floods large first words', scenario: FIRST, says: /bytes by delivery/ },
      ...{ find: 'const FLOOD_BYTES = 4_096', put: 'const FLOOD_BYTES = 1e9' },
    },
  ]),
  ...inFile('rumor.ts', [
    {
      ...{
        rule: '8.3',
        name: 'begins no round',
        scenario: ROUNDS,
        says: /missed|confirmed|without end/,
        engine: 'rumor',
      },
      ...{ find: 'if (now < this.#dueAt) return false', put: 'return false' },
    },
  ]),
  ...inFile('large/large-block.ts', [
    {
      ...{
        rule: '8.1',
        name: 'believes parts without proof',
        scenario: LARGE_FORGERS,
        says: /other bytes|for hostile/,
      },
      find: 'if (leaf === null) return false',
      put: `if (leaf === null) {
      this.#parts.set(index, { chunk: copyBytes(chunk), leaf: new Uint8Array(32), proof: copyBytes(proof) })
      if (this.#parts.size === this.count) this.#join()
      return true
    }`,
    },
  ]),
  ...inFile('large/assembly.ts', [
    {
      ...{ rule: '8.3', name: 'waits for ever for parts', scenario: MISERS, says: /missed|was due/ },
      ...{ find: 'return now >= this.#patientUntil', put: 'return false' },
    },
  ]),
  ...inFile('large/assemblies.ts', [
    {
      ...{
        rule: 'invariant 5',
        name: 'fetches whatever there is at once',
        scenario: FETCHED,
        says: /at once, at most/,
      },
      find: 'assembly.isFed = (all === 0 || all + bytes <= maxBytes) && (fed === 0 || fed + bytes <= maxBytes * FED_SHARE)',
      put: 'assembly.isFed = true',
    },
  ]),
  ...inFile('large/feeders.ts', [
    {
      ...{ rule: '8.3', name: 'asks for all parts at once', scenario: LARGE, says: /of what is small/ },
      ...{ find: 'MAX_ASKED_PARTS = 7', put: 'MAX_ASKED_PARTS = 700' },
    },
  ]),
  ...inFile('large/transfers.ts', [
    {
      ...{ rule: '8.3', name: 'passes on nothing that is not whole', scenario: LARGE, says: /ms for 99/ },
      ...{
        find: 'for (const index of wanted) if (block.has(index)) return index',
        put: 'for (const index of wanted) if (block.whole) return index',
      },
    },
  ]),
  ...inFile('machine/neighbour.ts', [
    {
      ...{ rule: '8.5', name: 'has no history for who asks for it', scenario: ASKERS, says: /missed|was due/ },
      ...{ find: "if (since === 'all') this.askedFrom = 0", put: "if (since === 'all') return" },
    },
  ]),
  ...inFile('serving/serving.ts', [
    {
      ...{ rule: '8.5', name: 'gives all history to everybody', scenario: JOINERS, says: /over when it came/ },
      ...{
        find: "if (owedFrom !== null || cursor >= askedFrom || at > liveSince) return 'past'",
        put: "return 'past'",
      },
    },
    {
      ...{ rule: '8.5', name: 'keeps to itself what nobody has confirmed', scenario: LONELY, says: /missed|confirmed/ },
      ...{ find: "this.#parts.unheard.isUnheard(record.header) ? 'live' : 'nothing'", put: "'nothing'" },
    },
  ]),
  ...inFile('machine/arrivals.ts', [
    {
      ...{ rule: '8.5 and invariant 5', name: 'retains everything', scenario: CAPACITY, says: /20 allowed/ },
      ...{ find: 'return this.#messages > messages || this.#bytes > bytes ||', put: 'return' },
    },
  ]),
  ...inFile('queries/machine.ts', [
    {
      ...{ rule: '8.7', name: 'asks again what was asked', scenario: NEAR, says: /was asked twice/ },
      ...{ find: 'if (this.#seen.has(keyOf(idOf(frame.query)))) return', put: '' },
    },
    {
      ...{ rule: '8.7', name: 'counts no hops', scenario: NEAR, says: /links away/ },
      ...{ find: 'left: left - 1', put: 'left' },
    },
    {
      ...{ rule: '8.7', name: 'passes no question on', scenario: QUESTIONS, says: /did not come/ },
      ...{ find: 'if (left > 1) {', put: 'if (left > 255) {' },
    },
    {
      ...{ rule: '8.7', name: 'passes no answer back', scenario: QUESTIONS, says: /did not come/ },
      ...{
        find: 'if (route.from !== null) return this.#passBack',
        put: 'if (route.from !== null) return; else if (!route) this.#passBack',
      },
    },
    {
      ...{ rule: '8.7', name: 'forgets no question', scenario: QUESTIONS, says: /question was over|long over/ },
      find: 'if (now < this.#endsAt) return',
      put: 'return',
    },
    {
      ...{ rule: '8.7', name: 'believes any time to live', scenario: ASKED_FLOODERS, says: /long over/ },
      ...{ find: 'Math.min(frame.ms, MAX_QUERY_MS)', put: 'frame.ms * 2' },
    },
    {
      ...{ rule: '8.7', name: 'takes many answers of one author', scenario: ASKED_FLOODERS, says: /did not come/ },
      ...{ find: 'if (this.#answered.has(key)) return', put: '' },
    },
    {
      ...{ rule: '8.7', name: 'passes any number of answers back', scenario: ASKED_CROWDS, says: /passed back more/ },
      ...{ find: 'const MAX_ANSWERS = 1_024', put: 'const MAX_ANSWERS = 1e9' },
    },
    {
      ...{ rule: '8.7', name: 'takes any number of questions', scenario: ASKED_FLOODERS, says: /takes \d+ questions/ },
      ...{ find: ' || !from.queries.take(now)', put: '' },
    },
    {
      ...{ rule: '8.7', name: 'tells everybody what is for one', scenario: QUESTIONS, says: /never told it/ },
      find: "else this.#outputs.push({ type: 'direct', peer, remote: from.remote, frame })",
      put: `else this.#outputs.push({ type: 'direct', peer, remote: from.remote, frame })
    if (frame.type === 'direct') this.#spread(frame, peer)`,
    },
    {
      ...{ rule: '8.7', name: 'loses direct messages', scenario: QUESTIONS, says: /not taken/ },
      ...{ find: "else this.#outputs.push({ type: 'direct', peer, remote: from.remote, frame })", put: '' },
    },
  ]),
  ...inFile('queries/signed.ts', [
    {
      ...{ rule: '8.7', name: 'verifies no answers', scenario: ASKED_FORGERS, says: /other bytes|never asked/ },
      ...{
        find: 'if (!isStrictSignature(signature, key) || !crypto.verify(signature, message, key)) return null',
        put: '',
      },
    },
    {
      ...{ rule: '8.7', name: 'signs answers to anything', scenario: ASKED_REPLAYERS, says: /other bytes/ },
      ...{ find: 'topic.idBytes, key, id, crypto.hash([body])', put: 'topic.idBytes, key, crypto.hash([body])' },
    },
  ]),
]
