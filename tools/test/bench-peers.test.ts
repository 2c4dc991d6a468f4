// What the comparison with gossipsub stands on: exact versions apart from the workspace's, and the same graph in every run.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
}

type Link = readonly [from: number, to: number]
type GraphOf = (wanted: { readonly nodes: number; readonly degree: number; readonly seed: number }) => readonly Link[]

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(`${root}/${path}`, 'utf8')
const manifest: Manifest = JSON.parse(read('bench/peers/package.json'))
const wanted = { ...manifest.dependencies, ...manifest.optionalDependencies }
const { graphOf } = (await import(new URL('../../bench/peers/graph.mjs', import.meta.url).href)) as {
  readonly graphOf: GraphOf
}

describe('the libraries that Hearsay is compared with', () => {
  it('are named in exact versions, and the lockfile is of that manifest', () => {
    for (const version of Object.values(wanted)) expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    const { packages } = JSON.parse(read('bench/peers/package-lock.json'))
    const { dependencies, optionalDependencies } = packages['']
    expect({ dependencies, optionalDependencies }).toEqual({
      dependencies: manifest.dependencies,
      optionalDependencies: manifest.optionalDependencies,
    })
    for (const [name, version] of Object.entries(wanted)) expect(packages[`node_modules/${name}`].version).toBe(version)
    for (const [path, { integrity }] of Object.entries<{ integrity?: string }>(packages)) {
      if (path !== '') expect(integrity).toMatch(/^sha512-/)
    }
  })

  it('are unknown to the workspace', () => {
    const lockfile = read('pnpm-lock.yaml')
    for (const name of Object.keys(wanted)) expect(lockfile).not.toContain(`${name}@`)
  })
})

describe('the graph of the comparison', () => {
  it('has the degree that is asked for and no link twice, hangs together, and is the same for the same seed', () => {
    const links = graphOf({ nodes: 20, degree: 6.5, seed: 1 })
    expect(links).toHaveLength(65)
    expect(new Set(links.map((link) => String([...link].sort((a, b) => a - b)))).size).toBe(65)
    expect(links.some(([from, to]) => from === to)).toBe(false)
    const reached = new Set([0])
    for (let round = 0; round < 20; round++) {
      for (const link of links) if (link.some((node) => reached.has(node))) for (const node of link) reached.add(node)
    }
    expect(reached.size).toBe(20)
    expect(graphOf({ nodes: 20, degree: 6.5, seed: 1 })).toEqual(links)
    expect(graphOf({ nodes: 20, degree: 6.5, seed: 2 })).not.toEqual(links)
  })
})
