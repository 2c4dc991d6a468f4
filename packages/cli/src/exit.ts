// How the command ends: one exit code for each kind of ending, and errors in words or JSON.

import { HearsayError, hasCode } from 'hearsay'

/** The exit codes; `docs/cli.md` lists them for scripts. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  noPeer: 3,
  timedOut: 4,
  identity: 5,
  noSocket: 6,
  unverified: 7,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** An ending that is not success, with what to do about it. */
export class CommandError extends Error {
  readonly exitCode: ExitCode
  readonly code: string
  readonly remedy: string | undefined

  constructor(exitCode: ExitCode, code: string, message: string, remedy?: string) {
    super(message)
    this.exitCode = exitCode
    this.code = code
    this.remedy = remedy
  }
}

/** What any error means for the process that shows it. */
export function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'ERR_INTERNAL'
  const remedy = error instanceof HearsayError ? error.remedy : undefined
  return new CommandError(exitCodeOf(error), code, message, remedy)
}

function exitCodeOf(error: unknown): ExitCode {
  if (hasCode(error, 'ERR_IDENTITY', 'ERR_IDENTITY_MODE', 'ERR_EPOCH', 'EACCES', 'EPERM', 'EROFS')) return EXIT.identity
  if (hasCode(error, 'ERR_LISTEN', 'ERR_PORT_TAKEN', 'ERR_BOOTSTRAP')) return EXIT.noSocket
  if (
    hasCode(
      error,
      'ERR_OPTION',
      'ERR_HOST',
      'ERR_ADDRESS',
      'ERR_TOPIC',
      'ERR_PEER_ID',
      'ERR_MESSAGE_SIZE',
      'ERR_ENCODING',
      'ERR_USAGE',
      'ERR_SCENARIO',
    )
  )
    return EXIT.usage
  return EXIT.internal
}
