// CommonJS users get a one-line file per entry that requires the ES module (Node 20.19 and later can), so that a
// process never holds two copies of one package. The declarations are copied under the names CommonJS resolution wants.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const dist = join(process.cwd(), 'dist')
const files = await readdir(dist)

for (const file of files) {
  if (file.endsWith('.d.ts')) {
    const text = await readFile(join(dist, file), 'utf8')
    const commonjs = text.replace(/(from\s+|import\()(['"])(\.\/[^'"]+)\.js\2/g, '$1$2$3.cjs$2')
    await writeFile(join(dist, file.replace(/\.d\.ts$/, '.d.cts')), commonjs)
    const entry = file.replace(/\.d\.ts$/, '')
    if (files.includes(`${entry}.js`) && !entry.startsWith('chunk-')) {
      await writeFile(join(dist, `${entry}.cjs`), `'use strict'\nmodule.exports = require('./${entry}.js')\n`)
    }
  }
}
