// Faults planted in the sources of membership and of the pool, and the crowds that must notice.

import type { SourceFault } from '../../../tools/planted-fault.js'
import type { CrowdTrial } from '../src/index.js'

export interface OverlayMutant extends SourceFault {
  readonly rule: string
  readonly name: string
  readonly trial: CrowdTrial
  /** What the violation says. */
  readonly says: RegExp
}

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
const attack = (networks: 'one' | 'many', attackers: number, cuts: boolean): CrowdTrial => ({
  ...{ name: `attack-from-${networks}`, nodes: 25, forMs: 59 * SECOND },
  acts: [{ type: 'attack', atMs: 39 * SECOND, attackers, networks, cuts }],
})
const ATTACK = attack('many', 60, false)
const NETWORK = attack('one', 30, true)
const MANY: CrowdTrial = { name: 'many', nodes: 66, forMs: 15 * SECOND }
const STRANGERS: CrowdTrial = {
  ...{ name: 'strangers', nodes: 16, forMs: 90 * SECOND },
  acts: [{ type: 'strangers', atMs: 30 * SECOND, nodes: 16 }],
}
const CONTINENTS: CrowdTrial = { name: 'continents', nodes: 24, forMs: 600 * SECOND, continents: true }

const inFile = (file: string, mutants: readonly Omit<OverlayMutant, 'file'>[]): readonly OverlayMutant[] =>
  mutants.map((mutant) => ({ ...mutant, file }))

export const OVERLAY_MUTANTS: readonly OverlayMutant[] = [
  ...inFile('gossip/src/membership/view.ts', [
    {
      ...{ rule: '8.4 and invariant 7', name: 'takes whoever comes', trial: ATTACK, says: /at most 12 allowed/ },
      ...{ find: 'if (this.held >= most) return false', put: '' },
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
      ...{ rule: '8.4', name: 'refuses everybody', trial: THIRTY, says: /neighbours/ },
      ...{ find: 'else if (this.#accepts(member, { urgent, strange })) this.hold(member)', put: '' },
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
      ...{ find: "this.#shared.emit({ type: 'refresh' })\n    this.#seekLost()", put: 'this.#seekLost()' },
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
