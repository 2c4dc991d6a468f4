import {
  compareAddresses,
  createIdentity,
  hasCode,
  hostAddress,
  isPeerId,
  parseAddress,
  parsePeerId,
  printAddress,
  sameAddress,
  toPeerId,
  withPeer,
} from '@hearsay/core'
import { describe, expect, it } from 'vitest'

const peer = createIdentity({ seed: new Uint8Array(32).fill(3) }).id

const code = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return hasCode(error, 'ERR_ADDRESS', 'ERR_PEER_ID') ? error.code : error
  }
}

describe('an address', () => {
  it.each([
    'tcp://127.0.0.1:1',
    'utp://255.255.255.255:65535',
    'tcp://[2001:db8::1]:4000',
    'tcp://[::1]:4000',
    'tcp://[fe80::1%eth0]:4000',
    'ws://example.org:80/',
    'wss://a.example:443/path/to?x=1',
    'tcp://xn--bcher-kva.example:4000',
    'memory://node-1',
    `hyper://${peer}`,
    `tcp://${peer}@10.0.0.1:9`,
    `memory://${peer}@a.b_c-d`,
  ])('is printed as it was parsed: %s', (text) => {
    expect(printAddress(parseAddress(text))).toBe(text)
  })

  it.each([
    ['tcp://EXAMPLE.org:80', 'tcp://example.org:80'],
    ['ws://a.example:80', 'ws://a.example:80/'],
    ['tcp://[2001:DB8:0:0:0:0:0:1]:4000', 'tcp://[2001:db8::1]:4000'],
    ['tcp://[::FFFF:1.2.3.4]:1', 'tcp://[::ffff:102:304]:1'],
    ['tcp://[2001:0db8::0001]:1', 'tcp://[2001:db8::1]:1'],
    [`hyper://${peer}@`, `hyper://${peer}`],
  ])('has one spelling: %s is %s', (text, canonical) => {
    expect(printAddress(parseAddress(text))).toBe(canonical)
    expect(sameAddress(parseAddress(text), parseAddress(canonical))).toBe(true)
  })

  it.each([
    '',
    'tcp',
    'tcp:',
    'tcp://',
    'tcp://host',
    'tcp://host:',
    'tcp://host:0',
    'tcp://host:65536',
    'tcp://host:080',
    'tcp://host:+80',
    'tcp://host:8e1',
    'tcp://:80',
    'tcp://host:80/',
    'tcp://host:80/path',
    'utp://host:80?x',
    'TCP://host:80',
    'tcp:/host:80',
    'tcp://ho st:80',
    'tcp://host :80',
    ' tcp://host:80',
    'tcp://host:80\n',
    'http://host:80/',
    'udp://host:80',
    'file:///etc/passwd',
    'tcp://user@host:80',
    `tcp://${peer.slice(1)}@host:80`,
    `tcp://${peer.toUpperCase()}@host:80`,
    `tcp://${peer}@${peer}@host:80`,
    `hyper://${peer}@${peer}`,
    'hyper://',
    'hyper://short',
    'memory://',
    'memory://Name',
    'memory://a/b',
    `memory://${'x'.repeat(65)}`,
    'tcp://[::1]',
    'tcp://[::1:80',
    'tcp://::1:80',
    'tcp://[::g]:80',
    'tcp://[1::2::3]:80',
    'tcp://[::1%]:80',
    'tcp://[::1%a%b]:80',
    'tcp://[::1%a b]:80',
    'tcp://[127.0.0.1]:80',
    'tcp://a..b:80',
    'tcp://-a:80',
    'tcp://a-:80',
    'tcp://bücher.example:80',
    `tcp://${'a'.repeat(64)}:80`,
    `tcp://${`${'a'.repeat(60)}.`.repeat(5)}example:80`,
    `tcp://host:80${' '.repeat(1_000)}`,
    `ws://host:80/${'x'.repeat(600)}`,
    'ws://host:80/a b',
    'ws://host:80/ü',
  ])('is not spelt %j', (text) => {
    expect(code(() => parseAddress(text))).toBe('ERR_ADDRESS')
  })

  it.each(loopbackSpellings())('does not hide a loopback address as %j', (host) => {
    expect(code(() => parseAddress(`tcp://${host}:80`))).toBe('ERR_ADDRESS')
  })

  it('is put together from host and port under the same rules', () => {
    expect(printAddress(hostAddress('tcp', '::1', 80))).toBe('tcp://[::1]:80')
    expect(printAddress(hostAddress('ws', '10.0.0.1', 80))).toBe('ws://10.0.0.1:80/')
    expect(code(() => hostAddress('tcp', '127.1', 80))).toBe('ERR_ADDRESS')
    expect(code(() => hostAddress('tcp', 'host', 0))).toBe('ERR_ADDRESS')
    expect(code(() => hostAddress('tcp', 'host', Number.NaN))).toBe('ERR_ADDRESS')
  })

  it('is ordered by its spelling, and can expect a peer', () => {
    const [a, b] = [parseAddress('tcp://a:1'), parseAddress('tcp://b:1')]
    expect([compareAddresses(a, b), compareAddresses(b, a), compareAddresses(a, a)]).toEqual([-1, 1, 0])
    expect(printAddress(withPeer(a, peer))).toBe(`tcp://${peer}@a:1`)
    expect(sameAddress(withPeer(withPeer(a, peer), null), a)).toBe(true)
  })
})

