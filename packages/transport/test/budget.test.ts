// What hearsay may make this node do: the budget by itself, and a machine that is told of one victim again and again.

import { type Address, createTopic, type PeerId, parseAddress, seededRandom } from '@hearsay/core'
import { PoolMachine, resolvePoolLimits } from '@hearsay/transport/machine'
import { describe, expect, it } from 'vitest'
import { HearsayBudget } from '../src/pool/budget.js'
import { peerIds } from './players.js'

const topic = createTopic('budget').id
const MINUTE = 60_000
const at = (host: string, port: number, scheme = 'tcp'): Address => parseAddress(`${scheme}://${host}:${port}`)

/** A budget whose attempts count up. */
function counting() {
  const budget = new HearsayBudget()
  let attempt = 0
  return (address: Address, now: number): boolean => budget.take(address, attempt++, now)
}

describe('the budget of hearsay', () => {
  it('tries one place on this machine once in ten minutes, and any number of places', () => {
    const take = counting()
    expect(take(at('127.0.0.1', 4_000), 0)).toBe(true)
    expect(take(at('127.0.0.1', 4_000), 10 * MINUTE - 1)).toBe(false)
    expect(take(at('127.0.0.1', 4_000), 10 * MINUTE)).toBe(true)
    const many = Array.from({ length: 100 }, (_, index) => take(at('127.0.0.1', 5_000 + index), 10 * MINUTE))
    expect(many.every(Boolean)).toBe(true)
  })

  it('tries 32 places on one host of its network within an hour, not 33', () => {
    const take = counting()
    const tries = Array.from({ length: 33 }, (_, index) => take(at('192.168.1.7', 4_000 + index), index))
    expect(tries.filter(Boolean)).toHaveLength(32)
    expect(take(at('192.168.1.7', 5_000), 60 * MINUTE)).toBe(true)
  })

  it('tries one host elsewhere once in ten minutes and three times in an hour, whatever the port', () => {
    const take = counting()
    const times = Array.from({ length: 120 }, (_, minute) => minute).filter((minute) =>
      take(at('198.51.100.7', 2_000 + minute), minute * MINUTE),
    )
    expect(times).toEqual([0, 10, 20, 60, 70, 80])
  })

  it('takes the addresses of one IPv6 network for one host', () => {
    const take = counting()
    expect(take(at('[2001:470::1]', 4_000), 0)).toBe(true)
    expect(take(at('[2001:470::2]', 4_000), 1)).toBe(false)
  })

  it('lets one attempt try a place by several schemes', () => {
    const budget = new HearsayBudget()
    expect(budget.take(at('198.51.100.7', 4_000), 1, 0)).toBe(true)
    expect(budget.take(at('198.51.100.7', 4_000, 'utp'), 1, 250)).toBe(true)
    expect(budget.take(at('198.51.100.7', 4_000, 'utp'), 2, 500)).toBe(false)
  })

  it('keeps its memory, and what it refuses, when somebody floods it', () => {
    const take = counting()
    expect(take(at('198.51.100.7', 4_000), 0)).toBe(true)
    let taken = 0
    for (let index = 0; index < 20_000; index++) {
      if (take(at(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, 4_000), 1)) taken++
    }
    expect(taken).toBe(4_095)
    expect(take(at('198.51.100.7', 4_000), 2)).toBe(false)
  })
})

describe('a pool machine that hears of a victim', () => {
  const ids = peerIds(3)
  const self = ids[0] as PeerId

  /** The machine, and every place that it dialled; no dial is ever answered. */
  function listener() {
    const machine = new PoolMachine({
      self,
      limits: resolvePoolLimits(),
      random: seededRandom(1),
      canDial: (scheme) => scheme === 'tcp',
    })
    const dialled: string[] = []
    const feed = (input: Parameters<PoolMachine['handle']>[0], now: number): void => {
      for (const output of machine.handle(input, now)) {
        if (output.type !== 'dial') continue
        dialled.push(`${output.address.host}:${output.address.port}`)
        feed({ type: 'failed', connection: output.connection, code: 'ERR_DIAL', detail: 'ECONNREFUSED' }, now)
      }
    }
    return { machine, dialled, feed }
  }

  it('dials a place that it found once in ten minutes, however often it is found', () => {
    const { dialled, feed } = listener()
    for (let now = 0; now < 10 * MINUTE; now += 10_000) {
      const target = { peer: null, addresses: [at('192.168.1.7', 4_000)], source: 'mdns' }
      feed({ type: 'want', target, topic, priority: 0 }, now)
      feed({ type: 'timer', timer: 'queue' }, now)
    }
    expect(dialled).toEqual(['192.168.1.7:4000'])
  })

  it('says why it does not dial, and with which code of the system the last dial failed', () => {
    const { machine, feed } = listener()
    const want = (now: number): void => {
      const target = { peer: null, addresses: [at('192.168.1.7', 4_000)], source: 'mdns' }
      feed({ type: 'want', target, topic, priority: 0 }, now)
      feed({ type: 'timer', timer: 'queue' }, now)
    }
    want(0)
    expect(machine.queued(1)[0]).toMatchObject({ why: 'ERR_DIAL', detail: 'ECONNREFUSED' })
    want(20_000)
    expect(machine.queued(20_001)[0]).toMatchObject({ why: 'hearsayBudget', detail: null })
  })

  it('tells who asks by hand for a peer that it does not dial with a documented code', () => {
    const { machine, feed } = listener()
    const peer = ids[1] as PeerId
    const target = { peer, addresses: [at('192.168.1.7', 4_000)], source: 'mdns' }
    feed({ type: 'want', target, topic, priority: 0 }, 0)
    feed({ type: 'timer', timer: 'queue' }, 0)
    const asked = { type: 'connect', request: 1, peer, address: null } as const
    const outputs = [...machine.handle(asked, 20_000), ...machine.handle({ type: 'timer', timer: 'queue' }, 20_000)]
    const results = outputs.flatMap((each) => (each.type === 'settled' ? [each.result] : []))
    expect(results).toEqual([expect.objectContaining({ code: 'ERR_DIAL' })])
  })

  it('dials what a person gave as often as asked', () => {
    const { dialled, feed } = listener()
    for (const request of [1, 2, 3]) {
      feed({ type: 'connect', request, peer: null, address: at('198.51.100.7', 80) }, request)
      feed({ type: 'timer', timer: 'queue' }, request)
    }
    expect(dialled).toHaveLength(3)
  })

  it('does not believe what is not credible, whoever told it', () => {
    const told: unknown[] = []
    const machine = new PoolMachine({
      self,
      limits: resolvePoolLimits(),
      random: seededRandom(1),
      canDial: () => true,
      isCredible: (_address, teller) => {
        told.push(teller)
        return false
      },
    })
    const found = { peer: null, addresses: [at('198.51.100.7', 4_000)], source: 'dht' }
    machine.handle({ type: 'want', target: found, topic, priority: 0 }, 0)
    const teller = at('192.168.1.9', 4_000)
    const heard = { ...found, peer: ids[1] as PeerId, source: 'exchange', referrer: ids[2] as PeerId }
    machine.handle({ type: 'want', target: heard, topic, priority: 0, teller }, 0)
    expect(machine.queued(0).flatMap(({ addresses }) => addresses)).toEqual([])
    expect(told).toEqual(['discovery', teller])
  })
})
