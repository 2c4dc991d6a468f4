// Machines on local networks with no other network, made of network namespaces, bridges and cables. It needs root and `ip`;
// whatever happens, `close` removes what it made.

import { execFileSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { objects, type Running, start } from './command.js'

/** What the machines speak; loopback has both always. */
export type Family = 4 | 6

/** A running command and when it said what. */
export interface Told extends Running {
  /** Lines of stdout, parsed, so far. */
  readonly said: readonly { readonly at: number; readonly object: Readonly<Record<string, unknown>> }[]
  /** The ids in its `peer` lines so far, each once. */
  readonly peers: ReadonlySet<string>
}

export interface LanLab {
  /** Runs `hearsay` on a machine. */
  run(machine: number, args: readonly string[], input?: string): Told
  /** A program of Node on a machine; its namespace is its only network. */
  command(machine: number): readonly string[]
  close(): Promise<void>
}

/** Why there can be no lab here; null if there can. */
export function whyNoLan(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces need root on Linux'
  const probe = `hl${process.pid}-probe`
  try {
    ip('netns', 'add', probe)
    ip('-n', probe, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0')
    return null
  } catch (error) {
    return `network namespaces do not work here: ${error instanceof Error ? error.message.split('\n')[0] : error}`
  } finally {
    forget(probe)
  }
}

/** One machine for each entry of `machines`, which says which networks it is on: `[[0], [0], [0, 1]]`. */
export function createLan(machines: readonly (readonly number[])[], family: Family): LanLab {
  const prefix = `hl${process.pid}-`
  const hub = `${prefix}hub`
  const spaces = machines.map((_, machine) => `${prefix}${machine}`)
  const running: Told[] = []
  const remove = (): void => {
    for (const { child } of running) child.kill('SIGKILL')
    for (const space of [hub, ...spaces]) forget(space)
  }
  // A run that is stopped in the middle leaves nothing either.
  process.once('exit', remove)
  const close = async (): Promise<void> => {
    for (const { child } of running) child.kill('SIGKILL')
    await Promise.all(running.map(({ ended }) => ended))
    remove()
    process.removeListener('exit', remove)
  }
  try {
    makeHub(hub, new Set(machines.flat()))
    for (const [machine, lans] of machines.entries()) makeMachine(spaces[machine] ?? '', { hub, machine, lans, family })
  } catch (error) {
    remove()
    throw error
  }
  const command = (machine: number): readonly string[] => ['ip', 'netns', 'exec', spaces[machine] ?? '']
  const run = (machine: number, args: readonly string[], input?: string): Told => {
    const behind = { behind: command(machine), ...(input !== undefined && { input }) }
    const told = listening(start([...args, '-v', '--json', '--no-dht', '--ephemeral'], behind))
    running.push(told)
    return told
  }
  return { run, command, close }
}

/** Where a machine is on a network. */
export function addressOf(machine: number, lan: number, family: Family): string {
  return family === 4 ? `10.77.${lan}.${machine + 1}` : `fe80::${lan + 1}:${machine + 1}`
}

function makeHub(hub: string, lans: ReadonlySet<number>): void {
  forget(hub)
  ip('netns', 'add', hub)
  for (const lan of lans) {
    ip('-n', hub, 'link', 'add', `br${lan}`, 'type', 'bridge', 'mcast_snooping', '0')
    ip('-n', hub, 'link', 'set', `br${lan}`, 'up')
  }
}

function makeMachine(
  space: string,
  { hub, machine, lans, family }: { hub: string; machine: number; lans: readonly number[]; family: Family },
): void {
  forget(space)
  ip('netns', 'add', space)
  ip('-n', space, 'link', 'set', 'lo', 'up')
  for (const lan of lans) {
    const [device, port] = [`eth${lan}`, `m${machine}n${lan}`]
    ip('link', 'add', device, 'netns', space, 'type', 'veth', 'peer', 'name', port, 'netns', hub)
    ip('-n', hub, 'link', 'set', port, 'master', `br${lan}`, 'up')
    // Only the address that is given, and at once: no time for the detection of duplicates.
    ip('-n', space, 'link', 'set', device, 'addrgenmode', 'none')
    const [bits, ...more] = family === 4 ? ['24'] : ['64', 'nodad']
    ip('-n', space, 'addr', 'add', `${addressOf(machine, lan, family)}/${bits}`, 'dev', device, ...more)
    ip('-n', space, 'link', 'set', device, 'up')
  }
}

function listening(running: Running): Told {
  const said: { at: number; object: Record<string, unknown> }[] = []
  const peers = new Set<string>()
  if (running.child.stdout) {
    createInterface({ input: running.child.stdout }).on('line', (line) => {
      for (const object of objects(line)) {
        said.push({ at: performance.now(), object })
        if (object.type === 'peer') peers.add(String(object.peer))
      }
    })
  }
  return { ...running, said, peers }
}

export function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function forget(space: string): void {
  try {
    ip('netns', 'del', space)
  } catch {
    // It was not there.
  }
}
