// The tables of features and faults name tests that are there.

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const rows = readFileSync(`${root}/docs/features.md`, 'utf8')
  .split('\n')
  .filter((line) => /^\| (\d+|[A-Z]\d+(, [A-Z]\d+)*) \|/.test(line))

interface Proof {
  readonly place: string
  /** Words of the titles that are named after the file; an ellipsis stands for what a table of cases fills in. */
  readonly titles: readonly string[]
}

function proofsOf(row: string): Proof[] {
  const cell = row.split(' | ').at(-1) ?? ''
  const parts = [...cell.matchAll(/`((?:[a-z]+)\/(?:test|src)\/[\w./-]+\.ts)`(?:: ([^`|]*))?/g)]
  return parts.map(([, file = '', titles = '']) => ({
    place: file.startsWith('tools/') ? `${root}/${file}` : `${root}/packages/${file}`,
    titles: titles
      .split(/; |…/)
      .map((title) => title.replace(/[,;|\s]+$/, '').trim())
      .filter((title) => title !== ''),
  }))
}

/** As it stands in a source: quotes of any kind are one, and line breaks of long titles are none. */
function plain(text: string): string {
  return text
    .replace(/[’'`"]/g, "'")
    .replace(/\\'/g, "'")
    .replace(/\s+/g, ' ')
}

it.each(rows.map((row) => [row.split('|').slice(1, 3).join(' ').trim(), row]))(
  'the row "%s" is proved by tests that exist',
  (_name, row) => {
    const proofs = proofsOf(row)
    expect(proofs.length).toBeGreaterThan(0)
    for (const { place, titles } of proofs) {
      expect(existsSync(place), place).toBe(true)
      const source = plain(readFileSync(place, 'utf8'))
      for (const title of titles) expect(source, place).toContain(plain(title))
    }
  },
)
