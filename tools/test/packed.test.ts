// What a user gets: every package is packed, installed from its tarball into an empty project, and used from there.

import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const names = ['core', 'discovery', 'transport', 'gossip', 'simulator', 'hearsay', 'cli'] as const
const bin = (name: string): string => join(root, 'node_modules', '.bin', name)

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
}

let place: string
const tarballs = new Map<string, string>()
const manifests = new Map<string, Manifest>()

const tarballOf = (name: string): string => tarballs.get(name) ?? ''
const manifestOf = async (name: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(root, 'packages', name, 'package.json'), 'utf8'))

/** The tarballs of a package and of all of ours that it imports. */
function closureOf(name: string): readonly string[] {
  const own = Object.keys(manifests.get(name)?.dependencies ?? {}).flatMap((dependency) => {
    const found = names.find((other) => manifests.get(other)?.name === dependency)
    return found ? closureOf(found) : []
  })
  return [...new Set([tarballOf(name), ...own])]
}

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'hearsay-packed-'))
  for (const name of names) {
    manifests.set(name, await manifestOf(name))
    const into = join(place, 'tarballs', name)
    await mkdir(into, { recursive: true })
    await run('npx', ['--yes', 'pnpm@10.34.9', 'pack', '--pack-destination', into], {
      cwd: join(root, 'packages', name),
    })
    const [file = ''] = await readdir(into)
    tarballs.set(name, join(into, file))
  }
})
afterAll(() => rm(place, { recursive: true, force: true }))

describe.each(names)('the packed %s', (name) => {
  it('installs into an empty project with no install script, and every entry loads by import and by require as one copy', async () => {
    const project = join(place, `project-${name}`)
    await mkdir(project)
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...closureOf(name)], { cwd: project })
    const { name: packageName, exports } = manifests.get(name) as Manifest
    const entries = Object.keys(exports).filter((entry) => entry !== './package.json')
    const specifiers = entries.map((entry) => packageName + entry.slice(1))
    await writeFile(join(project, 'load.mjs'), loaderOf(specifiers))
    const { stdout, stderr } = await run(process.execPath, ['load.mjs'], { cwd: project })
    expect(stderr).toBe('')
    expect(stdout.trim()).toBe(`loaded ${specifiers.length}`)
    await writeFile(
      join(project, 'use.mts'),
      specifiers.map((from, at) => `import * as entry${at} from '${from}'\nvoid entry${at}`).join('\n'),
    )
    await writeFile(
      join(project, 'use.cts'),
      specifiers.map((from, at) => `import entry${at} = require('${from}')\nvoid entry${at}`).join('\n'),
    )
    await compile(project)
  })

  it('is clean for publint and for are-the-types-wrong', async () => {
    await run(bin('publint'), ['run', tarballOf(name), '--strict'])
    await run(bin('attw'), [tarballOf(name), '--format', 'ascii', '--profile', 'node16'])
  })

  it('depends on nothing from git', async () => {
    const all = Object.values(manifests.get(name)?.dependencies ?? {})
    expect(all.filter((range) => /git|https?:|github:|file:/.test(range))).toEqual([])
  })

  it('has a README, a licence, and no install script of its own', async () => {
    const { stdout } = await run('tar', ['-tzf', tarballOf(name)])
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['package/README.md', 'package/LICENSE']))
    const scripts = Object.keys(manifests.get(name)?.scripts ?? {})
    expect(scripts.filter((script) => /^(?:pre|post)?install$|^prepare$/.test(script))).toEqual([])
  })
})

describe('all of them together', () => {
  it('need no install script of any dependency', async () => {
    const modules = join(place, 'project-cli', 'node_modules')
    const lock = JSON.parse(await readFile(join(modules, '.package-lock.json'), 'utf8'))
    const scripted = Object.entries(lock.packages as Record<string, { hasInstallScript?: boolean }>)
    // That one looks for the binary that it brings along; here it was not allowed to, and the next test does without.
    const harmless = ['node_modules/classic-level']
    const paths = scripted.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)
    expect(paths.filter((path) => !harmless.includes(path))).toEqual([])
  })

  it('keep addresses on disk although no install script has run', async () => {
    const directory = join(place, 'data')
    const command = join(place, 'project-cli', 'node_modules', '.bin', 'hearsay')
    const alone = ['--no-dht', '--no-mdns', '--host', '127.0.0.1', '--data-dir', directory]
    const ended = await run(command, ['sub', 'x', '--timeout', '0.1', ...alone]).catch((error: unknown) => error)
    expect(ended).toMatchObject({ code: 4, stderr: expect.not.stringContaining('not remembered') })
    expect(await readdir(directory)).toContain('addresses')
  })

  it('the installed command runs', async () => {
    const command = join(place, 'project-cli', 'node_modules', '.bin', 'hearsay')
    const { stdout } = await run(command, ['id', '--ephemeral'])
    expect(stdout).toMatch(/^[a-z0-9]{52}\n$/)
  })
})

/** Loads each entry both ways and fails if that made two copies. */
function loaderOf(specifiers: readonly string[]): string {
  return `
import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
const specifiers = ${JSON.stringify(specifiers)}
for (const specifier of specifiers) {
  const imported = await import(specifier)
  const required = require(specifier)
  for (const [key, value] of Object.entries(required)) if (imported[key] !== value) throw new Error(specifier + ' is there twice: ' + key)
  if (Object.keys(required).length !== Object.keys(imported).filter((key) => key !== 'module.exports').length) throw new Error(specifier)
}
console.log('loaded ' + specifiers.length)
`
}

/** A strict consumer that checks our declarations too. */
async function compile(project: string): Promise<void> {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    module: 'NodeNext',
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
  }
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.mts', 'use.cts'] }))
  await run(bin('tsc'), ['-p', project], { cwd: project })
}
