// What the command does with its input, its output and its endings.

import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freshTopic, hearsay, objects, start } from './command.js'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hearsay-cli-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const ALONE = ['--no-dht', '--no-mdns', '--ephemeral', '--host', '127.0.0.1'] as const

/** A subscriber that others reach by its address. */
async function subscriber(topic: string, ...args: readonly string[]) {
  const sub = start(['sub', topic, '-v', '--json', '--timeout', '20', ...args, ...ALONE])
  const { addresses } = JSON.parse(await sub.line('"listening"'))
  return { ...sub, dial: [...ALONE, '--no-listen', '--seed-peer', addresses[0] as string] }
}

describe('pub', () => {
  it('sends each line of stdin as a string: empty ones, with CRLF, and a last one without its end', async () => {
    const topic = freshTopic()
    const sub = await subscriber(topic, '--count', '5')
    const pub = await hearsay(['pub', topic, ...sub.dial], { input: '1\n\ntwo\r\n{"a":1}\nlast' })
    expect(pub).toMatchObject({ code: 0, stdout: '' })
    const heard = objects((await sub.ended).stdout).filter(({ type }) => type === 'message')
    expect(heard.map(({ data, seq }) => [seq, data])).toEqual([
      [0, '1'],
      [1, ''],
      [2, 'two'],
      [3, '{"a":1}'],
      [4, 'last'],
    ])
  })

  it('sends parsed values with --input json, and refuses a line that is none', async () => {
    const topic = freshTopic()
    const sub = await subscriber(topic, '--count', '2')
    const pub = await hearsay(['pub', topic, '--input', 'json', ...sub.dial], { input: '{"a":1}\n7\n' })
    expect(pub.code).toBe(0)
    const heard = objects((await sub.ended).stdout).filter(({ type }) => type === 'message')
    expect(heard.map(({ data }) => data)).toEqual([{ a: 1 }, 7])
    const again = await subscriber(topic)
    const refused = await hearsay(['pub', topic, '--input', 'json', '--json', ...again.dial], { input: 'nonsense\n' })
    expect(refused.code).toBe(2)
    expect(objects(refused.stderr)).toEqual([
      { type: 'error', code: 'ERR_ENCODING', message: expect.any(String), remedy: expect.any(String) },
    ])
    again.child.kill('SIGTERM')
    await again.ended
  })

  it('publishes 5,000 lines, each once and in order', async () => {
    const topic = freshTopic()
    const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index}`)
    const sub = await subscriber(topic, '--count', '5000')
    const pub = await hearsay(['pub', topic, '--json', ...sub.dial], { input: lines.join('\n') })
    expect(pub.code).toBe(0)
    expect(objects(pub.stdout)).toHaveLength(5_000)
    const heard = objects((await sub.ended).stdout).filter(({ type }) => type === 'message')
    expect(heard.map(({ data }) => data)).toEqual(lines)
  })

  it('exits 3 with a remedy when nobody joins the topic in time', async () => {
    const pub = await hearsay(['pub', freshTopic(), 'x', '--timeout', '0.5', '--json', ...ALONE])
    expect(pub.code).toBe(3)
    expect(objects(pub.stderr)).toEqual([
      { type: 'error', code: 'ERR_NO_PEER', message: expect.any(String), remedy: expect.any(String) },
    ])
  })
})

describe('sub', () => {
  it('exits 4 when its time ends with fewer messages than wanted', async () => {
    expect((await hearsay(['sub', freshTopic(), '--timeout', '0.5', ...ALONE])).code).toBe(4)
    expect((await hearsay(['sub', freshTopic(), '--count', '2', '--timeout', '0.5', ...ALONE])).code).toBe(4)
  })

  it('ends with 130 and 143 on signals, after a clean leave', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const sub = start(['sub', freshTopic(), '-v', ...ALONE])
      await sub.line('listening on')
      sub.child.kill(signal)
      expect(await sub.ended).toMatchObject({ code, signal: null })
    }
  })

  it('ends quietly with 0 when nobody reads its output any more', async () => {
    const topic = freshTopic()
    const sub = await subscriber(topic)
    sub.child.stdout?.destroy()
    await hearsay(['pub', topic, ...sub.dial, '--timeout', '5'], { input: 'a\nb\nc\n' })
    expect(await sub.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('shows nothing raw that a remote sent: not in lines, not in JSON', async () => {
    const topic = freshTopic()
    const evil = 'a\u001b[31mred\u0007\u202egnp.exe\u200b\u009b2J'
    for (const json of [[], ['--json']]) {
      const sub = start(['sub', topic, '--count', '1', '--timeout', '20', '-v', ...json, ...ALONE])
      const address = /tcp:\/\/[\d.]+:\d+/.exec(await sub.line('tcp://'))?.[0] ?? ''
      await hearsay(['pub', topic, evil, ...ALONE, '--no-listen', '--seed-peer', address])
      const { stdout } = await sub.ended
      const unsafe = [...stdout].filter((letter) => /[\p{Cc}\p{Cf}]/u.test(letter) && letter !== '\n')
      expect(unsafe).toEqual([])
      if (json.length > 0) expect(objects(stdout).at(-1)?.data).toBe(evil)
      else expect(stdout).toContain('a\\u{1b}[31mred\\u{7}\\u{202e}gnp.exe\\u{200b}\\u{9b}2J\n')
    }
  })
})

describe('a private topic', () => {
  it('is heard by those who have the passphrase, and by nobody else', async () => {
    const [topic, file] = [freshTopic(), join(directory, 'secret')]
    await writeFile(file, 'four words like these\n')
    const member = await subscriber(topic, '--count', '1', '--secret-file', file)
    const stranger = start(['sub', topic, '--timeout', '3', '--json', '-v', ...member.dial])
    const pub = await hearsay(['pub', topic, 'for us', '--secret-file', file, ...member.dial])
    expect(pub.code).toBe(0)
    expect(objects((await member.ended).stdout).at(-1)).toMatchObject({ type: 'message', data: 'for us' })
    const { code, stdout } = await stranger.ended
    expect([code, objects(stdout).map(({ type }) => type)]).toEqual([4, ['listening']])
  })
})

describe('id', () => {
  it('makes a key once, with mode 0600 in a directory with mode 0700, and shows it', async () => {
    const data = join(directory, 'id')
    const [first, second] = [
      await hearsay(['id', '--data-dir', data]),
      await hearsay(['id', 'show', '--json', '--data-dir', data]),
    ]
    expect(first.stdout).toMatch(/^[a-z0-9]{52}\n$/)
    expect(objects(second.stdout)).toEqual([{ type: 'id', peer: first.stdout.trim() }])
    expect((await stat(join(data, 'identity'))).mode & 0o777).toBe(0o600)
    expect((await stat(data)).mode & 0o777).toBe(0o700)
  })

  it('exports the secret and imports it elsewhere; a new key keeps the old one beside it', async () => {
    const [one, two] = [join(directory, 'one'), join(directory, 'two')]
    const { stdout: name } = await hearsay(['id', '--data-dir', one])
    const { stdout: secret } = await hearsay(['id', 'export', '--data-dir', one])
    expect((await hearsay(['id', 'import', '--data-dir', two], { input: secret })).stdout).toBe(name)
    const { stdout: other } = await hearsay(['id', 'new', '--data-dir', two])
    expect(other).not.toBe(name)
    expect(await readFile(join(two, `identity.${name.trim()}`), 'utf8')).toBe(
      await readFile(join(one, 'identity'), 'utf8'),
    )
  })

  it('exits 5 and names the chmod when others may read the key', async () => {
    const data = join(directory, 'loose')
    await hearsay(['id', '--data-dir', data])
    await chmod(join(data, 'identity'), 0o644)
    const refused = await hearsay(['sub', freshTopic(), '--json', '--no-mdns', '--no-dht', '--data-dir', data])
    expect(refused.code).toBe(5)
    expect(objects(refused.stderr)[0]).toMatchObject({
      code: 'ERR_IDENTITY_MODE',
      remedy: expect.stringContaining('chmod 600'),
    })
  })
})

describe('endings', () => {
  it.each([
    [['nonsense']],
    [['sub']],
    [['sub', 'x', '--count', '0']],
    [['sub', 'x', '--timeout', 'soon']],
    [['sub', 'x', '--port', '70000']],
    [['sub', 'x', '--seed-peer', 'tcp://0x7f.1:1']],
    [['sub', 'x', '--host', 'nowhere', '--ephemeral', '--no-mdns', '--no-dht']],
    [['pub', 'x', '--input', 'xml']],
    [['node']],
  ])('%j exits 2', async (args) => {
    expect((await hearsay(args)).code).toBe(2)
  })

  it('exits 6 when no socket can be opened', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as { port: number }
    const refused = await hearsay(['sub', freshTopic(), '--json', '--port', String(port), ...ALONE])
    taken.close()
    expect(refused.code).toBe(6)
    expect(objects(refused.stderr)[0]).toMatchObject({ type: 'error', code: 'ERR_LISTEN' })
  })

  it('takes global options before and after the command', async () => {
    for (const args of [
      ['--ephemeral', '--json', 'id'],
      ['id', '--ephemeral', '--json'],
    ]) {
      expect(objects((await hearsay(args)).stdout)).toEqual([{ type: 'id', peer: expect.any(String) }])
    }
  })

  it('takes options from the environment', async () => {
    const { stdout } = await hearsay(['id'], { env: { HEARSAY_JSON: '1', HEARSAY_EPHEMERAL: '1' } })
    expect(objects(stdout)).toEqual([{ type: 'id', peer: expect.any(String) }])
    expect((await hearsay(['id'], { env: { HEARSAY_EPHEMERAL: 'maybe' } })).code).toBe(2)
  })

  it('shows its version and its help with 0', async () => {
    expect(await hearsay(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Commands:') })
  })
})

describe('node --bootstrap-server', () => {
  it('tells its address first, once the network answers, and leaves on a signal', async () => {
    const server = start(['node', '--bootstrap-server', '--host', '127.0.0.1', '--json'])
    const first = JSON.parse(await server.line('bootstrap'))
    expect(first).toEqual({ type: 'bootstrap', address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) })
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 143, stderr: '' })
  })
})

describe('chat', () => {
  it('publishes what is typed, prints what is heard, and leaves at the end of input', async () => {
    const topic = freshTopic()
    const first = start(['chat', topic, '-v', ...ALONE])
    const address = /tcp:\/\/[\d.]+:\d+/.exec(await first.line('tcp://'))?.[0] ?? ''
    const second = start(['chat', topic, ...ALONE, '--no-listen', '--seed-peer', address])
    await Promise.all([first.line('is here'), second.line('is here')])
    first.child.stdin?.write('hello\n')
    await second.line(': hello')
    second.child.stdin?.end('good bye\n')
    await first.line(': good bye')
    first.child.stdin?.end()
    expect([await first.ended, await second.ended]).toMatchObject([{ code: 0 }, { code: 0 }])
  })
})
