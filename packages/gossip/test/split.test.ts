// When a room has fallen apart: many peers that go at once without a word, not a few and not those that say goodbye.

import { createIdentity, type PeerId } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { SplitWatch } from '../src/room/split.js'

const peers: readonly PeerId[] = Array.from({ length: 8 }, () => createIdentity().id)
const [a, b, c] = peers as [PeerId, PeerId, PeerId]

describe('a watch for splits', () => {
  it('tells of one when as many peers are gone as are left, once', () => {
    const watch = new SplitWatch()
    expect([
      watch.onLost(a, 5, 0),
      watch.onLost(b, 4, 10),
      watch.onLost(c, 3, 20),
      watch.onLost(peers[3] as PeerId, 2, 30),
    ]).toEqual([false, false, true, false])
    expect(watch.lost).toEqual(peers.slice(0, 4))
  })

  it('tells of one though others are found in place of those that are gone', () => {
    const watch = new SplitWatch()
    expect([0, 1, 2, 3].map((index) => watch.onLost(peers[index] as PeerId, 7, index * 2_000))).toEqual([
      ...[false, false, false, true],
    ])
  })

  it('takes fewer than half for what they are, whoever is found in their place', () => {
    const watch = new SplitWatch()
    for (const index of [0, 1, 2]) expect(watch.onLost(peers[index] as PeerId, 7, index)).toBe(false)
  })

  it('takes two that go from a room that has grown meanwhile for a crash', () => {
    const watch = new SplitWatch()
    expect(watch.onLost(a, 1, 0)).toBe(false)
    expect(watch.onLost(b, 9, 20_000)).toBe(false)
    expect(watch.onLost(c, 9, 31_000)).toBe(false)
  })

  it('takes a single peer that is gone for a crash', () => {
    expect(new SplitWatch().onLost(a, 0, 0)).toBe(false)
  })

  it('takes peers that go one after another, minutes apart, for what they are', () => {
    const watch = new SplitWatch()
    for (const [index, peer] of peers.entries()) {
      expect(watch.onLost(peer, 4, index * 31_000)).toBe(false)
    }
    expect(watch.lost).toHaveLength(1)
  })

  it('tells that it is healed when the first of the lost is back, and can tell of the next one', () => {
    const watch = new SplitWatch()
    watch.onLost(a, 2, 0)
    expect(watch.onLost(b, 1, 0)).toBe(true)
    expect(watch.onBack(c)).toBe(false)
    expect(watch.onBack(a)).toBe(true)
    expect(watch.onBack(b)).toBe(false)
    watch.onLost(a, 2, 60_000)
    expect(watch.onLost(b, 1, 60_000)).toBe(true)
  })

  it('takes a peer that comes back before for no split', () => {
    const watch = new SplitWatch()
    watch.onLost(a, 3, 0)
    expect(watch.onBack(a)).toBe(false)
    expect(watch.onLost(b, 2, 0)).toBe(false)
  })

  it('remembers so many of the lost at most, however long the split lasts and whoever comes and goes', () => {
    const watch = new SplitWatch()
    for (let count = 0; count < 5_000; count++) watch.onLost(`peer ${count}` as PeerId, 2, count)
    expect(watch.lost.length).toBeLessThanOrEqual(1_024)
    expect(watch.lost).toContain('peer 4999')
  })
})
