// Draws the pictures of docs/utp.md: uTP alone, beside a flow that only loss slows down, and two of ours.
// usage: node tools/utp-plots.mjs (after a build)

import { mkdirSync, writeFileSync } from 'node:fs'
import { utpPlots } from '@hearsay/simulator'

const directory = new URL('../docs/utp/', import.meta.url)
mkdirSync(directory, { recursive: true })
for (const { file, svg } of utpPlots()) writeFileSync(new URL(file, directory), svg)
