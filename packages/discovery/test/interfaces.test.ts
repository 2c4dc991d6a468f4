import type { NetworkInterfaceInfo } from 'node:os'
import { describe, expect, test } from 'vitest'
import { chooseInterfaces, type LanInterface, linkOf } from '../src/mdns/interfaces.js'

function info(cidr: string, scopeid = 2): NetworkInterfaceInfo {
  const [address = ''] = cidr.split('/')
  const rest = { address, cidr, netmask: '', mac: '', internal: address.startsWith('127') || address === '::1' }
  return address.includes(':') ? { ...rest, family: 'IPv6', scopeid } : { ...rest, family: 'IPv4' }
}

const listing = {
  lo: [info('127.0.0.1/8'), info('::1/128', 0)],
  eth0: [info('192.168.2.10/24'), info('192.168.2.11/24'), info('fd00::10/64', 0), info('fe80::10/64')],
  docker0: [info('172.17.0.1/16')],
  gone: undefined,
}
const chosen = (choice: Parameters<typeof chooseInterfaces>[1]): string[] =>
  chooseInterfaces(listing, choice).map(({ name, address }) => `${name}/${address}`)

describe('chosen are', () => {
  test.each([undefined, '0.0.0.0', '::'])('all interfaces for the host %s', (host) => {
    expect(chosen({ host })).toEqual(['lo/127.0.0.1', 'eth0/192.168.2.10', 'eth0/fe80::10', 'docker0/172.17.0.1'])
  })

  test('those that are named, and loopback', () => {
    expect(chosen({ names: ['eth0'] })).toEqual(['lo/127.0.0.1', 'eth0/192.168.2.10', 'eth0/fe80::10'])
  })

  test.each([
    ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
    ['localhost', '127.0.0.1', '127.0.0.1'],
    ['127.9.9.9', '127.9.9.9', '127.9.9.9'],
    ['::1', '127.0.0.1', '::1'],
  ])('loopback alone for the host %s: packets come from %s and say %s', (host, address, announced) => {
    expect(chooseInterfaces(listing, { host })).toMatchObject([{ name: 'lo', family: 4, address, announced }])
  })

  test.each([
    ['192.168.2.10', ['eth0/192.168.2.10']],
    ['192.168.2.11', ['eth0/192.168.2.11']],
    ['fd00::10', ['eth0/fd00::10']],
    ['fe80::10%eth0', ['eth0/fe80::10']],
    ['192.0.2.1', []],
  ])('for the host %s the interface that has it', (host, ids) => {
    expect(chosen({ host })).toEqual(ids)
  })
})

test('an interface that came back under another number, or with another card, is another interface', () => {
  const idOf = (...infos: NetworkInterfaceInfo[]): string | undefined => chooseInterfaces({ eth0: infos }, {})[0]?.id
  const card = info('10.0.0.1/24')
  expect(idOf(card, info('fe80::1/64', 7))).toBe(idOf(card, info('fe80::1/64', 7), info('10.0.0.2/24')))
  expect(idOf(card, info('fe80::1/64', 8))).not.toBe(idOf(card, info('fe80::1/64', 7)))
  expect(idOf({ ...card, mac: '02:00:00:00:00:02' })).not.toBe(idOf(card))
})

describe('on the link of 192.168.2.10/24 is', () => {
  const [eth0] = chooseInterfaces({ eth0: listing.eth0 }, {}) as [LanInterface]
  test.each(['192.168.2.1', '192.168.2.10', '192.168.2.254'])('%s', (source) => {
    expect(linkOf(eth0)(source)).toBe(true)
  })
  const others = [
    '192.168.3.1',
    '8.8.8.8',
    '127.0.0.1',
    '::ffff:192.168.2.1',
    '0xc0.168.2.1',
    '192.168.2',
    '3232236033',
    '',
  ]
  test.each(others)('not %s', (source) => {
    expect(linkOf(eth0)(source)).toBe(false)
  })
})

describe('on the IPv6 link of eth0 is', () => {
  const [, eth0] = chooseInterfaces({ eth0: listing.eth0 }, {}) as [LanInterface, LanInterface]
  test.each(['fe80::1%eth0', 'fe80::1%2', 'fd00::99'])('%s', (source) => {
    expect(linkOf(eth0)(source)).toBe(true)
  })
  test.each(['fe80::1%eth1', 'fd01::1', '192.168.2.1', '::1'])('not %s', (source) => {
    expect(linkOf(eth0)(source)).toBe(false)
  })
})
