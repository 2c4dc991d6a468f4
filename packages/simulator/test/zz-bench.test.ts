import { it } from 'vitest'
// @ts-ignore
import { benchEngine } from '../../../bench/engine.mjs'
it('bench', { timeout: 100000 }, () => { console.log(JSON.stringify(benchEngine(0.5), null, 1)) })
