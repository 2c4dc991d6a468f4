import { type Address, type ByteStream, createIdentity, createTopic, parseAddress, type Transport } from '@hearsay/core'
import { createPool, type Pool, type PoolOptions, tcp } from '@hearsay/transport'
import { afterEach, describe, expect, it } from 'vitest'
import { outcome } from './fixtures.js'

const topic = createTopic('faults').id
const open: Pool[] = []
const warnings: Error[] = []

function pool(more: Partial<PoolOptions> = {}): Pool {
  const made = createPool({ identity: createIdentity(), transports: [tcp()], network: 'test', ...more })
  made.on('warning', (error) => warnings.push(error))
  open.push(made)
  return made
}

async function listening(more: Partial<PoolOptions> = {}): Promise<Pool> {
  const made = pool(more)
  await made.listen({ host: '127.0.0.1' })
  return made
}

function addressOf(target: Pool): Address {
  const [address] = target.addresses
  if (!address) throw new Error('listening')
  return address
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
  warnings.length = 0
})

const emfile = (): Error => Object.assign(new Error('too many open files'), { code: 'EMFILE' })

/** TCP in which one thing is done otherwise. */
function broken(change: Partial<Transport>): Transport {
  const inner = tcp()
  return {
    scheme: inner.scheme,
    capabilities: inner.capabilities,
    listen: (options, onStream) => inner.listen(options, onStream),
    dial: (address, options) => inner.dial(address, options),
    close: () => inner.close(),
    ...change,
  }
}

/** Two pools can still link: nothing got stuck. */
async function expectAlive(one: Pool): Promise<void> {
  const other = await listening()
  expect((await one.connect(addressOf(other))).initiator).toBe(true)
}

describe('a pool survives a transport', () => {
  it.each([
    [
      'that throws where it should reject',
      () => {
        throw emfile()
      },
    ],
    [
      'that runs out of files',
      async () => {
        throw emfile()
      },
    ],
    [
      'that rejects with nothing',
      async () => {
        throw undefined
      },
    ],
    ['that gives no stream', async () => null as unknown as ByteStream],
  ])('%s', async (_, fail) => {
    let isBroken = true
    const inner = tcp()
    const dial: Transport['dial'] = (address, options) => (isBroken ? fail() : inner.dial(address, options))
    const a = pool({ transports: [broken({ dial, close: () => inner.close() })] })
    const b = await listening()
    expect(await outcome(a.connect(addressOf(b)))).toMatchObject({ code: 'ERR_DIAL' })
    isBroken = false
    await expectAlive(a)
  })

  it('that cannot listen, and links all the same', async () => {
    const a = pool({
      transports: [
        broken({
          listen: async () => {
            throw emfile()
          },
        }),
      ],
    })
    expect(await outcome(a.listen())).toMatchObject({ code: 'EMFILE' })
    await expectAlive(a)
  })

  it('that cannot close', async () => {
    const inner = tcp()
    const fail = async (): Promise<void> => {
      await inner.close()
      throw emfile()
    }
    const a = pool({ transports: [broken({ dial: (address, options) => inner.dial(address, options), close: fail })] })
    await a.close()
    expect(warnings).toMatchObject([{ code: 'EMFILE' }])
  })

  it('whose listener cannot close', async () => {
    const inner = tcp()
    const listen: Transport['listen'] = async (options, onStream) => {
      const listener = await inner.listen(options, onStream)
      return {
        addresses: listener.addresses,
        close: async () => {
          await listener.close()
          throw emfile()
        },
      }
    }
    const a = await listening({ transports: [broken({ listen, close: () => inner.close() })] })
    await a.close()
    expect(warnings).toMatchObject([{ code: 'EMFILE' }])
  })

  it('whose accepted streams fail at once, or after it was closed', async () => {
    const inner = tcp()
    let onStream: Parameters<Transport['listen']>[1] = () => {}
    const listen: Transport['listen'] = (options, accept) => {
      onStream = accept
      return inner.listen(options, accept)
    }
    const a = await listening({ transports: [broken({ listen, close: () => inner.close() })], ownHosts: [] })
    for (let index = 0; index < 30; index++) onStream(failing(index))
    await a.close()
    onStream(failing(0))
    expect(a.inspect().halfOpen).toBe(0)
  })
})

