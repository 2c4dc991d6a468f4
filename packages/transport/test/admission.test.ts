import { createIdentity, hostAddress, parseAddress } from '@hearsay/core'
import { describe, expect, it } from 'vitest'
import { Admission, networkOf, type Ticket } from '../src/admission.js'
import { dialOrder } from '../src/pool/order.js'

const limits = { maxHalfOpen: 64, maxHalfOpenPerHost: 4, inboundPerSecond: 2, inboundBurst: 10 }
const ipv4 = (index: number): string => `203.0.${index >> 8}.${index & 255}`

/** Streams that come at once; how many are let in. */
function arrivals(admission: Admission, count: number, host: (index: number) => string | null, now = 0): Ticket[] {
  return Array.from({ length: count }, (_, index) => admission.arrive(host(index), now)).filter(
    (ticket) => ticket !== null,
  )
}

describe('inbound streams', () => {
  it.each([63, 64, 65])('are half open 64 at once, of %i from different hosts', (count) => {
    const admission = new Admission(limits)
    expect(arrivals(admission, count, ipv4)).toHaveLength(Math.min(64, count))
    expect(admission.halfOpen).toBe(Math.min(64, count))
  })

  it.each([3, 4, 5])('are half open four at once, of %i from one host', (count) => {
    expect(arrivals(new Admission(limits), count, () => '203.0.113.1')).toHaveLength(Math.min(4, count))
  })

  it.each([9, 10, 11])('come ten in a burst from one host, of %i that finish at once', (count) => {
    const admission = new Admission(limits)
    let admitted = 0
    for (let index = 0; index < count; index++) {
      const ticket = admission.arrive('203.0.113.1', 0)
      if (!ticket) continue
      admitted++
      admission.leave(ticket)
    }
    expect(admitted).toBe(Math.min(10, count))
  })

  it('come two a second from one host after the burst', () => {
    const admission = new Admission(limits)
    const admitted = (now: number): number => {
      const tickets = arrivals(admission, 4, () => '203.0.113.1', now)
      for (const ticket of tickets) admission.leave(ticket)
      return tickets.length
    }
    expect([admitted(0), admitted(0), admitted(0)]).toEqual([4, 4, 2])
    expect([admitted(499), admitted(500), admitted(1_000), admitted(3_000)]).toEqual([0, 1, 1, 4])
  })

  it('count an IPv6 /64 as one host, and the total even for exempt ones', () => {
    const admission = new Admission(limits)
    expect(arrivals(admission, 6, (index) => `2001:db8::${index.toString(16)}`)).toHaveLength(4)
    expect(arrivals(admission, 6, (index) => `2001:db8:0:${index + 1}::1`)).toHaveLength(6)
    expect(arrivals(admission, 100, () => null)).toHaveLength(54)
  })

  it('are forgotten per host in bounded memory', () => {
    const admission = new Admission(limits)
    for (let index = 0; index < 20_000; index++) {
      const ticket = admission.arrive(ipv4(index), index)
      if (ticket) admission.leave(ticket)
    }
    expect(admission.halfOpen).toBe(0)
    // The first host has been forgotten: its burst is whole again.
    for (let index = 0; index < 5; index++) admission.arrive(ipv4(0), 20_000)
    expect(admission.halfOpen).toBe(4)
  })
})

describe('a network of hosts', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
  ])('of %s is %s', (host, network) => {
    expect(networkOf(host)).toBe(network)
  })
})

describe('the order of addresses', () => {
  it('has uTP after all that TCP is refused at once, and hole punching last', () => {
    const [near, far] = ['192.168.1.2', '198.51.100.1']
    const addresses = [
      parseAddress(`hyper://${createIdentity().id}`),
      ...[far, near].flatMap((host) => ['utp', 'tcp', 'ws'].map((scheme) => hostAddress(scheme, host, 1))),
    ]
    expect(dialOrder(addresses).map(({ scheme, host }) => `${scheme} ${host}`)).toEqual([
      ...[near, far].flatMap((host) => [`tcp ${host}`, `ws ${host}`]),
      ...[near, far].map((host) => `utp ${host}`),
      'hyper ',
    ])
  })

  it('is this machine, this network, the rest', () => {
    const hosts = [
      '198.51.100.1',
      'example.org',
      '192.168.1.2',
      '127.0.0.1',
      '2001:db8::1',
      'fd00::1',
      '::1',
      '172.16.0.1',
    ]
    const order = dialOrder(hosts.map((host) => hostAddress('tcp', host, 1))).map(({ host }) => host)
    expect(order).toEqual([
      '127.0.0.1',
      '::1',
      '192.168.1.2',
      'fd00::1',
      '172.16.0.1',
      '198.51.100.1',
      'example.org',
      '2001:db8::1',
    ])
  })
})
