import {
  type Address,
  type AddressRecord,
  createAddressRecord,
  createIdentity,
  createTopic,
  type Identity,
  type Link,
  parseAddress,
  printAddress,
  sodiumCrypto,
  withPeer,
} from '@hearsay/core'
import { createPool, type Pool, type PoolOptions, tcp } from '@hearsay/transport'
import type { PoolMachineOptions } from '@hearsay/transport/machine'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeTries, encodeTries } from '../src/pool/busy.js'
import { isCredible } from '../src/pool/hearsay.js'
import { outcome } from './fixtures.js'
import { candidate, peerIds, want } from './players.js'
import { World } from './pool-world.js'

const crypto = sodiumCrypto()
const address = (text: string): Address => parseAddress(text)
const topic = createTopic('busy').id

describe('what a busy answer carries', () => {
  const record = (identity: Identity, ...addresses: string[]): AddressRecord =>
    createAddressRecord(identity, { seq: 1, addresses: addresses.map(address) })

  it('is records that their peers signed, and addresses with the peer that is expected there', () => {
    const [one, two] = [createIdentity(), createIdentity()]
    const bytes = encodeTries([
      { peer: one.id, record: record(one, 'tcp://192.0.2.1:4000'), address: null },
      { peer: two.id, record: null, address: address('tcp://192.0.2.2:4000') },
      { peer: two.id, record: null, address: null },
    ])
    expect(decodeTries(bytes, crypto)).toEqual([
      { peer: one.id, addresses: [address('tcp://192.0.2.1:4000')], source: 'busy' },
      { peer: two.id, addresses: [withPeer(address('tcp://192.0.2.2:4000'), two.id)], source: 'busy' },
    ])
  })

  it.each([15, 16, 17])('is sixteen of %i', (count) => {
    const tries = Array.from({ length: count }, () => {
      return { peer: createIdentity().id, record: null, address: address('tcp://192.0.2.2:4000') }
    })
    expect(decodeTries(encodeTries(tries), crypto)).toHaveLength(Math.min(16, count))
  })

  it('is at most 3,584 bytes, whatever the records hold', () => {
    const tries = Array.from({ length: 16 }, () => {
      const identity = createIdentity()
      const addresses = Array.from({ length: 16 }, (_, index) => `tcp://[2001:db8:1234:5678::${index + 1}]:40000`)
      return { peer: identity.id, record: record(identity, ...addresses), address: null }
    })
    const bytes = encodeTries(tries)
    expect(bytes.byteLength).toBeLessThanOrEqual(3_584)
    expect(decodeTries(bytes, crypto).length).toBeGreaterThan(2)
  })

  it('is nothing where it cannot be read, and never an exception', () => {
    const one = createIdentity()
    const good = encodeTries([{ peer: one.id, record: record(one, 'tcp://192.0.2.1:4000'), address: null }])
    for (let at = 0; at < good.byteLength; at++) {
      const bent = Uint8Array.from(good)
      bent[at] = (bent[at] ?? 0) ^ 0x55
      expect(decodeTries(bent, crypto).length).toBeLessThanOrEqual(at === 1 ? 1 : 0)
      expect(decodeTries(good.subarray(0, at), crypto)).toEqual([])
    }
  })
})

describe('an address that a busy peer names', () => {
  const ownHosts = new Set(['127.0.0.1', '192.168.7.7', 'fe80::1'])
  const away = address('tcp://198.51.100.1:4000')
  const here = address('tcp://127.0.0.1:4000')

  it.each([
    ['tcp://198.51.100.7:4000', away, true],
    ['tcp://198.51.100.7:1024', away, true],
    ['tcp://198.51.100.7:1023', away, false],
    ['tcp://192.168.1.1:4000', away, true],
    ['tcp://10.0.0.1:4000', away, false],
    ['tcp://127.0.0.1:4000', away, false],
    ['tcp://127.0.0.1:4000', here, true],
    ['tcp://127.0.0.1:4000', null, false],
    ['tcp://0.0.0.0:4000', away, false],
    ['tcp://224.0.0.1:4000', away, false],
    ['tcp://255.255.255.255:4000', away, false],
    ['tcp://[ff02::1]:4000', away, false],
    ['tcp://[::ffff:10.0.0.1]:4000', away, false],
    ['tcp://[fd00::1]:4000', away, false],
    ['tcp://example.org:4000', away, false],
    ['wss://example.org:4000/', away, true],
    ['tcp://localhost:4000', away, false],
  ])('%s is worth a dial when told by somebody at %o: %s', (text, teller, worth) => {
    expect(isCredible(address(text), { teller, ownHosts })).toBe(worth)
  })

  it.each([
    ['tcp://192.168.1.1:4000', true],
    ['tcp://10.0.0.1:4000', false],
    ['tcp://127.0.0.1:4000', true],
    ['tcp://127.0.0.1:22', false],
    ['tcp://0.0.0.0:4000', false],
    ['tcp://198.51.100.7:1024', true],
  ])('%s is worth a dial when a discovery found it: %s', (text, worth) => {
    expect(isCredible(address(text), { teller: 'discovery', ownHosts })).toBe(worth)
  })
})