/** A stream that emits an error without anybody asking: before, within or after the call that gives it away. */
function failing(index: number): { stream: ByteStream; address: Address } {
  const listeners = new Map<string, Set<(...args: never[]) => void>>()
  const emit = (name: string, ...args: unknown[]): void => {
    const heard = listeners.get(name)
    if (name === 'error' && (heard === undefined || heard.size === 0)) throw new Error('nobody listens for errors')
    for (const listener of [...(heard ?? [])]) listener(...(args as never[]))
  }
  const stream = {
    on(name: string, listener: (...args: never[]) => void) {
      listeners.set(name, (listeners.get(name) ?? new Set()).add(listener))
      return stream
    },
    removeListener(name: string, listener: (...args: never[]) => void) {
      listeners.get(name)?.delete(listener)
      return stream
    },
    write: () => true,
    end: () => stream,
    pause: () => stream,
    resume: () => stream,
    destroy() {
      emit('error', emfile())
      queueMicrotask(() => emit('close'))
      return stream
    },
  }
  if (index % 3 === 1) queueMicrotask(() => stream.destroy())
  if (index % 3 === 2) setTimeout(() => stream.destroy(), index)
  return {
    stream: stream as unknown as ByteStream,
    address: parseAddress(`tcp://203.0.113.${index + 1}:4000`),
  }
}

describe('a pool survives a reset', () => {
  it.each([0, 1, 2, 50, 100, 200, 300, 400, 500, 1_000, 2_000])('after %i bytes', async (limit) => {
    const inner = tcp()
    const dial: Transport['dial'] = async (address, options) => {
      const stream = await inner.dial(address, options)
      const socket = stream as unknown as { resetAndDestroy(): void }
      let sent = 0
      const write = stream.write.bind(stream)
      Object.assign(stream, {
        write: (bytes: Uint8Array, ...more: []) => {
          sent += bytes.byteLength
          if (sent >= limit) setImmediate(() => socket.resetAndDestroy())
          return write(bytes, ...more)
        },
      })
      if (limit === 0) socket.resetAndDestroy()
      return stream
    }
    const a = pool({ transports: [broken({ dial, close: () => inner.close() })] })
    const b = await listening({ ownHosts: [] })
    const link = await outcome(a.connect(addressOf(b)))
    const gone = new Promise<void>((resolve) => {
      const look = (): void => (a.links.size + b.links.size + b.inspect().halfOpen === 0 ? resolve() : later())
      const later = (): void => void setTimeout(look, 5)
      look()
    })
    for (const each of a.links.values()) each.openChannel({ protocol: 'x', handshake: new Uint8Array(4_000) })
    await gone
    if (link instanceof Error) expect(link).toMatchObject({ code: expect.stringMatching(/^ERR_(DIAL|HANDSHAKE)/) })
  })
})

describe('a pool survives an application', () => {
  const mistake = (): never => {
    throw new Error('a mistake of the application')
  }

  it('whose every callback and listener throws', async () => {
    const mistakes = { logger: mistake, validatePeer: mistake, addressRecord: mistake, ownHosts: mistake }
    const a = await listening(mistakes)
    const b = await listening({ ...mistakes, validatePeer: () => true })
    for (const each of [a, b])
      for (const name of ['link', 'unlink', 'refused', 'warning'] as const) each.on(name, mistake)
    expect(await outcome(a.connect(addressOf(b)))).toMatchObject({ code: 'ERR_REFUSED' })
    const c = await listening()
    const link = await b.connect(addressOf(c))
    b.want({ peer: null, addresses: [addressOf(a)], source: 'test' }, { topic })
    await link.close()
    expect(warnings.length).toBeGreaterThan(5)
    await expectAlive(c)
  })

  it('that closes, suspends or bans within its listeners', async () => {
    const [a, b, c] = [await listening(), await listening(), await listening()]
    a.on('link', (link) => a.ban(link.remote))
    b.on('link', () => void b.suspend())
    c.on('link', () => void c.close())
    const d = await listening()
    await Promise.all([a, b, c].map((each) => outcome(d.connect(addressOf(each)))))
    expect([a.links.size, b.links.size, c.links.size]).toEqual([0, 0, 0])
    await expectAlive(d)
  })
})
