// Loads the sources of a package with one fault planted in them: what an import that ends in `?fault=…` reaches of its package
// and leads to the fault is a copy of its own, in which one place of one file reads otherwise. For tests that must notice it.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { ViteUserConfig } from 'vitest/config'

type Plugin = Extract<NonNullable<ViteUserConfig['plugins']>[number], { readonly name: string }>

/** One place of a package's sources, and what stands there instead. */
export interface SourceFault {
  /** Within `packages/`, such as `gossip/src/spread/storm.ts`. */
  readonly file: string
  /** Occurs there once. */
  readonly find: string
  readonly put: string
}

const MARK = '?fault='

/** The address of a package's module, within `packages/`, with the fault planted in what it imports of its package. */
export function withFault(module: string, fault: SourceFault): string {
  return `/${module}${MARK}${encodeURIComponent(JSON.stringify(fault))}`
}

/** @param packages the folder of all packages */
export function plantedFault(packages: string): Plugin {
  const imports = new Imports()
  return {
    name: 'planted-fault',
    enforce: 'pre',
    resolveId(source, importer) {
      const [path = '', own] = source.split(MARK)
      if (own !== undefined) return `${packages}${path.replace(packages, '')}${MARK}${own}`
      const [from = '', fault] = importer?.split(MARK) ?? []
      if (fault === undefined || !source.startsWith('.')) return null
      const file = pathOf(source, from)
      return imports.leads(file, `${packages}/${faultOf(fault).file}`) ? `${file}${MARK}${fault}` : file
    },
    transform(code, id) {
      const [path, fault] = id.split(MARK)
      if (fault === undefined) return null
      const { file, find, put } = faultOf(fault)
      if (path !== `${packages}/${file}`) return null
      const [before, after, ...more] = code.split(find)
      if (before === undefined || after === undefined || more.length > 0) {
        throw new Error(`${file} has not exactly one place that reads ${find}`)
      }
      return { code: before + put + after, map: null }
    },
  }
}

/** Which files of a package import which. */
class Imports {
  readonly #imports = new Map<string, readonly string[]>()

  /** True if one file is the other, or imports it, itself or by way of others. */
  leads(from: string, to: string): boolean {
    const seen = new Set([from])
    for (const file of seen) {
      if (file === to) return true
      for (const next of this.#of(file)) seen.add(next)
    }
    return false
  }

  #of(file: string): readonly string[] {
    const known = this.#imports.get(file)
    if (known) return known
    const source = readFileSync(file, 'utf8')
    const found = [...source.matchAll(/ from '(\.[^']+)'/g)].map(([, path = '']) => pathOf(path, file))
    this.#imports.set(file, found)
    return found
  }
}

function pathOf(source: string, importer: string): string {
  return resolve(dirname(importer), source).replace(/\.js$/, '.ts')
}

function faultOf(text: string): SourceFault {
  return JSON.parse(decodeURIComponent(text)) as SourceFault
}
