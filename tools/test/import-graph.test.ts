// No layer knows a layer beside or above it: the arrows of ARCHITECTURE.md, read from the sources and the manifests.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const packages = fileURLToPath(new URL('../../packages', import.meta.url))

/** Which packages of ours each may import; a name with a path means that entry only. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  discovery: ['@hearsay/core'],
  transport: ['@hearsay/core'],
  gossip: ['@hearsay/core'],
  simulator: ['@hearsay/core', '@hearsay/discovery/machine', '@hearsay/transport/machine', '@hearsay/gossip/machine'],
  hearsay: ['@hearsay/core', '@hearsay/discovery', '@hearsay/transport', '@hearsay/gossip'],
  cli: ['hearsay', '@hearsay/simulator'],
}

function sourcesOf(name: string): readonly string[] {
  const root = `${packages}/${name}/src`
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(`${root}/${file}`, 'utf8'))
}

function importsOf(source: string): readonly string[] {
  const specifiers = [...source.matchAll(/(?:from|import)\s*\(?\s*'([^'.][^']*)'/g)].map(
    ([, specifier]) => specifier ?? '',
  )
  return specifiers.filter((specifier) => /^(?:hearsay|@hearsay\/)/.test(specifier))
}

const isAllowed = (specifier: string, arrows: readonly string[]): boolean =>
  arrows.some((arrow) => specifier === arrow || (!arrow.endsWith('/machine') && specifier.startsWith(`${arrow}/`)))

describe.each(Object.entries(ARROWS))('%s', (name, arrows) => {
  it('imports only the packages that its arrows name', () => {
    const foreign = sourcesOf(name)
      .flatMap(importsOf)
      .filter((specifier) => !isAllowed(specifier, arrows))
    expect(foreign).toEqual([])
  })

  it('depends only on the packages that its arrows name, not even for development', () => {
    const manifest = JSON.parse(readFileSync(`${packages}/${name}/package.json`, 'utf8'))
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies }
    const ours = Object.keys(all).filter((dependency) => /^(?:hearsay|@hearsay\/)/.test(dependency))
    const allowed = new Set(arrows.map((arrow) => arrow.replace('/machine', '')))
    expect(ours.filter((dependency) => !allowed.has(dependency))).toEqual([])
  })
})

describe('the test itself', () => {
  it('finds a static import, a type import and a dynamic one', () => {
    const source =
      "import { a } from '@hearsay/core'\nimport type { b } from 'hearsay'\nawait import('@hearsay/gossip/machine')"
    expect(importsOf(source)).toEqual(['@hearsay/core', 'hearsay', '@hearsay/gossip/machine'])
  })

  it('covers every package', () => {
    expect(readdirSync(packages).sort()).toEqual(Object.keys(ARROWS).sort())
  })
})
