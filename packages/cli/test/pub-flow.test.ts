// How `pub` and its neighbours behave when input is slow, peers stop, and readers go away.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { freshTopic, hearsay, objects, start } from './command.js'

const ALONE = ['--no-dht', '--no-mdns', '--ephemeral', '--host', '127.0.0.1'] as const
const bin = fileURLToPath(new URL('../dist/bin.js', import.meta.url))

async function subscriber(topic: string) {
  const sub = start(['sub', topic, '-v', '--json', '--timeout', '25', ...ALONE])
  const { addresses } = JSON.parse(await sub.line('"listening"'))
  return { ...sub, dial: [...ALONE, '--no-listen', '--seed-peer', addresses[0] as string] }
}

describe('pub', () => {
  it('does not give up while stdin is slow and everything is confirmed', async () => {
    const topic = freshTopic()
    const sub = await subscriber(topic)
    const pub = start(['pub', topic, '--json', '--timeout', '1', ...sub.dial])
    pub.child.stdin?.write('a\n')
    await pub.line('"published"')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    pub.child.stdin?.end('b\n')
    expect(await pub.ended).toMatchObject({ code: 0, stderr: '' })
    sub.child.kill('SIGTERM')
    await sub.ended
  })

  it('exits 4 when nothing is confirmed for as long as allowed, however much is published meanwhile', async () => {
    const topic = freshTopic()
    const sub = await subscriber(topic)
    const pub = start(['pub', topic, '--json', '--timeout', '2', ...sub.dial])
    pub.child.stdin?.write('a\n')
    await pub.line('"published"')
    sub.child.kill('SIGSTOP')
    const talking = setInterval(() => pub.child.stdin?.write('more\n'), 200)
    const stoppedAt = performance.now()
    const { code, stderr } = await pub.ended
    clearInterval(talking)
    sub.child.kill('SIGCONT')
    sub.child.kill('SIGTERM')
    await sub.ended
    expect([code, objects(stderr)[0]?.code]).toEqual([4, 'ERR_TIMEOUT'])
    expect(performance.now() - stoppedAt).toBeLessThan(8_000)
  })

  it('ends on SIGTERM while it waits for stdin', async () => {
    const topic = freshTopic()
    const sub = await subscriber(topic)
    const pub = start(['pub', topic, '--json', ...sub.dial])
    pub.child.stdin?.write('a\n')
    await pub.line('"published"')
    pub.child.kill('SIGTERM')
    expect(await pub.ended).toMatchObject({ code: 143, stderr: '' })
    sub.child.kill('SIGTERM')
    await sub.ended
  })

  it('ends with 0 when the reader of its output goes away', async () => {
    const topic = freshTopic()
    const sub = await subscriber(topic)
    const pub = start(['pub', topic, '--json', ...sub.dial])
    pub.child.stdin?.write('a\n')
    await pub.line('"published"')
    pub.child.stdout?.destroy()
    pub.child.stdin?.end('b\nc\n')
    expect(await pub.ended).toMatchObject({ code: 0, stderr: '' })
    sub.child.kill('SIGTERM')
    await sub.ended
  })

  it('refuses a line above the limit with 2', async () => {
    const topic = freshTopic()
    const sub = await subscriber(topic)
    const pub = await hearsay(['pub', topic, '--json', ...sub.dial], { input: `${'é'.repeat(2_100_000)}\n` })
    expect([pub.code, objects(pub.stderr)[0]?.code]).toEqual([2, 'ERR_MESSAGE_SIZE'])
    sub.child.kill('SIGTERM')
    await sub.ended
  })
})

describe('the command', () => {
  it('says why when its output cannot be written', async () => {
    const child = spawn('sh', ['-c', `exec "${process.execPath}" "${bin}" id --ephemeral --json > /dev/full`])
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const [code] = await once(child, 'close')
    expect([code, objects(stderr)[0]?.code]).toEqual([1, 'ENOSPC'])
  })

  it('tells wrong usage as JSON to those who ask for it', async () => {
    const { code, stderr } = await hearsay(['sub', '--json'])
    expect([code, objects(stderr)]).toEqual([
      2,
      [{ type: 'error', code: 'ERR_USAGE', message: expect.stringContaining('topic'), remedy: expect.any(String) }],
    ])
  })

  it('takes fractions of seconds', async () => {
    expect((await hearsay(['sub', freshTopic(), '--timeout', '0.2099', ...ALONE])).code).toBe(4)
  })

  it('takes an empty variable as unset', async () => {
    const env = { HEARSAY_PORT: '', HEARSAY_SEED_PEER: '', HEARSAY_BOOTSTRAP: '', HEARSAY_TIMEOUT: '' }
    expect(await hearsay(['id', '--ephemeral'], { env })).toMatchObject({ code: 0, stderr: '' })
  })
})
