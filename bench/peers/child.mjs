// One scene of one stack, in a process of its own: told what by its parent, answers with numbers, ends with its parent.

import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { absent } from './absence.mjs'
import { count } from './counters.mjs'
import { gossipsubStack } from './gossipsub-stack.mjs'
import { hearsayStack } from './hearsay-stack.mjs'
import { pair, stopped } from './memory.mjs'
import { calm, saturated } from './scenes.mjs'

const { kind, scene, libraries, options } = JSON.parse(process.argv[2])
const scenes = { absent, calm, pair, saturated, stopped }
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
  process.send(await answerOf(scenes[scene]), () => process.exit())
}

async function answerOf(run) {
  try {
    return { result: await run(stack, { ...options, stop }) }
  } catch (error) {
    console.error(error)
    return { error: error.message }
  }
}

/** Has the parent stop the other process. */
async function stop() {
  process.send({ stop: true })
  await once(process, 'message')
}
