// What can be wrong with what this package is given.

import { HearsayError } from '@hearsay/core'

/**
 * Codes of `@hearsay/simulator`; `hasCode` of core tells them apart.
 * - `ERR_SCENARIO`: a scenario that says what no scenario can
 */
export type SimulatorErrorCode = 'ERR_SCENARIO'

/** An error of this package. */
export class SimulatorError extends HearsayError<SimulatorErrorCode> {}