describe('a peer id', () => {
  it('has one spelling of 52 letters', () => {
    const id = toPeerId(new Uint8Array(32))
    expect([id.length, isPeerId(id), parsePeerId(id)]).toEqual([52, true, id])
    // The last letter carries one bit of the key: any other letter with that bit spells the same bytes.
    const others = [...'ybndrfg8ejkmcpqxot1uwisza345h769'].filter((letter) => isPeerId(id.slice(0, 51) + letter))
    expect(others.length).toBe(2)
  })

  it.each([
    ['an empty text', ''],
    ['one letter less', peer.slice(1)],
    ['one letter more', `${peer}y`],
    ['capital letters', peer.toUpperCase()],
    ['a letter that z-base-32 has not', `${peer.slice(0, 51)}l`],
    ['a space', `${peer.slice(0, 51)} `],
    ['a line feed', `${peer.slice(0, 51)}\n`],
  ])('is not %s', (_, text) => {
    expect([isPeerId(text), code(() => parsePeerId(text))]).toEqual([false, 'ERR_PEER_ID'])
  })

  it('is made from 32 bytes only', () => {
    for (const length of [0, 31, 33]) expect(code(() => toPeerId(new Uint8Array(length)))).toBe('ERR_PEER_ID')
  })
})

/** 127.0.0.1 and its neighbours in the notations that inet_aton, browsers or careless parsers take for them. */
function loopbackSpellings(): string[] {
  const bytes = [127, 0, 0, 1]
  const notations = [
    (byte: number) => `0x${byte.toString(16)}`,
    (byte: number) => `0X${byte.toString(16).toUpperCase()}`,
    (byte: number) => `0${byte.toString(8)}`,
    (byte: number) => `00${byte}`,
    (byte: number) => `${byte}`,
  ]
  const mixed = notations.flatMap((first) =>
    notations.flatMap((second) =>
      notations.flatMap((third) => {
        const [a = 0, b = 0, c = 0, d = 0] = bytes
        return [`${first(a)}.${second(b)}.${third(c)}.${first(d)}`, `${first(a)}.${second(b)}.${third(c * 256 + d)}`]
      }),
    ),
  )
  const whole = [2130706433, 0x7f000001, 0x7fffffff, 127].flatMap((number) => [
    `${number}`,
    `0x${number.toString(16)}`,
    `0${number.toString(8)}`,
    `${number}.`,
  ])
  const odd = ['127.1', '127.0.1', '127.0.0.1.', '127.0.0.01', '127.0.0.256', '127.0.0.-1', '127.0.0', '127..0.1']
  const more = [
    '１２７.0.0.1',
    '127。0。0。1',
    '127.0.0.1%25',
    '%31%32%37.0.0.1',
    '127.0.0.1.1',
    '①27.0.0.1',
    '0x7f.1',
    '0x',
  ]
  return [...new Set([...mixed, ...whole, ...odd, ...more])].filter((host) => host !== '127.0.0.1')
}
