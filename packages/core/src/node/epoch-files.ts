// Epochs that survive the process, a crash and a second process: each is the name of an empty file, and it is on the disk
// before anything is signed with it.

import { systemClock } from '../clock.js'
import type { EpochSource } from '../contracts/epoch.js'
import { chooseEpoch, type EpochOptions } from '../epochs.js'
import { CoreError } from '../errors.js'
import { systemRandom } from '../random.js'
import { type FileSystem, systemFiles } from './files.js'
import { claimNumber, listNumbers, type NumberedPlace, removeBelow } from './numbered-files.js'

export interface EpochFileOptions extends Partial<EpochOptions> {
  /** @default systemFiles() */
  readonly files?: FileSystem
}

/** Each lost attempt means that another process won; so many in a row means that something else is wrong. */
const MAX_ATTEMPTS = 100

/** Epochs kept as `<directory>/<epoch>`; the directory is made if it is missing. */
export function fileEpochs(directory: string, options: EpochFileOptions = {}): EpochSource {
  const { files = systemFiles(), clock = systemClock(), random = systemRandom() } = options
  const place: NumberedPlace = { directory, prefix: '' }

  const claim = async (): Promise<number> => {
    await files.makeDirectory(directory)
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const [stored = -1] = await listNumbers(files, place)
      const number = chooseEpoch(stored, { clock, random })
      if (await claimNumber(files, place, { number, text: '' })) return number
    }
    throw new CoreError('ERR_EPOCH', `no epoch could be claimed in ${MAX_ATTEMPTS} attempts`)
  }

  return {
    async next() {
      try {
        const epoch = await claim()
        await removeBelow(files, place, epoch)
        return epoch
      } catch (error) {
        throw error instanceof CoreError ? error : failure(directory, error)
      }
    },
  }
}

function failure(directory: string, cause: unknown): CoreError {
  return new CoreError('ERR_EPOCH', `no epoch could be stored in ${directory}`, {
    cause,
    remedy: 'See that the directory can be written to and that the disk is not full.',
  })
}