describe('a busy pool machine', () => {
  const ids = peerIds(60)

  it('names sixteen of those it is linked with, not the one that asks, and only from what they said themselves', () => {
    const world = new World(1)
    const hub = world.player('hub', ids[0] as (typeof ids)[number], { maxLinks: 20, reservePercent: 0 })
    for (let index = 1; index <= 20; index++) {
      world.player(`p${index}`, ids[index] as (typeof ids)[number])
      want(hub, candidate([`memory://p${index}`, `memory://rumour${index}`]))
    }
    world.clock.advance(10_000)
    expect(hub.links.size).toBe(20)
    const late = world.player('late', ids[30] as (typeof ids)[number])
    want(late, candidate(['memory://hub']))
    world.clock.advance(10_000)
    const answer = hub.outputs.find((output) => output.type === 'close' && output.code === 'ERR_LIMIT')
    const tries = answer?.type === 'close' ? (answer.tries ?? []) : []
    expect(new Set(tries.map(({ peer }) => peer)).size).toBe(16)
    for (const { record, address: dialled } of tries) {
      const hosts = [...(record?.addresses ?? []), ...(dialled ? [dialled] : [])].map(({ host }) => host)
      expect(hosts.some((host) => host.startsWith('rumour'))).toBe(false)
    }
    expect(late.links.size).toBe(16)
  })

  it('is not believed about addresses that are not credible, nor about whom nobody wants', () => {
    const world = new World(1)
    const hub = world.player('hub', ids[0] as (typeof ids)[number], { maxLinks: 1 })
    world.player('p1', ids[1] as (typeof ids)[number])
    want(hub, candidate(['memory://p1']))
    world.clock.advance(5_000)
    const isCredible: PoolMachineOptions['isCredible'] = (_address, teller) => teller === 'discovery'
    const doubter = world.player('doubter', ids[2] as (typeof ids)[number], {}, { isCredible })
    want(doubter, candidate(['memory://hub']))
    const caller = world.player('caller', ids[3] as (typeof ids)[number])
    caller.input({ type: 'connect', request: 1, peer: null, address: parseAddress('memory://hub') })
    world.clock.advance(5_000)
    expect([doubter.dialled.length, caller.dialled.length]).toEqual([1, 1])
  })

  it('cannot make a peer dial more than sixteen places, or any of them twice', () => {
    const world = new World(1)
    const a = world.player('a', ids[0] as (typeof ids)[number], {}, {})
    for (let round = 0; round < 5; round++) {
      want(a, candidate([`memory://silent${round}`]))
      world.clock.advance(1)
      const connection = `out/${[...a.ends.keys()].length - 1}` as const
      const tries = Array.from({ length: 40 }, (_, index) =>
        candidate([`tcp://198.51.100.${index}:4000`], { peer: ids[index + 1] as (typeof ids)[number] }),
      )
      a.input({ type: 'failed', connection, code: 'ERR_LIMIT', tries })
      world.clock.advance(20_000)
    }
    expect(a.dialled.filter(({ host }) => host.startsWith('198.51.100.'))).toHaveLength(16)
  })
})

describe('a busy pool over TCP', () => {
  const open: Pool[] = []
  const listening = async (more: Partial<PoolOptions> = {}): Promise<Pool> => {
    const identity = createIdentity()
    const addressRecord = (): AddressRecord => createAddressRecord(identity, { seq: 1, addresses: made.addresses })
    const made: Pool = createPool({ identity, transports: [tcp()], network: 'test', addressRecord, ...more })
    open.push(made)
    await made.listen({ host: '127.0.0.1' })
    return made
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()))
  })
  const addressOf = (target: Pool): Address => {
    const [found] = target.addresses
    if (!found) throw new Error('listening')
    return found
  }

  it('sends a newcomer to those who dialled it, which links within a second', async () => {
    const full = await listening({ limits: { maxLinks: 2 } })
    const others = [await listening(), await listening()]
    const links = await Promise.all(others.map((other) => other.connect(addressOf(full))))
    expect(links).toHaveLength(2)
    for (const other of others) {
      const { addresses } = full.recordOf([...full.links.keys()][others.indexOf(other)] as never) ?? {}
      expect(others.map((each) => printAddress(addressOf(each)))).toContain(addresses?.map(printAddress)[0])
    }
    const newcomer = await listening()
    const linked = new Promise<Link>((resolve) => newcomer.once('link', resolve))
    const from = performance.now()
    newcomer.want({ peer: null, addresses: [addressOf(full)], source: 'test' }, { topic })
    const link = await linked
    expect(performance.now() - from).toBeLessThan(1_000)
    expect([...full.links.keys()]).toContain(link.remote)
    expect(newcomer.inspect().queue.some(({ why }) => why === 'ERR_LIMIT')).toBe(true)
  })

  it('names those it dialled where nobody has a record', async () => {
    const [full, other] = [await listening({ limits: { maxLinks: 1 } }), await listening({ addressRecord: () => null })]
    await full.connect(addressOf(other))
    const newcomer = await listening()
    const linked = new Promise<Link>((resolve) => newcomer.once('link', resolve))
    newcomer.want({ peer: null, addresses: [addressOf(full)], source: 'test' }, { topic })
    expect(full.links.has((await linked).remote)).toBe(true)
  })

  it('still answers when its record cannot be made', async () => {
    const full = await listening({
      limits: { maxLinks: 1 },
      addressRecord: () => {
        throw new Error('a mistake of the application')
      },
    })
    const warned = new Promise((resolve) => full.once('warning', resolve))
    const [one, two] = [await listening(), await listening()]
    await one.connect(addressOf(full))
    expect(await warned).toMatchObject({ message: 'a mistake of the application' })
    expect(await outcome(two.connect(addressOf(full)))).toMatchObject({ code: 'ERR_LIMIT' })
  })
})
