// The table of features names tests that are there.

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const rows = readFileSync(`${root}/docs/features.md`, 'utf8')
  .split('\n')
  .filter((line) => /^\| \d+ \|/.test(line))

it.each(rows.map((row) => [row.split('|')[2]?.trim(), row]))(
  'the row "%s" is proved by files that exist',
  (_name, row) => {
    const files = [...row.matchAll(/`((?:[a-z]+)\/(?:test|src)\/[\w./-]+\.ts)`/g)].map(([, file]) => file)
    expect(files.length).toBeGreaterThan(0)
    const places = files.map((file) => (file?.startsWith('tools/') ? `${root}/${file}` : `${root}/packages/${file}`))
    expect(places.filter((place) => !existsSync(place))).toEqual([])
  },
)
