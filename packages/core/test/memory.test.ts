import { createIdentity } from '@hearsay/core'
import { memoryLinkPair, memoryStreamPair, settle, virtualClock } from '@hearsay/core/memory'
import { describe, expect, it } from 'vitest'

const a = createIdentity().id
const b = createIdentity().id

describe('a virtual clock', () => {
  it('runs due timers in order of time, then of setting, also those set meanwhile', () => {
    const clock = virtualClock(1_000)
    const log: string[] = []
    clock.setTimer(20, () => log.push(`late ${clock.now()}`))
    clock.setTimer(10, () => {
      log.push('first')
      clock.setTimer(0, () => log.push('nested'))
      clock.setTimer(100, () => log.push('never'))
    })
    clock.setTimer(10, () => log.push('second'))
    clock.setTimer(5, () => log.push('cancelled')).cancel()
    clock.advance(50)
    expect(log).toEqual(['first', 'second', 'nested', 'late 20'])
    expect([clock.now(), clock.wall(), clock.pending]).toEqual([50, 1_050, 1])
  })

  it('lets promises settle between timers when it plays', async () => {
    const clock = virtualClock()
    let ticks = 0
    const tick = async (): Promise<void> => {
      await Promise.resolve()
      ticks++
      clock.setTimer(10, tick)
    }
    void tick()
    await clock.play(100)
    expect(ticks).toBe(11)
  })
})

describe('a pair of memory links', () => {
  it('opens a channel, carries frames, and closes', async () => {
    const [left, right] = memoryLinkPair({ a, b })
    const log: string[] = []
    right.on('channel', (name) => {
      const channel = right.openChannel(name)
      channel.on('open', (handshake) => log.push(`open ${handshake}`))
      channel.on('frame', (frame) => log.push(`frame ${frame}`))
      channel.on('close', (reason) => log.push(`close ${reason.by}`))
    })
    const channel = left.openChannel({ protocol: 'test', handshake: Uint8Array.of(1) })
    expect(channel.send(Uint8Array.of(0))).toBe(false)
    await settle()
    expect(channel.send(Uint8Array.of(2))).toBe(true)
    channel.close()
    await settle()
    expect(log).toEqual(['open 1', 'frame 2', 'close remote'])
    expect([left.remote, right.remote]).toEqual([b, a])
  })

  it('keeps generations of one name apart when both sides close and open at once', async () => {
    const [left, right] = memoryLinkPair({ a, b })
    const log: string[] = []
    left.openChannel({ protocol: 'test' }).close()
    const second = left.openChannel({ protocol: 'test' })
    right.openChannel({ protocol: 'test' }).on('close', () => {
      const next = right.openChannel({ protocol: 'test' })
      next.on('frame', (frame) => log.push(`frame ${frame}`))
    })
    second.on('open', () => second.send(Uint8Array.of(7)))
    await settle()
    expect(log).toEqual(['frame 7'])
  })
})

describe('a pair of memory streams', () => {
  it('cuts what is written into chunks, in order', async () => {
    const [left, right] = memoryStreamPair({ chunkBytes: 2 })
    const chunks: number[][] = []
    right.on('data', (chunk) => chunks.push([...chunk]))
    right.on('end', () => chunks.push([]))
    left.write(Uint8Array.of(1, 2, 3))
    left.end()
    await settle()
    expect(chunks).toEqual([[1, 2], [3], []])
  })

  it('asks the writer to wait above 64 KiB and tells when the reader has caught up', async () => {
    const [left, right] = memoryStreamPair()
    let drained = 0
    left.on('drain', () => drained++)
    expect(left.write(new Uint8Array(65_536))).toBe(true)
    expect(left.write(new Uint8Array(1))).toBe(false)
    await settle()
    expect(drained).toBe(0)
    right.on('data', () => {})
    await settle()
    expect(drained).toBe(1)
  })

  it('ends both sides when one is destroyed, with the error only where it was', async () => {
    const [left, right] = memoryStreamPair()
    const log: string[] = []
    left.on('error', (error) => log.push(`left ${error.message}`))
    right.on('error', (error) => log.push(`right ${error.message}`))
    left.on('close', () => log.push('left close'))
    right.on('close', () => log.push('right close'))
    left.destroy(new Error('gone'))
    left.destroy()
    await settle()
    expect(log).toEqual(['left gone', 'left close', 'right close'])
  })
})
