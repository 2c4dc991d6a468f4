import { chmod, mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIdentity, HearsayError, hasCode, sodiumCrypto } from '@hearsay/core'
import {
  type FileSystem,
  loadIdentity,
  loadOrCreateIdentity,
  saveIdentity,
  secretFromPassphrase,
  systemFiles,
} from '@hearsay/core/node'
import { describe, expect, it } from 'vitest'
import { startPrograms } from './programs.js'

const identity = createIdentity({ seed: new Uint8Array(32).fill(1) })
const freshPath = async () => join(await mkdtemp(join(tmpdir(), 'hearsay-')), 'data', 'identity')
const modeOf = async (path: string) => (await stat(path)).mode & 0o777
const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: HearsayError) => error,
  )

describe('an identity file', () => {
  it('gives back the identity, only to its owner', async () => {
    const path = await freshPath()
    await saveIdentity(path, identity)
    const loaded = await loadIdentity(path)
    expect([loaded.id, loaded.secretKey]).toEqual([identity.id, identity.secretKey])
    const signature = loaded.sign(Uint8Array.of(1))
    expect(sodiumCrypto().verify(signature, Uint8Array.of(1), identity.publicKey)).toBe(true)
    expect([await modeOf(path), await modeOf(join(path, '..'))]).toEqual([0o600, 0o700])
    expect(await readdir(join(path, '..'))).toEqual(['identity'])
  })

  it('is text of three lines', async () => {
    const path = await freshPath()
    await saveIdentity(path, identity)
    expect(await readFile(path, 'utf8')).toBe(`hearsay-identity 1\nsecret ${'01'.repeat(32)}\npublic ${identity.id}\n`)
  })

  it('may have been through an editor of another system', async () => {
    const path = await freshPath()
    await saveIdentity(path, identity)
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll('\n', '\r\n'))
    expect((await loadIdentity(path)).id).toBe(identity.id)
  })

  it('is never overwritten', async () => {
    const path = await freshPath()
    await saveIdentity(path, identity)
    expect(await errorOf(saveIdentity(path, createIdentity()))).toMatchObject({ code: 'ERR_IDENTITY' })
    expect((await loadIdentity(path)).id).toBe(identity.id)
    expect((await loadOrCreateIdentity(path)).id).toBe(identity.id)
    expect(await readdir(join(path, '..'))).toEqual(['identity'])
  })

  it.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666])(
    'is refused with mode %o, and says what to do',
    async (mode) => {
      const path = await freshPath()
      await saveIdentity(path, identity)
      await chmod(path, mode)
      for (const load of [loadIdentity, loadOrCreateIdentity]) {
        expect(await errorOf(load(path))).toMatchObject({ code: 'ERR_IDENTITY_MODE', remedy: `chmod 600 ${path}` })
      }
    },
  )

  it.each([0o750, 0o705, 0o755, 0o777])(
    'is refused in a directory with mode %o, to read and to write',
    async (mode) => {
      const path = await freshPath()
      await saveIdentity(path, identity)
      await chmod(join(path, '..'), mode)
      const expected = { code: 'ERR_IDENTITY_MODE', remedy: `chmod 700 ${join(path, '..')}` }
      expect(await errorOf(loadIdentity(path))).toMatchObject(expected)
      expect(await errorOf(saveIdentity(`${path}2`, identity))).toMatchObject(expected)
    },
  )

  it('quotes a path that a shell would take apart', async () => {
    const directory = join(await mkdtemp(join(tmpdir(), 'hearsay-')), "it's here")
    await mkdir(directory, { mode: 0o700 })
    await chmod(directory, 0o755)
    const error = await errorOf(saveIdentity(join(directory, 'identity'), identity))
    expect(error?.remedy).toBe(`chmod 700 '${directory.replace("'", "'\\''")}'`)
  })

  it('may be missing, which is an error only for who wants to load it', async () => {
    const path = await freshPath()
    expect(await errorOf(loadIdentity(path))).toMatchObject({ code: 'ERR_IDENTITY' })
    const created = await loadOrCreateIdentity(path)
    expect((await loadIdentity(path)).id).toBe(created.id)
  })

  it('is refused when it is damaged', async () => {
    const path = await freshPath()
    await saveIdentity(path, identity)
    const text = await readFile(path, 'utf8')
    const damaged = [
      '',
      text.replace('identity 1', 'identity 2'),
      text.replace('secret 01', 'secret 02'),
      text.replace('secret 01', 'secret 0'),
      text.replace(identity.id, createIdentity().id),
      `${text}more\n`,
      ...Array.from({ length: text.length - 2 }, (_, length) => text.slice(0, length)),
    ]
    for (const content of damaged) {
      await writeFile(path, content)
      expect(await errorOf(loadIdentity(path)), content).toMatchObject({ code: 'ERR_IDENTITY' })
    }
    expect(await errorOf(loadOrCreateIdentity(path))).toMatchObject({ code: 'ERR_IDENTITY' })
  })

  it.each(['create', 'link', 'syncDirectory', 'makeDirectory'] as const)(
    'is not there by half when %s fails',
    async (call) => {
      const path = await freshPath()
      const failing: FileSystem = {
        ...systemFiles(),
        [call]: async () => {
          throw new HearsayError('ENOSPC', 'no space left on device')
        },
      }
      expect(await errorOf(saveIdentity(path, identity, { files: failing }))).toMatchObject({
        code: 'ERR_IDENTITY',
        cause: { code: 'ENOSPC' },
      })
      const loaded = await errorOf(loadIdentity(path))
      expect(loaded === null || hasCode(loaded, 'ERR_IDENTITY')).toBe(true)
      expect((await loadOrCreateIdentity(path)).id).toBeTruthy()
    },
  )

  it('is one, though several processes create it at once', async () => {
    const path = await freshPath()
    const programs = await startPrograms('identity', 4, [path])
    const outputs = await Promise.all(programs.map((program) => program.go()))
    const ids = new Set(outputs.map(({ stdout }) => stdout.trim()))
    expect([...ids]).toEqual([(await loadIdentity(path)).id])
  })

  it('is whole or not there, wherever its creator is killed', async () => {
    for (let call = 0; call < 7; call++) {
      const [before, after] = [await freshPath(), await freshPath()]
      const [[first], [second]] = await Promise.all([
        startPrograms('identity', 1, [before, String(call), 'before']),
        startPrograms('identity', 1, [after, String(call), 'after']),
      ])
      await Promise.all([first?.go(), second?.go()])
      for (const path of [before, after]) {
        const survived = await errorOf(loadIdentity(path))
        expect(survived?.code ?? 'ERR_IDENTITY').toBe('ERR_IDENTITY')
        const id = survived === null ? (await loadIdentity(path)).id : null
        const next = (await loadOrCreateIdentity(path)).id
        expect(next).toBe(id ?? next)
      }
    }
  })
})

describe('a secret from a passphrase', () => {
  it('is fixed, and the same in any Unicode form', async () => {
    const secrets = await Promise.all([
      secretFromPassphrase('correct horse', 'café'),
      secretFromPassphrase('correct horse', 'cafe\u0301'),
      secretFromPassphrase('correct horse', 'other'),
    ])
    const [one, same, other] = secrets.map((secret) => Buffer.from(secret).toString('hex'))
    expect(one).toBe('a3701542baa5d244a546cdfbcd418deb9e418df5efc1d2a65dd483c6166f4671')
    expect([same === one, other === one, secrets[0]?.byteLength]).toEqual([true, false, 32])
  })

  it('is not made from nothing', async () => {
    expect(await errorOf(secretFromPassphrase('', 'lobby'))).toMatchObject({ code: 'ERR_TOPIC' })
  })
})
