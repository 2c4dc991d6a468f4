import { Emitter, MAX_LISTENERS } from '@hearsay/core'
import { settle } from '@hearsay/core/memory'
import { describe, expect, it } from 'vitest'

type Events = { readonly event: [value: number]; readonly warning: [error: unknown] }

describe('an emitter', () => {
  it('calls listeners in the order they came, and says whether there was one', () => {
    const emitter = new Emitter<Events>()
    const log: string[] = []
    expect(emitter.emit('event', 0)).toBe(false)
    emitter.on('event', (value) => log.push(`a${value}`))
    emitter.on('event', (value) => log.push(`b${value}`))
    expect(emitter.emit('event', 1)).toBe(true)
    expect(log).toEqual(['a1', 'b1'])
  })

  it('stops calling who has had enough', () => {
    const emitter = new Emitter<Events>()
    const log: number[] = []
    const listener = (value: number) => log.push(value)
    const stop = emitter.on('event', listener)
    emitter.once('event', listener)
    emitter.emit('event', 1)
    stop()
    stop()
    emitter.emit('event', 2)
    const stopOnce = emitter.once('event', listener)
    stopOnce()
    emitter.on('event', listener)
    emitter.off('event', listener)
    emitter.on('event', listener)
    emitter.clear()
    expect(emitter.emit('event', 3)).toBe(false)
    expect(log).toEqual([1, 1])
  })

  it('may be changed while it emits', () => {
    const emitter = new Emitter<Events>()
    const log: number[] = []
    emitter.on('event', () => {
      emitter.clear()
      emitter.on('event', (value) => log.push(value))
    })
    emitter.on('event', (value) => log.push(value))
    emitter.emit('event', 1)
    emitter.emit('event', 2)
    expect(log).toEqual([1, 2])
  })

  it('reports what listeners throw or reject, and calls the others', async () => {
    const reported: unknown[] = []
    const emitter = new Emitter<Events>((error) => reported.push(error))
    const log: number[] = []
    emitter.on('event', () => {
      throw 'thrown'
    })
    emitter.on('event', () => Promise.reject('rejected'))
    emitter.on('event', (value) => log.push(value))
    emitter.emit('event', 1)
    await settle()
    expect([log, reported]).toEqual([[1], ['thrown', 'rejected']])
  })

  it('ends when the listener for errors is the one that throws or rejects', async () => {
    let calls = 0
    const emitter: Emitter<Events> = new Emitter((error) => emitter.emit('warning', error))
    emitter.on('event', () => {
      throw 'thrown'
    })
    emitter.on('warning', () => {
      calls++
      throw 'again'
    })
    emitter.on('warning', async () => {
      calls++
      throw 'and again'
    })
    emitter.emit('event', 1)
    await settle()
    expect(calls).toBe(2)
  })

  it('is not stopped by a sink that throws', async () => {
    const emitter = new Emitter<Events>(() => {
      throw new Error('a sink of this test')
    })
    const log: number[] = []
    emitter.on('event', () => Promise.reject('rejected'))
    emitter.on('event', () => {
      throw 'thrown'
    })
    emitter.on('event', (value) => log.push(value))
    emitter.emit('event', 1)
    await settle()
    expect(log).toEqual([1])
  })

  it('refuses one listener more than its bound, for each event', () => {
    const emitter = new Emitter<Events>()
    const stops = Array.from({ length: MAX_LISTENERS }, (_, index) => emitter.on('event', () => index))
    expect(() => emitter.on('event', () => {})).toThrow(expect.objectContaining({ code: 'ERR_LISTENERS' }))
    emitter.on('warning', () => {})
    stops[0]?.()
    emitter.on('event', () => {})
  })
})
