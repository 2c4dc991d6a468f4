// Commands on machines that share a bridge and nothing else: no default route, no Internet, no other way to meet than mDNS.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { freshTopic, hearsay, start } from './command.js'
import { addressOf, createLan, type Family, type LanLab, type Told, whyNoLan } from './lan-lab.js'

const why = whyNoLan()
if (why) console.log(`skipped: ${why}`)

const labs: LanLab[] = []
afterEach(() => Promise.all(labs.splice(0).map((lab) => lab.close())))

function lan(machines: readonly (readonly number[])[], family: Family): LanLab {
  const lab = createLan(machines, family)
  labs.push(lab)
  return lab
}

/** When it said the first thing of this type, in milliseconds on this process's clock; the test's timeout is the limit. */
async function timeOf(told: Told, type: string): Promise<number> {
  for (;;) {
    const { at } = told.said.find(({ object }) => object.type === type) ?? {}
    if (at !== undefined) return at
    if (told.child.exitCode !== null) throw new Error(`ended without ${type}: ${(await told.ended).stderr}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function idOf(told: Told): Promise<string> {
  await timeOf(told, 'listening')
  return String(told.said.find(({ object }) => object.type === 'listening')?.object.peer)
}

describe.skipIf(why).each([4, 6] as const)('over IPv%i alone, with no other network', (family) => {
  it.each(['sub', 'pub'])('two machines meet within a second of the later start, that of %s', async (last) => {
    const lab = lan([[0], [0]], family)
    const topic = freshTopic()
    const sub = (): Told => lab.run(0, ['sub', topic, '--count', '1', '--timeout', '20'])
    const pub = (): Told => lab.run(1, ['pub', topic, 'hello'])
    const [first, later] = last === 'sub' ? [pub, sub] : [sub, pub]
    const earlier = first()
    await timeOf(earlier, 'listening')
    const told = later()
    const tookMs = (await timeOf(told, 'peer')) - (await timeOf(told, 'listening'))
    console.log(`IPv${family}: met ${Math.round(tookMs)} ms after the later start`)
    expect(tookMs).toBeLessThan(1_000)
    expect((await Promise.all([earlier.ended, told.ended])).map(({ code }) => code)).toEqual([0, 0])
    const other = addressOf(last === 'sub' ? 1 : 0, 0, family)
    const { address } = told.said.find(({ object }) => object.type === 'peer')?.object ?? {}
    // Of two links that come up at once either may stay, so the port may be the other's listener or not.
    expect(address).toContain(family === 4 ? `tcp://${other}:` : `tcp://[${other}%eth0]:`)
  })
})

it.skipIf(why)('ten machines are fully linked three seconds after the last one listens', async () => {
  const lab = lan(
    Array.from({ length: 10 }, () => [0]),
    4,
  )
  const topic = freshTopic()
  const all = Array.from({ length: 10 }, (_, machine) => lab.run(machine, ['sub', topic]))
  const started = await Promise.all(all.map((one) => timeOf(one, 'listening')))
  await expect.poll(() => all.map(({ peers }) => peers.size), { timeout: 10_000 }).toEqual(all.map(() => 9))
  const linked = Math.max(...all.flatMap(({ said }) => said.map(({ at }) => at)))
  console.log(`ten machines: fully linked ${Math.round(linked - Math.max(...started))} ms after the last start`)
  expect(linked - Math.max(...started)).toBeLessThan(3_000)
})

it.skipIf(why)('two networks do not hear each other, not even through a machine that is on both', async () => {
  const lab = lan([[0], [0], [1], [1], [0, 1]], 4)
  const topic = freshTopic()
  const recorders = [recordAt(lab, 0), recordAt(lab, 2)]
  await Promise.all(recorders.map(({ ready }) => ready))
  const all = Array.from({ length: 5 }, (_, machine) => lab.run(machine, ['sub', topic, '--no-exchange']))
  const ids = await Promise.all(all.map(idOf))
  const wanted = [
    [1, 4],
    [0, 4],
    [3, 4],
    [2, 4],
    [0, 1, 2, 3],
  ].map((list) => list.map((i) => ids[i]).sort())
  await expect.poll(() => all.map(({ peers }) => [...peers].sort()), { timeout: 10_000 }).toEqual(wanted)
  for (const { child } of all) child.kill('SIGTERM')
  expect((await Promise.all(all.map(({ ended }) => ended))).map(({ code }) => code)).toEqual(all.map(() => 143))
  expect(all.map(({ peers }) => [...peers].sort())).toEqual(wanted)
  for (const [i, recorder] of recorders.entries()) {
    const heard = new Set((await recorder.stop()).map(({ source }) => source))
    const machines = i === 0 ? [0, 1, 4] : [2, 3, 4]
    expect([...heard].sort()).toEqual(machines.map((machine) => addressOf(machine, i, 4)).sort())
  }
})

