// Two machines behind two NATs, with a public network between them, made of network namespaces. It needs root, `ip` and
// `nft`; whatever happens, `close` removes what it made.

import { execFileSync } from 'node:child_process'
import { bundled, type Program, start } from './program.js'

export type { Program } from './program.js'

/** How a router chooses the port that the outside sees: that of the inside if it can, or another one for each remote. */
export type NatKind = 'masquerade' | 'symmetric'

/** Where a program can run. */
export type Place = 'public' | 'inside1' | 'inside2'

export interface NatLab {
  run(where: Place, ...args: string[]): Program
  close(): Promise<void>
}

/** Addresses of the public network's hosts: such as no library takes for private or reserved. */
export const PUBLIC_HOSTS = [1, 2, 3, 4, 5, 6].map((last) => `20.0.0.${last}`)

/** Why there can be no lab here; null if there can. */
export function whyNoNatLab(): string | null {
  return whyNoNamespaces((probe) => inside(probe, 'nft', 'add', 'table', 'ip', 'nat'))
}

/** Why there can be no namespaces here, or not what is tried in one; null if there can. */
export function whyNoNamespaces(attempt: (probe: string) => void): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces need root on Linux'
  const probe = `hs${process.pid}-probe`
  try {
    ip('netns', 'add', probe)
    attempt(probe)
    return null
  } catch (error) {
    return `network namespaces or nft do not work here: ${error instanceof Error ? error.message.split('\n')[0] : error}`
  } finally {
    forget(probe)
  }
}

/** A lab whose programs are `script`, an absolute path of a TypeScript file of this package. */
export async function createNatLab(script: string, kinds: readonly [NatKind, NatKind]): Promise<NatLab> {
  const prefix = `hs${process.pid}-`
  const spaces = ['pub', 'nat1', 'nat2', 'in1', 'in2'].map((name) => prefix + name)
  const programs: Program[] = []
  const bundle = await bundled(script)
  const remove = (): void => {
    for (const program of programs) void program.kill()
    for (const space of spaces) forget(space)
    bundle.remove()
  }
  // A run that is stopped in the middle leaves nothing either.
  process.once('exit', remove)
  const close = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.kill()))
    remove()
    process.removeListener('exit', remove)
  }
  try {
    for (const space of spaces) makeSpace(space)
    makePublic(`${prefix}pub`)
    for (const [index, kind] of kinds.entries()) makeHome(prefix, index + 1, kind)
  } catch (error) {
    await close()
    throw error
  }
  const names: Readonly<Record<Place, string>> = { public: 'pub', inside1: 'in1', inside2: 'in2' }
  const run = (where: Place, ...args: string[]): Program => {
    const command = ['netns', 'exec', prefix + names[where], process.execPath, bundle.file, ...args]
    const program = start('ip', command)
    programs.push(program)
    return program
  }
  return { run, close }
}

export function makeSpace(space: string): void {
  forget(space)
  ip('netns', 'add', space)
  ip('-n', space, 'link', 'set', 'lo', 'up')
}

/** One bridge with all public addresses. */
function makePublic(space: string): void {
  ip('-n', space, 'link', 'add', 'br0', 'type', 'bridge')
  ip('-n', space, 'link', 'set', 'br0', 'up')
  for (const host of PUBLIC_HOSTS) ip('-n', space, 'addr', 'add', `${host}/24`, 'dev', 'br0')
}

/** A router between the public network and one machine, which lets in only what answers. */
function makeHome(prefix: string, number: number, kind: NatKind): void {
  const [nat, machine] = [`${prefix}nat${number}`, `${prefix}in${number}`]
  ip('link', 'add', 'wan', 'netns', nat, 'type', 'veth', 'peer', 'name', `p${number}`, 'netns', `${prefix}pub`)
  ip('-n', `${prefix}pub`, 'link', 'set', `p${number}`, 'master', 'br0', 'up')
  ip('link', 'add', 'lan', 'netns', nat, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', machine)
  for (const [space, address, device] of [
    [nat, `20.0.0.10${number}/24`, 'wan'],
    [nat, `192.168.${number}.1/24`, 'lan'],
    [machine, `192.168.${number}.2/24`, 'eth0'],
  ] as const) {
    ip('-n', space, 'addr', 'add', address, 'dev', device)
    ip('-n', space, 'link', 'set', device, 'up')
  }
  ip('-n', machine, 'route', 'add', 'default', 'via', `192.168.${number}.1`)
  inside(nat, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
  execFileSync('ip', ['netns', 'exec', nat, 'nft', '-f', '-'], { input: rules(kind) })
}

function rules(kind: NatKind): string {
  return `table ip nat {
  chain n_post {
    type nat hook postrouting priority srcnat
    oifname "wan" masquerade ${kind === 'symmetric' ? 'fully-random' : ''}
  }
}
table ip filter {
  chain f_forward {
    type filter hook forward priority filter
    policy drop
    iifname "lan" accept
    ct state established,related accept
  }
  chain f_input {
    type filter hook input priority filter
    policy drop
    iifname { "lo", "lan" } accept
    ct state established,related accept
  }
}
`
}

export function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function inside(space: string, ...command: string[]): void {
  ip('netns', 'exec', space, ...command)
}

export function forget(space: string): void {
  try {
    ip('netns', 'del', space)
  } catch {
    // It was not there.
  }
}
