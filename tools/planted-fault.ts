// Loads the sources of a package with one fault planted in them: what an import that ends in `?fault=…` reaches within its
// package is a copy of its own, in which one place of one file reads otherwise. For tests that must notice it.

import { dirname, resolve } from 'node:path'
import type { ViteUserConfig } from 'vitest/config'

type Plugin = Extract<NonNullable<ViteUserConfig['plugins']>[number], { readonly name: string }>

/** One place of a package's sources, and what stands there instead. */
export interface SourceFault {
  /** Within `packages/`, such as `gossip/src/storm.ts`. */
  readonly file: string
  /** Occurs there once. */
  readonly find: string
  readonly put: string
}

const MARK = '?fault='

/** The address of a package's module, within `packages/`, with the fault planted in whatever it imports of its package. */
export function withFault(module: string, fault: SourceFault): string {
  return `/${module}${MARK}${encodeURIComponent(JSON.stringify(fault))}`
}

/** @param packages the folder of all packages */
export function plantedFault(packages: string): Plugin {
  return {
    name: 'planted-fault',
    enforce: 'pre',
    resolveId(source, importer) {
      const [path = '', own] = source.split(MARK)
      if (own !== undefined) return `${packages}${path.replace(packages, '')}${MARK}${own}`
      const [from = '', fault] = importer?.split(MARK) ?? []
      if (fault === undefined || !source.startsWith('.')) return null
      return `${resolve(dirname(from), source).replace(/\.js$/, '.ts')}${MARK}${fault}`
    },
    transform(code, id) {
      const [path = '', fault] = id.split(MARK)
      if (fault === undefined) return null
      const { file, find, put } = JSON.parse(decodeURIComponent(fault)) as SourceFault
      if (path !== `${packages}/${file}`) return null
      const [before, after, ...more] = code.split(find)
      if (before === undefined || after === undefined || more.length > 0) {
        throw new Error(`${file} has not exactly one place that reads ${find}`)
      }
      return { code: before + put + after, map: null }
    },
  }
}
