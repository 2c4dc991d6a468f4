import { mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, hasCode, memoryEpochs, seededRandom } from '@hearsay/core'
import { virtualClock } from '@hearsay/core/memory'
import { fileEpochs } from '@hearsay/core/node'
import { describe, expect, it } from 'vitest'
import { FAULTS, FaultyFiles, holdFirstList } from './faulty-files.js'
import { startPrograms } from './programs.js'

const YEAR_2025_MS = 1_750_000_000_000
const rising = (epochs: readonly number[]) => epochs.every((epoch, at) => at === 0 || epoch > (epochs[at - 1] ?? 0))

/** What a process gets that starts, perhaps on a machine that fails; null if it fails. */
async function tryNext(files: FaultyFiles, options: { clock: Clock; seed: number }): Promise<number | null> {
  try {
    return await fileEpochs('/epochs', { files, clock: options.clock, random: seededRandom(options.seed) }).next()
  } catch (error) {
    expect(hasCode(error, 'ERR_EPOCH') && error.cause).toBeTruthy()
    return null
  }
}

describe('epochs', () => {
  it('begin with the time in seconds times 2^20, and rise by at most 20 random bits a time', async () => {
    const clock = virtualClock(YEAR_2025_MS)
    const epochs = memoryEpochs({ clock, random: seededRandom(1) })
    const first = await epochs.next()
    expect(Math.floor(first / 2 ** 20)).toBe(YEAR_2025_MS / 1_000)
    const second = await epochs.next()
    expect(second > first && second <= first + 2 ** 20).toBe(true)
    clock.advance(60_000)
    expect(Math.floor((await epochs.next()) / 2 ** 20)).toBe(YEAR_2025_MS / 1_000 + 60)
  })

  it.each([
    ['in 1970', 0],
    ['before 1970', -1e15],
  ])('rise with a clock %s', async (_, wallMs) => {
    const epochs = memoryEpochs({ clock: virtualClock(wallMs), random: seededRandom(1) })
    const all = []
    for (let index = 0; index < 20; index++) all.push(await epochs.next())
    expect(rising(all) && (all[0] ?? -1) >= 0).toBe(true)
  })

  it('end with an error, never at 2^53', async () => {
    const epochs = memoryEpochs({ clock: virtualClock(2 ** 33 * 1_000), random: seededRandom(1) })
    await expect(epochs.next()).rejects.toMatchObject({ code: 'ERR_EPOCH' })
  })
})

describe('epochs in files', () => {
  it('never repeat and always rise, whatever fails at 1,000 points', async () => {
    for (let seed = 0; seed < 1_000; seed++) {
      const random = seededRandom(seed)
      const files = new FaultyFiles(random)
      const clock = virtualClock(0)
      const confirmed: number[] = []
      for (let life = 0; life < 4; life++) {
        if (life > 0) files.failAt(random.below(10), FAULTS[random.below(4)] ?? 'crash after')
        const epoch = await tryNext(files, { clock, seed: seed * 10 + life })
        if (epoch !== null) confirmed.push(epoch)
        if (files.crashed || random.below(3) === 0) files.reboot()
      }
      expect(confirmed.length > 0 && rising(confirmed), `seed ${seed}: ${confirmed}`).toBe(true)
    }
  })

  it('differ between processes that start at once', async () => {
    for (let seed = 0; seed < 200; seed++) {
      const files = new FaultyFiles(seededRandom(seed))
      const clock = virtualClock(YEAR_2025_MS)
      // The same numbers in every process: only the files keep them apart.
      const epochs = await Promise.all([1, 1, 1].map((own) => tryNext(files, { clock, seed: own })))
      expect(new Set(epochs).size, `seed ${seed}: ${epochs}`).toBe(3)
    }
  })

  it('do not repeat one that was claimed and deleted while a slow process looked', async () => {
    const files = new FaultyFiles(seededRandom(1))
    const options = { files, clock: virtualClock(0), random: { bytes: () => new Uint8Array(), below: () => 0 } }
    const slow = holdFirstList(files)
    const slowly = fileEpochs('/epochs', { ...options, files: slow.files }).next()
    const first = await fileEpochs('/epochs', options).next()
    const second = await fileEpochs('/epochs', options).next()
    slow.goOn()
    expect([first, second, await slowly]).toEqual([0, 1, 2])
  })

  it.each([
    ['a right clock', YEAR_2025_MS],
    ['a clock in 1970', 0],
  ])('differ after an older copy was restored, with %s', async (_, wallMs) => {
    for (let seed = 0; seed < 100; seed++) {
      const files = new FaultyFiles(seededRandom(seed))
      const clock = virtualClock(wallMs)
      const epochs = [await tryNext(files, { clock, seed })]
      const backup = files.snapshot()
      for (let life = 1; life < 5; life++) {
        epochs.push(await tryNext(files, { clock, seed: seed * 10 + life }))
        clock.advance(2_000)
        files.restore(backup)
      }
      expect(new Set(epochs).size, `seed ${seed}: ${epochs}`).toBe(5)
    }
  })

  it('differ in a copied directory at the same instant', async () => {
    const [one, other] = [new FaultyFiles(seededRandom(1)), new FaultyFiles(seededRandom(2))]
    const clock = virtualClock(0)
    await tryNext(one, { clock, seed: 1 })
    other.restore(one.snapshot())
    const epochs = await Promise.all([tryNext(one, { clock, seed: 2 }), tryNext(other, { clock, seed: 3 })])
    expect(epochs[0]).not.toBe(epochs[1])
  })

  it('leave one file, ignore foreign ones, and make their directory', async () => {
    const directory = join(await mkdtemp(join(tmpdir(), 'hearsay-')), 'a', 'epochs')
    const epochs = fileEpochs(directory)
    const first = await epochs.next()
    for (const name of ['note.txt', '007', '-1', '1e99', '9007199254740993']) await writeFile(join(directory, name), '')
    const second = await epochs.next()
    expect(second > first).toBe(true)
    expect((await readdir(directory)).filter((name) => name === String(Number(name))).sort()).toEqual([
      '-1',
      String(second),
    ])
  })

  it('end with ERR_EPOCH and its cause where nothing can be written', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'hearsay-')), 'file')
    await writeFile(file, '')
    const failing = fileEpochs(join(file, 'epochs')).next()
    await expect(failing).rejects.toMatchObject({ code: 'ERR_EPOCH', cause: { code: 'ENOTDIR' } })
  })

  it('differ between real processes at once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hearsay-'))
    const programs = await startPrograms('epochs', 3, [directory, '20'])
    const outputs = await Promise.all(programs.map((program) => program.go()))
    const epochs = outputs.flatMap(({ stdout }) => stdout.trim().split('\n').map(Number))
    expect([epochs.length, new Set(epochs).size]).toEqual([60, 60])
  })
})