it.skipIf(why)('who repeats what others announce, 10,000 times at other ports, keeps nobody from meeting', async () => {
  const lab = lan([[0], [0], [0]], 4)
  const topic = freshTopic()
  const flooder = programAt(lab, 2, FLOODER)
  await flooder.line('ready')
  const sub = lab.run(0, ['sub', topic, '--count', '1', '--timeout', '20'])
  await flooder.line('flooded')
  const pub = lab.run(1, ['pub', topic, 'hello'])
  const tookMs = (await timeOf(pub, 'peer')) - (await timeOf(pub, 'listening'))
  console.log(`met ${Math.round(tookMs)} ms after the later start, in a flood`)
  expect(tookMs).toBeLessThan(5_000)
  expect((await Promise.all([sub.ended, pub.ended])).map(({ code }) => code)).toEqual([0, 0])
  await flooder.stop()
})

it.skipIf(!hasIPv6())('on one machine a node that is bound to ::1 meets one that is bound to nothing', async () => {
  const [topic, own] = [freshTopic(), ['--json', '-v', '--no-dht', '--ephemeral']]
  const sub = start(['sub', topic, '--count', '1', '--timeout', '20', '--host', '::1', ...own])
  const { addresses } = JSON.parse(await sub.line('"listening"'))
  expect(addresses).toEqual(['tcp', 'utp'].map((scheme) => expect.stringMatching(`^${scheme}://\\[::1\\]:\\d+$`)))
  const pub = await hearsay(['pub', topic, 'hello', ...own])
  expect([pub.code, (await sub.ended).code]).toEqual([0, 0])
})

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
}

interface Packet {
  readonly source: string
  readonly hex: string
}

/** What every program below begins with: a socket on its machine's first network. */
const SOCKET = `
const socket = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true })
const host = process.argv[1]
socket.bind(5353, '0.0.0.0', () => {
  socket.addMembership('224.0.0.251', host)
  socket.setMulticastInterface(host)
  console.log('ready')
})
process.stdin.resume().on('end', () => process.exit())
`
const RECORDER = `${SOCKET}
socket.on('message', (bytes, from) => console.log(JSON.stringify({ source: from.address, hex: bytes.toString('hex') })))
`
/** Takes the first announcement of each machine and says it 10,000 times more, under other labels, at other ports. */
const FLOODER = `${SOCKET}
const seen = new Set([host])
socket.on('message', async (bytes, { address }) => {
  const text = bytes.toString('latin1')
  const label = bytes.subarray(text.indexOf('&')).toString('latin1', 2, 18)
  if (seen.has(address) || !text.includes('v=1')) return
  seen.add(address)
  for (let i = 0; i < 10_000; i++) {
    const other = Buffer.from(text.replaceAll(label, i.toString(16).padStart(16, '0')), 'latin1')
    const location = other.indexOf('002180010000', 'hex')
    other.writeUInt16BE(2_000 + i, location + 14)
    await new Promise((resolve) => socket.send(other, 5353, '224.0.0.251', resolve))
  }
  console.log('flooded')
})
`

/** A program of Node on a machine; what it says comes in lines. */
function programAt(lab: LanLab, machine: number, text: string) {
  const [command = '', ...args] = lab.command(machine)
  const address = addressOf(machine, machine === 2 && text === RECORDER ? 1 : 0, 4)
  const child = spawn(command, [...args, process.execPath, '-e', text, address], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const line = (text: string) => expect.poll(() => lines, { timeout: 10_000, interval: 10 }).toContain(text)
  const stop = async (): Promise<void> => {
    child.stdin.end()
    if (child.exitCode === null) await once(child, 'close')
  }
  return { lines, line, stop }
}

/** Everything that a machine's mDNS port hears of others on its first network. */
function recordAt(lab: LanLab, machine: number): { readonly ready: Promise<unknown>; stop(): Promise<Packet[]> } {
  const program = programAt(lab, machine, RECORDER)
  const stop = async (): Promise<Packet[]> => {
    await program.stop()
    const packets = program.lines.filter((line) => line !== 'ready').map((line) => JSON.parse(line) as Packet)
    return packets.filter(({ source }) => !source.startsWith('127.'))
  }
  return { ready: program.line('ready'), stop }
}
