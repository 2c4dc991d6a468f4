// Commands on machines that share a bridge and nothing else: no default route, no Internet, no other way to meet than mDNS.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { freshTopic } from './command.js'
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

/** When it said the first thing of this type, in milliseconds on this process's clock. */
async function timeOf(told: Told, type: string): Promise<number> {
  const find = (): number | undefined => told.said.find(({ object }) => object.type === type)?.at
  await expect.poll(find, { timeout: 10_000, interval: 10 }).toBeTypeOf('number')
  return find() ?? Number.NaN
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

interface Packet {
  readonly source: string
  readonly hex: string
}

const RECORDER = `
const socket = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true })
socket.on('message', (bytes, from) => console.log(JSON.stringify({ source: from.address, hex: bytes.toString('hex') })))
socket.bind(5353, '0.0.0.0', () => {
  socket.addMembership('224.0.0.251', process.argv[1])
  console.log('ready')
})
process.stdin.resume().on('end', () => socket.close())
`

/** Everything that a machine's mDNS port hears of others on its first network. */
function recordAt(lab: LanLab, machine: number): { readonly ready: Promise<unknown>; stop(): Promise<Packet[]> } {
  const [command = '', ...args] = lab.command(machine)
  const address = addressOf(machine, machine < 2 ? 0 : 1, 4)
  const child = spawn(command, [...args, process.execPath, '-e', RECORDER, address])
  const packets: Packet[] = []
  const lines = createInterface({ input: child.stdout })
  const ready = once(lines, 'line').then(() =>
    lines.on('line', (line) => {
      packets.push(JSON.parse(line))
    }),
  )
  const stop = async (): Promise<Packet[]> => {
    child.stdin.end()
    await once(child, 'close')
    return packets.filter(({ source }) => !source.startsWith('127.'))
  }
  return { ready, stop }
}
