import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom } from '@hearsay/core'
import { type DirectoryLock, lockDirectory } from '@hearsay/core/node'
import { describe, expect, it } from 'vitest'
import { FAULTS, FaultyFiles, holdFirstList } from './faulty-files.js'
import { startPrograms } from './programs.js'

const freshDirectory = () => mkdtemp(join(tmpdir(), 'hearsay-'))

describe('a lock on a directory', () => {
  it('is held by one at a time, and by the next after its release', async () => {
    const directory = await freshDirectory()
    const first = await lockDirectory(directory)
    const second = await lockDirectory(directory)
    expect([first.held, second.held]).toEqual([true, false])
    await second.release()
    expect((await lockDirectory(directory)).held).toBe(false)
    await Promise.all([first.release(), first.release()])
    const third = await lockDirectory(directory)
    expect(third.held).toBe(true)
    await first.release()
    expect((await lockDirectory(directory)).held).toBe(false)
  })

  it('passes on from a process that died', async () => {
    const directory = await freshDirectory()
    const [program] = await startPrograms('lock', 1, [directory])
    expect(await program?.line()).toBe('held')
    expect((await lockDirectory(directory)).held).toBe(false)
    await program?.kill()
    expect((await lockDirectory(directory)).held).toBe(true)
  })

  it('is taken by one of several processes that find a dead one’s lock', async () => {
    const directory = await freshDirectory()
    const [dead] = await startPrograms('lock', 1, [directory])
    await dead?.line()
    await dead?.kill()
    const programs = await startPrograms('lock', 3, [directory])
    const answers = await Promise.all(programs.map((program) => program.line()))
    await Promise.all(programs.map((program) => program.kill()))
    expect(answers.sort()).toEqual(['held', 'not held', 'not held'])
  })

  it('does not believe that a process of the same number and another start is this one', async () => {
    const files = new FaultyFiles(seededRandom(1))
    const before = await lockDirectory('/data', { files, self: { pid: 1, startedAt: 100 } })
    const after = await lockDirectory('/data', { files, self: { pid: 1, startedAt: 200 } })
    const again = await lockDirectory('/data', { files, self: { pid: 1, startedAt: 200 } })
    expect([before.held, after.held, again.held]).toEqual([true, true, false])
  })

  it('is not taken by who looked before two others had it', async () => {
    const files = new FaultyFiles(seededRandom(1))
    const lock = (pid: number, own = files) =>
      lockDirectory('/data', { files: own, self: { pid, startedAt: 1 }, isAlive: () => true })
    const slow = holdFirstList(files)
    const slowly = lock(1, slow.files)
    await (await lock(2)).release()
    const holder = await lock(3)
    slow.goOn()
    expect([holder.held, (await slowly).held]).toEqual([true, false])
  })

  it('is never held by two, whoever dies, fails or releases in between', async () => {
    let held = 0
    for (let seed = 0; seed < 500; seed++) {
      const random = seededRandom(seed)
      const files = new FaultyFiles(random)
      const alive = new Set<number>()
      const holders = new Map<number, DirectoryLock>()
      const contend = async (pid: number): Promise<void> => {
        alive.add(pid)
        const options = { files, self: { pid, startedAt: 1 }, isAlive: (other: number) => alive.has(other) }
        const lock = await lockDirectory('/data', options).catch(() => null)
        if (!lock?.held) alive.delete(pid)
        else holders.set(pid, lock)
        expect(holders.size, `seed ${seed}`).toBeLessThan(2)
      }
      for (let round = 0; round < 4; round++) {
        if (random.below(4) === 0) files.failAt(random.below(20), FAULTS[random.below(2)] ?? 'error after')
        await Promise.all([1, 2, 3].map((process) => contend(round * 10 + process)))
        for (const [pid, lock] of holders) {
          held++
          if (random.below(2) === 0) await lock.release().catch(() => {})
          holders.delete(pid)
          alive.delete(pid)
        }
      }
    }
    expect(held).toBeGreaterThan(1_000)
  })
})
