/** Where a layer tells what it does. Free when off: no message is built without a logger. */
export type Logger = (entry: {
  readonly level: 'debug' | 'info' | 'warn'
  /** Which part speaks, such as `transport/pool`. */
  readonly scope: string
  readonly message: string
  readonly fields?: Readonly<Record<string, unknown>>
}) => void
