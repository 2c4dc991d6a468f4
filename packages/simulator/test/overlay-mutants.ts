// Faults planted in the sources of membership and of the pool, and the crowds that must notice.

import type { SourceFault } from '../../../tools/planted-fault.js'
import type { CrowdAct, CrowdTrial } from '../src/index.js'

export interface OverlayMutant extends SourceFault {
  readonly rule: string
  readonly name: string
  readonly trial: CrowdTrial
  /** What the violation says. */
  readonly says: RegExp
}

type CrowdAttack = Extract<CrowdAct, { readonly type: 'attack' }>

const SECOND = 1_000

const TEN: CrowdTrial = { name: 'ten', nodes: 10, forMs: 17 * SECOND }
const THIRTY: CrowdTrial = {
  ...{ name: 'thirty', nodes: 30, forMs: 45 * SECOND },
  // Between rounds, whose changes are no newcomer's doing.
  acts: [
    { type: 'newcomer', atMs: 22 * SECOND },
    { type: 'cross', atMs: 40 * SECOND, pairs: 20 },
  ],
}
const HALF: CrowdTrial = {
  ...{ name: 'half-gone', nodes: 30, forMs: 37 * SECOND },
  acts: [{ type: 'kill', atMs: 20 * SECOND, share: 0.5 }],
}
const attack = (name: string, how: Pick<CrowdAttack, 'attackers' | 'networks' | 'cuts' | 'trials'>): CrowdTrial => ({
  ...{ name, nodes: 25, forMs: 59 * SECOND },
  acts: [{ type: 'attack', atMs: 39 * SECOND, ...how }],
})
const ATTACK = attack('attack-from-many', { attackers: 60, networks: 'many', cuts: false })
const NETWORK = attack('attack-from-one', { attackers: 30, networks: 'one', cuts: true })
const TRIALS = attack('trials-from-many', { attackers: 60, networks: 'many', cuts: false, trials: true })
const TRIALS_OF_ONE: CrowdTrial = {
  ...{ name: 'trials-from-one', nodes: 26, forMs: 59 * SECOND },
  // The network has neighbours enough before it asks for trials.
  acts: [false, true].map((trials) => {
    return { type: 'attack', atMs: (trials ? 45 : 39) * SECOND, attackers: 30, networks: 'one', cuts: true, trials }
  }),
}
const MANY: CrowdTrial = { name: 'many', nodes: 66, forMs: 15 * SECOND }
const STRANGERS: CrowdTrial = {
  // So many that those who are tried out do not bring the rooms together by chance.
  ...{ name: 'strangers', nodes: 30, forMs: 90 * SECOND },
  acts: [{ type: 'strangers', atMs: 30 * SECOND, nodes: 30 }],
}
const CONTINENTS: CrowdTrial = { name: 'continents', nodes: 24, forMs: 900 * SECOND, continents: true }

const inFile = (file: string, mutants: readonly Omit<OverlayMutant, 'file'>[]): readonly OverlayMutant[] =>
  mutants.map((mutant) => ({ ...mutant, file }))

