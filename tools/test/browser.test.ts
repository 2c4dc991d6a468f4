// What a bundler for browsers makes of the built packages: the `browser` condition leads to what needs no Node.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const transport = join(root, 'packages/transport/package.json')

/** The part of esbuild's answer that is looked at. */
interface Built {
  readonly metafile: {
    readonly inputs: Readonly<Record<string, object>>
    readonly outputs: Readonly<Record<string, { readonly imports: readonly object[] }>>
  }
}

const { build } = createRequire(transport)('esbuild') as { build(options: object): Promise<Built> }

/** The files that a bundle of the program has, as a project that installed our packages would get them. */
async function bundle(contents: string, platform: 'browser' | 'node'): Promise<readonly string[]> {
  const { metafile } = await build({
    stdin: { contents, resolveDir: join(root, 'packages/hearsay') },
    bundle: true,
    write: false,
    platform,
    format: 'esm',
    external: platform === 'node' ? ['sodium-native', 'bufferutil', 'utf-8-validate'] : [],
    metafile: true,
    logLevel: 'silent',
  })
  if (platform === 'browser') expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([])
  return Object.keys(metafile.inputs)
}

const program = `
import { createIdentity } from '@hearsay/core'
import { secureLink } from '@hearsay/transport/noise'
import { websocket } from '@hearsay/transport/ws'
console.log(createIdentity, secureLink, websocket)
`

describe('a project that bundles the built packages', () => {
  it('gets for browsers a WebSocket transport, identities and links without anything of Node', async () => {
    const files = await bundle(program, 'browser')
    expect(files.filter((file) => /transport\/dist\/ws[.-]/.test(file))).toEqual([
      expect.stringMatching(/ws-browser\.js$/),
    ])
    expect(files.filter((file) => /node_modules\/(?:ws|sodium-native|hyperdht)\//.test(file))).toEqual([])
  })

  it('gets for Node the one that listens too', async () => {
    const files = await bundle(program, 'node')
    expect(files.filter((file) => /transport\/dist\/ws[.-]/.test(file))).toEqual([expect.stringMatching(/ws\.js$/)])
  })
})
