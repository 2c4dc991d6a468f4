// One build for every package: ESM files with bundled type declarations, one entry per `exports` path.
import { defineConfig } from 'tsup'

/** @param {...string} names entry files in `src`, without their extension */
export function entries(...names) {
  return defineConfig({
    entry: Object.fromEntries(names.map((name) => [name, `src/${name}.ts`])),
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    dts: true,
    sourcemap: false,
    clean: true,
    splitting: true,
    treeshake: true,
  })
}
