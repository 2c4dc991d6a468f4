// Takes epochs from a directory and prints them: <modules> <directory> <count>
import { ready } from './ready.mjs'

const [modules, directory, count] = process.argv.slice(2)
const { fileEpochs } = await import(`${modules}/node.js`)
await ready()
const epochs = fileEpochs(directory)
for (let index = 0; index < Number(count); index++) console.log(await epochs.next())
