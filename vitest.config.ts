// Each package is a project; `vitest run --project core` runs one of them. Unit tests run on the sources, end-to-end tests
// on what was built. Forks keep native addons apart.
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { plantedFault } from './tools/planted-fault.js'

const packages = fileURLToPath(new URL('packages', import.meta.url))
const alias = [
  { find: /^hearsay$/, replacement: `${packages}/hearsay/src/index.ts` },
  { find: /^@hearsay\/(\w+)$/, replacement: `${packages}/$1/src/index.ts` },
  { find: /^@hearsay\/(\w+)\/(.+)$/, replacement: `${packages}/$1/src/$2.ts` },
]

const project = (name: string, root: string, testTimeout: number) => ({
  resolve: { alias },
  plugins: [plantedFault(packages)],
  test: { name, root, include: ['test/**/*.test.ts'], pool: 'forks' as const, testTimeout, hookTimeout: testTimeout },
})

const config: ViteUserConfig = defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      ...['core', 'discovery', 'transport', 'gossip', 'hearsay', 'cli', 'simulator'].map((name) =>
        project(name, `packages/${name}`, 30_000),
      ),
      project('workspace', 'tools', 180_000),
    ],
  },
})

export default config
