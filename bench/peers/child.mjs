// One scene of one stack, in a process of its own: told what by its parent, answers with numbers, ends with its parent.

import { pathToFileURL } from 'node:url'
import { count } from './counters.mjs'
import { gossipsubStack } from './gossipsub-stack.mjs'
import { hearsayStack } from './hearsay-stack.mjs'
import * as scenes from './scenes.mjs'

const { kind, scene, libraries, options } = JSON.parse(process.argv[2])
process.once('disconnect', () => process.exit())
count()
const stack =
  kind === 'hearsay'
    ? hearsayStack()
    : gossipsubStack(await import(pathToFileURL(libraries).href), kind === 'gossipsub tuned')

if (scene === 'peer') {
  const { address } = await stack.start(() => {})
  process.send({ address })
} else {
  const stop = () => new Promise((resolve) => {
    process.once('message', resolve)
    process.send({ stop: true })
  })
  process.send({ result: await scenes[scene](stack, { ...options, stop }) }, () => process.exit())
}
