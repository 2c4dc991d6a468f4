// `hearsay simulate` as a process.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hearsay, objects, start } from './command.js'

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'hearsay-simulate-'))
})
afterAll(() => rm(place, { recursive: true, force: true }))

const SMALL = ['simulate', '--nodes', '20', '--authors', '2', '--records', '4', '--seed', '7']

describe('hearsay simulate', () => {
  it('ends with one object whose members, but for the time it took, are those of its seed', async () => {
    const args = [...SMALL, '--crash', '0.5', '--loss', '0.3', '--json']
    const [first, second] = await Promise.all([hearsay(args), hearsay(args)])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    const [one, other] = [first, second].map(({ stdout }) => objects(stdout).at(-1))
    expect(one).toMatchObject({ type: 'simulation', seed: 7, nodes: 20, survivors: 10, missed: 0 })
    expect(one?.delivered).toBe(one?.expected)
    expect(one?.trace).toMatch(/^[0-9a-f]{32}$/)
    expect(Object.keys(one ?? {}).join()).toBe('type,seed,nodes,survivors,expected,delivered,missed,trace,wallMs')
    expect({ ...one, wallMs: 0 }).toEqual({ ...other, wallMs: 0 })
  })

  it('tells details before that with -v', async () => {
    const { stdout } = await hearsay([...SMALL, '--json', '-v', '--engine', 'gossipsub'])
    const [details, last] = objects(stdout)
    expect(details).toMatchObject({ type: 'simulation-details', engine: 'gossipsub', violations: [] })
    expect(last?.type).toBe('simulation')
  })

  it('prints a table for people, and draws one message', async () => {
    const file = join(place, 'picture.svg')
    const { code, stdout } = await hearsay([...SMALL, '--split', '2', '--svg', file])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^delivered {2}\d+ of \d+, missed 0, gaps told 0$/m)
    expect(await readFile(file, 'utf8')).toMatch(/^<svg (.|\n)*<\/svg>\n$/)
  })

  it('runs what ships by its name, and a file by its path', async () => {
    const shipped = await hearsay(['simulate', '--scenario', 'liars-20', '--nodes', '20', '--records', '3', '--json'])
    expect(shipped.code).toBe(0)
    expect(objects(shipped.stdout).at(-1)).toMatchObject({ survivors: 16, missed: 0 })
    const file = join(place, 'own.json')
    await writeFile(file, JSON.stringify({ name: 'own', nodes: 10, authors: 1, records: 2 }))
    const own = await hearsay(['simulate', '--scenario', file, '--json'])
    expect(objects(own.stdout).at(-1)).toMatchObject({ nodes: 10, expected: 18, delivered: 18 })
  })

  it('exits 7 if something is missing, with the smallest run that shows it', async () => {
    const file = join(place, 'forgetful.json')
    const forgetful = {
      name: 'forgetful',
      nodes: 20,
      records: 20,
      holdMs: 1,
      room: { capacity: 3 },
      path: { loss: 0.4 },
    }
    await writeFile(file, JSON.stringify(forgetful))
    const { code, stderr, stdout } = await hearsay(['simulate', '--scenario', file, '--seed', '5', '--json'])
    expect(code).toBe(7)
    expect(objects(stdout).at(-1)?.missed).toBeGreaterThan(0)
    const [reproduction, error] = objects(stderr)
    expect(reproduction).toMatchObject({ type: 'reproduction', engine: 'trees', seed: 5 })
    expect(error).toMatchObject({ type: 'error', code: 'ERR_VERIFICATION' })
    const again = join(place, 'again.json')
    await writeFile(again, JSON.stringify(reproduction?.scenario))
    const shown = await hearsay(['simulate', '--scenario', again, '--seed', '5'])
    expect(shown.code).toBe(7)
    expect(shown.stderr).toMatch(/^hearsay simulate --scenario scenario\.json --engine trees --seed 5$/m)
  })

  it.each([
    [['--crash', '1'], 2],
    [['--engine', 'magic'], 2],
    [['--seed', '-1'], 2],
    [['--nodes', '1'], 2],
    [['--nodes', '20000'], 2],
    [['--scenario', 'no such file'], 2],
  ])('refuses %j', async (args, code) => {
    const ended = await hearsay(['simulate', ...args, '--json'])
    expect(ended.code).toBe(code)
    expect(objects(ended.stderr)[0]).toMatchObject({ type: 'error' })
  })

  it('ends on a signal', async () => {
    const { child, line, ended } = start(['simulate', '--nodes', '300', '--records', '500'], { input: '' })
    await line('% of the virtual time')
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 130 })
  })
})
