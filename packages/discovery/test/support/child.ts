// Runs a program of this directory in a process of its own, from the sources, optionally behind another command such as
// `ip netns exec`.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

interface Resolved {
  readonly path: string
  readonly external?: boolean
}
interface EsbuildPlugin {
  readonly name: string
  setup(build: {
    onResolve(on: { filter: RegExp }, run: (found: { path: string; importer: string }) => Resolved | undefined): void
  }): void
}
interface Esbuild {
  build(options: { readonly plugins: readonly EsbuildPlugin[]; readonly [option: string]: unknown }): Promise<unknown>
}

const packages = fileURLToPath(new URL('../../..', import.meta.url))
const require = createRequire(import.meta.url)
const esbuild = createRequire(require.resolve('tsup'))('esbuild') as Esbuild

/** Our packages from their sources; everything else stays where it is installed. */
const fromSources: EsbuildPlugin = {
  name: 'from-sources',
  setup(build) {
    build.onResolve({ filter: /^@hearsay\// }, ({ path }) => {
      const [, name = '', entry = 'index'] = path.split('/')
      return { path: join(packages, name, 'src', `${entry}.ts`) }
    })
    build.onResolve({ filter: /^[a-z]/ }, ({ path, importer }) => {
      if (importer === '' || path.startsWith('node:')) return undefined
      return { path: pathToFileURL(installed(path, importer)).href, external: true }
    })
  },
}

function installed(name: string, importer: string): string {
  const resolver = createRequire(importer)
  try {
    return resolver.resolve(name)
  } catch {
    // An ES module alone, which `require` does not see.
    const homes = (resolver.resolve.paths(name) ?? []).map((place) => join(place, name))
    const home = homes.find((each) => existsSync(join(each, 'package.json'))) ?? name
    return join(home, JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).exports.import)
  }
}

export interface Program {
  /** Starts it once more; `behind` is a command that it runs behind. */
  run(args: readonly string[], behind?: readonly string[]): RunningProgram
  remove(): Promise<void>
}

export interface RunningProgram {
  readonly process: ChildProcess
  /** The next line of its standard output; rejects if it ends before. */
  line(): Promise<string>
  /** Its exit code and what it wrote to standard error. */
  readonly ended: Promise<{ readonly code: number | null; readonly complaints: string }>
}

/** Bundles `test/support/<name>.ts` once, or the program whose text is given. */
export async function compile(from: { readonly name: string } | { readonly text: string }): Promise<Program> {
  const directory = await mkdtemp(join(tmpdir(), 'hearsay-discovery-'))
  const outfile = join(directory, 'program.mjs')
  const entry =
    'text' in from ? join(directory, 'entry.mjs') : join(packages, 'discovery/test/support', `${from.name}.ts`)
  if ('text' in from) await writeFile(entry, from.text)
  await esbuild.build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
    plugins: [fromSources],
  })
  return {
    run: (args, behind = []) => start([...behind, process.execPath, outfile, ...args]),
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

function start([command = '', ...args]: readonly string[]): RunningProgram {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: string[] = []
  const readers: { resolve(line: string): void; reject(error: Error): void }[] = []
  let complaints = ''
  let rest = ''
  child.stderr.on('data', (chunk) => {
    complaints += String(chunk)
  })
  child.stdout.on('data', (chunk) => {
    const parts = (rest + String(chunk)).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) {
      const reader = readers.shift()
      if (reader) reader.resolve(line)
      else lines.push(line)
    }
  })
  const ended = new Promise<{ code: number | null; complaints: string }>((resolve) => {
    child.on('close', (code) => {
      for (const { reject } of readers) reject(new Error(`ended with ${code}: ${complaints}`))
      resolve({ code, complaints })
    })
  })
  const line = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const next = lines.shift()
      if (next === undefined) readers.push({ resolve, reject })
      else resolve(next)
    })
  return { process: child, line, ended }
}
