import type { PeerId } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { candidate, peerIds, settled, want } from './players.js'
import { type Player, World } from './pool-world.js'

const COUNT = 40
const ids = peerIds(COUNT + 1)

/** 40 machines with room for 24 links, all of them candidates of each other. */
function crowd(seed: number): { world: World; players: Player[]; hearOfAll: () => void } {
  const world = new World(seed)
  // Names in another order than the addresses, as everywhere.
  const order = ids.slice(0, COUNT).sort(() => world.random.below(2) - 0.5)
  const players = order.map((peer, index) => world.player(`p${index}`, peer, { maxLinks: 24 }))
  const hearOfAll = (): void => {
    for (const player of players) {
      for (const [index, { peer }] of players.entries()) {
        if (peer !== player.peer) want(player, candidate([`memory://p${index}`], { peer }))
      }
    }
  }
  hearOfAll()
  return { world, players, hearOfAll }
}

/** The most dials of one machine within any minute after `from`. */
function mostInAMinute(player: Player, from: number): number {
  const times = player.dialledAt.filter((at) => at >= from)
  return Math.max(0, ...times.map((at) => times.filter((other) => other >= at && other < at + 60_000).length))
}

describe('forty nodes with room for 24 links each', () => {
  it('settle: after ten seconds nobody dials more than twice a minute, however often they hear of each other', () => {
    for (let seed = 0; seed < 5; seed++) {
      const { world, players, hearOfAll } = crowd(seed)
      world.clock.advance(10_000)
      const links = players.map((player) => player.links.size)
      expect(Math.max(...links)).toBeLessThanOrEqual(24)
      expect(Math.min(...links)).toBeGreaterThanOrEqual(12)
      const events = players.map(({ log }) => log.length)
      for (let round = 0; round < 60; round++) {
        hearOfAll()
        world.clock.advance(10_000)
      }
      expect(Math.max(...players.map((player) => mostInAMinute(player, 10_000)))).toBeLessThanOrEqual(2)
      // And the links that they had stay: a few may come, none goes.
      const gone = players.flatMap(({ log }, index) => log.slice(events[index]).filter((line) => line.startsWith('un')))
      expect(gone).toEqual([])
    }
  })

  it('let a newcomer in within a second, who knows one of them that is full', () => {
    let refused = 0
    for (let seed = 0; seed < 20; seed++) {
      const { world, players } = crowd(seed)
      world.clock.advance(30_000)
      const full = players.find(({ links }) => links.size === 24)
      if (!full) continue
      const newcomer = world.player('newcomer', ids[COUNT] as PeerId)
      want(newcomer, candidate([`memory://${full.address.host}`]))
      world.clock.advance(1_000)
      expect([seed, newcomer.links.size > 0]).toEqual([seed, true])
      expect(newcomer.links.has(full.peer)).toBe(false)
      expect(settled(newcomer)).toEqual([])
      refused++
    }
    expect(refused).toBeGreaterThan(10)
  })
})
