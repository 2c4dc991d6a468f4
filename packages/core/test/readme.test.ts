// The first example of the README runs as it stands there, and prints what it says.

import { readFile, rm, writeFile } from 'node:fs/promises'
import { settle } from '@hearsay/core/memory'
import { expect, it, vi } from 'vitest'

it('shows an example that works', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? []
  const [, printed = 'nothing'] = /\/\/ (.*)\n$/.exec(example) ?? []
  const file = new URL(`readme-example-${process.pid}.ts`, import.meta.url)
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    await writeFile(file, example)
    await import(/* @vite-ignore */ file.href)
    await settle()
    expect(log.mock.calls.map((line) => line.join(' '))).toEqual([printed])
  } finally {
    log.mockRestore()
    await rm(file, { force: true })
  }
})
