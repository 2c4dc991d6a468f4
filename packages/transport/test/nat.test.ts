import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { createNatLab, type NatKind, type NatLab, type Program, PUBLIC_HOSTS, whyNoNatLab } from './nat-lab.js'

const script = fileURLToPath(new URL('nat.child.ts', import.meta.url))
const reason = whyNoNatLab()
if (reason) console.warn(`skipped: nodes behind NATs (${reason})`)

let lab: NatLab | null = null

afterEach(async () => {
  await lab?.close()
  lab = null
})

/** A node behind each NAT, and a public DHT: the first listens, the second dials it. */
async function dialThrough(
  kinds: readonly [NatKind, NatKind],
  way: 'direct' | 'relay' = 'direct',
): Promise<{ peer: unknown; dialling: Program }> {
  lab = await createNatLab(script, kinds)
  await lab.run('public', 'dht', ...PUBLIC_HOSTS).next()
  const { id } = await lab.run('inside1', 'listen', '1', way).next()
  return { peer: id, dialling: lab.run('inside2', 'dial', '2', way, String(id)) }
}

describe.skipIf(reason !== null)('two nodes behind two NATs, with a public HyperDHT between them', () => {
  it('link by hole punching and carry a megabyte each way', async () => {
    const { peer, dialling } = await dialThrough(['masquerade', 'masquerade'])
    const result = await dialling.next()
    expect(result).toMatchObject({ linked: peer })
    expect(result.ms).toBeLessThan(15_000)
  }, 60_000)

  // The library guesses ports of the symmetric side, which a busy machine may make it lose: then it must say so.
  it('link by hole punching, or fail with a code, where one of the NATs is symmetric', async () => {
    const { peer, dialling } = await dialThrough(['symmetric', 'masquerade'])
    const result = await dialling.next()
    if (result.code === undefined) expect(result).toMatchObject({ linked: peer })
    else expect(result).toMatchObject({ code: expect.stringMatching(/^ERR_(DIAL|HANDSHAKE_TIMEOUT)$/), links: 0 })
  }, 60_000)

  it('link through a relay where both NATs are symmetric', async () => {
    const { peer, dialling } = await dialThrough(['symmetric', 'symmetric'], 'relay')
    expect(await dialling.next()).toMatchObject({ linked: peer })
  }, 60_000)

  it('fail with a code and a reason, and never hang, where both NATs are symmetric', async () => {
    const { dialling } = await dialThrough(['symmetric', 'symmetric'])
    const result = await dialling.next()
    expect(result).toMatchObject({ code: expect.stringMatching(/^ERR_(DIAL|HANDSHAKE_TIMEOUT)$/), links: 0 })
    expect(result.ms).toBeLessThan(16_000)
    // What the pool shows to whoever asks why there is no link.
    expect(result.why).toBe(result.code)
    if (result.code === 'ERR_DIAL') expect(result.detail).toMatch(/HOLEPUNCH/)
    const told = await dialling.next()
    expect(told).toMatchObject({ code: 'ERR_DIAL' })
    expect(`${told.cause} ${told.message}`).toMatch(/HOLEPUNCH|no answer in time/)
    expect(await dialling.next()).toEqual({ closed: true })
  }, 60_000)
})
