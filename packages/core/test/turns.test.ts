import { describe, expect, it } from 'vitest'
import { Turns } from '../src/index.js'

describe('turns', () => {
  it('deal with what is caused meanwhile after what caused it, in order', () => {
    const log: string[] = []
    const turns = new Turns<number>((input) => {
      log.push(`begin ${input} ${turns.running}`)
      if (input === 1) for (const next of [2, 3]) turns.take(next)
      log.push(`end ${input}`)
    })
    turns.take(1)
    expect(log).toEqual(['begin 1 true', 'end 1', 'begin 2 true', 'end 2', 'begin 3 true', 'end 3'])
    expect(turns.running).toBe(false)
  })

  it('go on after one that threw', () => {
    const seen: number[] = []
    const turns = new Turns<number>((input) => {
      if (input === 0) throw new Error('broken')
      seen.push(input)
    })
    expect(() => turns.take(0)).toThrow('broken')
    turns.take(1)
    expect(seen).toEqual([1])
  })
})
