// Every TypeScript block and every transcript of the documentation runs as it stands there.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(root, 'packages/cli/dist/bin.js')
const TIMEOUT_MS = 60_000

/** The public networks are a default that no test touches. */
const env = { ...process.env, HEARSAY_NO_DHT: '1', HEARSAY_HOST: '127.0.0.1', HEARSAY_EPHEMERAL: '1' }

interface Block {
  readonly name: string
  readonly code: string
}

const pages = [
  'README.md',
  'ARCHITECTURE.md',
  ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`),
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
].filter((page) => page.endsWith('.md'))

function blocksOf(page: string, language: string): readonly Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  const fences = text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))
  return [...fences].map(([, code = ''], index) => ({ name: `${page}, ${language} block ${index + 1}`, code }))
}

let place: string
beforeAll(async () => {
  // Inside `examples`, which depends on every package, so that imports resolve as a user's would.
  place = await mkdtemp(join(root, 'examples', '.docs-'))
})
afterAll(() => rm(place, { recursive: true, force: true }))

describe('code blocks', () => {
  const blocks = pages.flatMap((page) => [...blocksOf(page, 'ts'), ...blocksOf(page, 'js')])

  it('are found', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(6)
  })

  it.each(blocks)('$name runs', async ({ name, code }) => {
    const file = join(place, `${name.replace(/\W+/g, '-')}.mjs`)
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    })
    await writeFile(file, outputText)
    // A block that waits for a peer is one of two that meet.
    const copies = code.includes('.ready({ peers') ? 2 : 1
    await Promise.all(Array.from({ length: copies }, () => run(process.execPath, [file], { env, timeout: TIMEOUT_MS })))
  })

  it('type-check for a strict consumer', async () => {
    const typed = pages.flatMap((page) => blocksOf(page, 'ts'))
    for (const [index, { code }] of typed.entries()) await writeFile(join(place, `block-${index}.mts`), code)
    const compilerOptions = {
      strict: true,
      noEmit: true,
      module: 'NodeNext',
      target: 'ES2022',
      lib: ['ES2023', 'ESNext.Disposable'],
      types: ['node'],
    }
    const config = {
      compilerOptions: { ...compilerOptions, typeRoots: [join(root, 'node_modules/@types')] },
      include: ['*.mts'],
    }
    await writeFile(join(place, 'tsconfig.json'), JSON.stringify(config))
    const { stdout } = await run(join(root, 'node_modules/.bin/tsc'), ['-p', place]).catch((error) => error)
    expect(stdout).toBe('')
  })
})

describe('transcripts', () => {
  it.each(pages.filter((page) => blocksOf(page, 'console').length > 0))(
    'the terminals of %s show what stands there',
    async (page) => {
      const terminals = blocksOf(page, 'console').map(async ({ code }) => {
        const [command = '', ...shown] = code.trimEnd().split('\n')
        const [program, ...args] = command.replace(/^\$ /, '').split(' ')
        expect(program).toBe('hearsay')
        const { stdout } = await run(process.execPath, [bin, ...args], { env, timeout: TIMEOUT_MS })
        expect(stdout).toBe(shown.map((line) => `${line}\n`).join(''))
      })
      await Promise.all(terminals)
    },
  )
})