export const OVERLAY_MUTANTS: readonly OverlayMutant[] = [
  ...inFile('gossip/src/membership/view.ts', [
    {
      ...{ rule: '8.4 and invariant 7', name: 'takes whoever comes', trial: ATTACK, says: /at most 12 allowed/ },
      ...{ find: 'if (this.settled >= most || this.held >= this.#limits.high) return false', put: '' },
    },
    {
      ...{ rule: '8.4', name: 'leaves no places to those it dialled', trial: ATTACK, says: /did not choose/ },
      ...{ find: 'this.held - this.dialled < this.#limits.high - DIALLED', put: 'true' },
    },
    {
      ...{ rule: '8.4', name: 'counts no networks', trial: NETWORK, says: /of one network/ },
      ...{ find: '.length >= NETWORK_CAP', put: '.length < 0' },
    },
  ]),
  ...inFile('gossip/src/membership/neighbours.ts', [
    {
      ...{ rule: '8.4', name: 'lets go of friends without a token', trial: ATTACK, says: /neighbours left/ },
      ...{ find: ' || !this.#evictions.take(now)', put: '' },
    },
    {
      ...{ rule: '8.4', name: 'goes on after it was dropped', trial: THIRTY, says: /which does not/ },
      ...{ find: 'this.#end(member)\n    if (this.#shared.lookup)', put: 'if (this.#shared.lookup)' },
    },
    {
      ...{ rule: '8.4', name: 'does not say that it lets go', trial: CONTINENTS, says: /which does not/ },
      ...{ find: "this.send(member, { type: 'drop',", put: "if (member.theirs) this.send(member, { type: 'drop'," },
    },
    {
      ...{ rule: '8.4', name: 'refuses whoever comes late', trial: THIRTY, says: /neighbours/ },
      ...{ find: 'const isTaken = ', put: 'const isTaken = this.#shared.now < 20_000 && ' },
    },
    {
      ...{
        rule: '8.4',
        name: 'finds a place for every trial',
        trial: TRIALS,
        says: /at most 12 allowed|did not choose/,
      },
      ...{ find: 'if (hasPlace()) return true', put: 'return true' },
    },
    {
      ...{ rule: '8.4', name: 'tries out a whole network', trial: TRIALS_OF_ONE, says: /of one network/ },
      ...{ find: 'if (this.#isCrowded(newcomer)) return false', put: '' },
    },
    {
      ...{ rule: '8.4', name: 'lets go of anybody for a trial', trial: TRIALS, says: /neighbours left/ },
      ...{ find: 'view.settled > limits.target', put: 'true' },
    },
  ]),
  ...inFile('gossip/src/membership/trials.ts', [
    {
      ...{ rule: '8.4', name: 'ends no trial', trial: THIRTY, says: /on trial/ },
      ...{ find: 'if (member.trialUntil !== null && member.trialUntil <= now) this.#end(member)', put: '' },
    },
  ]),
  ...inFile('gossip/src/membership/seeker.ts', [
    {
      ...{ rule: '8.4', name: 'does not make up for those it lost', trial: HALF, says: /at least 5 expected/ },
      ...{ find: 'const need = this.#need()\n', put: 'const need = this.#shared.now > 15_000 ? 0 : this.#need()\n' },
    },
    {
      ...{ rule: '8.4', name: 'dials nobody', trial: TEN, says: /neighbours/ },
      ...{ find: 'if (left > 0 && this.#shared.lookup) this.#dialMore(left)', put: '' },
    },
  ]),
  ...inFile('gossip/src/membership/passive.ts', [
    {
      ...{ rule: '8.4', name: 'remembers everybody', trial: MANY, says: /remembers/ },
      ...{ find: 'while (rest.length > this.#capacity)', put: 'while (rest.length > 1e9)' },
    },
  ]),
  ...inFile('gossip/src/membership/shared.ts', [
    {
      ...{ rule: '8.4', name: 'is no full mesh when it is small', trial: TEN, says: /at least 9 expected/ },
      ...{ find: 'if (this.view.size > mesh) return false', put: 'return false' },
    },
  ]),
  ...inFile('gossip/src/membership/rounds.ts', [
    {
      ...{ rule: '8.4', name: 'asks for no strangers', trial: STRANGERS, says: /parts|asked discoveries/ },
      ...{ find: 'this.ask()\n    this.#seekLost()', put: 'this.#seekLost()' },
    },
    {
      ...{ rule: '8.4', name: 'compares no strangers', trial: STRANGERS, says: /parts/ },
      ...{
        find: "this.#seeker.dial(known, 'stranger')\n  }\n\n  /** A member is linked",
        put: '}\n\n  /** A member is linked',
      },
    },
    {
      ...{ rule: '8.4', name: 'takes no nearer neighbours', trial: CONTINENTS, says: /ms away/ },
      ...{ find: 'if (!far || !isNearer || view.held >= limits.high)', put: 'if (far || !isNearer)' },
    },
  ]),
  ...inFile('transport/src/pool/peers.ts', [
    {
      ...{ rule: 'invariant 6', name: 'keeps every link with a peer', trial: THIRTY, says: /two links/ },
      find: `if (this.#options.self < peer) this.#decide(slot, connection)
    else this.#follow(slot, connection)
  }

  onReady(connection: ConnectionId): void {
    const slot = this.#byConnection.get(connection)
    if (!slot?.greeting.delete(connection)) return
    this.#closeReady(slot, 'a newer link took its place')`,
      put: `this.#greet(slot, connection)
  }

  onReady(connection: ConnectionId): void {
    const slot = this.#byConnection.get(connection)
    if (!slot?.greeting.delete(connection)) return`,
    },
  ]),
]
