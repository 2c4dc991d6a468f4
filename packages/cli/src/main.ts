// The command line: which commands there are, what they take, and how the process ends.

import { ENGINE_NAMES, type EngineName } from '@hearsay/simulator'
import { Command, CommanderError, Option } from 'commander'
import type { Since } from 'hearsay'
import { answer } from './commands/answer.js'
import { chat } from './commands/chat.js'
import { idExport, idImport, idNew, idShow } from './commands/id.js'
import { node } from './commands/node.js'
import { peers } from './commands/peers.js'
import { pipe } from './commands/pipe.js'
import { pub } from './commands/pub.js'
import { query } from './commands/query.js'
import { simulate } from './commands/simulate.js'
import { sub } from './commands/sub.js'
import { CommandError, EXIT, toCommandError } from './exit.js'
import {
  addGlobalOptions,
  parseCount,
  parsePort,
  parseSeed,
  parseShare,
  parseSince,
  parseWait,
  readGlobalOptions,
} from './global-options.js'
import { Output } from './output.js'

/** The process that the command runs in. */
export interface Terminal {
  readonly argv: readonly string[]
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Fires on SIGINT or SIGTERM. */
  readonly signal: AbortSignal
}

/** Runs one command to its end; answers the exit code. */
export async function main(terminal: Terminal): Promise<number> {
  const run = new Run(terminal)
  const program = createProgram(run)
  try {
    await program.parseAsync(terminal.argv, { from: 'user' })
    return run.finished()
  } catch (error) {
    return run.failed(error)
  }
}

/** What the actions of the commands need from the process. */
class Run {
  readonly terminal: Terminal
  #output: Output | null = null

  constructor(terminal: Terminal) {
    this.terminal = terminal
  }

  output(command: Command): Output {
    const { json, quiet } = readGlobalOptions(command)
    this.#output = new Output({ ...this.terminal, json, quiet })
    return this.#output
  }

  finished(): number {
    const { failure } = this.#output ?? {}
    return failure ? this.#tell(toCommandError(failure)) : EXIT.ok
  }

  /** Ends on a signal, or when nobody reads the output any more. */
  ended(output: Output): AbortSignal {
    return AbortSignal.any([this.terminal.signal, output.closed])
  }

  failed(error: unknown): number {
    if (error instanceof CommanderError) return this.#misused(error)
    // After a signal, or when nobody reads any more, whatever was under way was given up on purpose.
    if (this.terminal.signal.aborted || this.#output?.closed.aborted) return this.finished()
    return this.#tell(toCommandError(error))
  }

  /** Help and version are no failure; Commander has told the rest on stderr, but for programs. */
  #misused(error: CommanderError): number {
    if (error.exitCode === 0) return EXIT.ok
    if (!this.#isJson) return EXIT.usage
    const message = error.message.replace(/^error: /, '')
    return this.#tell(new CommandError(EXIT.usage, 'ERR_USAGE', message, 'Add --help for what there is.'))
  }

  #tell(failure: CommandError): number {
    const { stdout, stderr } = this.terminal
    new Output({ stdout, stderr, json: this.#isJson, quiet: false }).fail(failure)
    return failure.exitCode
  }

  /** Read from the arguments themselves: the options may be what is wrong. */
  get #isJson(): boolean {
    return this.terminal.argv.includes('--json')
  }

  /** Where Commander writes its complaints: nowhere if a program reads them as JSON. */
  complain(text: string): void {
    if (!this.#isJson) this.terminal.stderr.write(text)
  }
}

function createProgram(run: Run): Command {
  const { stdout } = run.terminal
  const program = new Command('hearsay')
    .description('talk to everyone interested in a topic, without a server')
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => run.complain(text) })
    .exitOverride()
    .showHelpAfterError('(add --help for what there is)')
  addGlobalOptions(program)
  for (const add of [addSub, addPub, addChat, addPipe, addQuery, addAnswer, addPeers, addId, addNode, addSimulate])
    add(program, run)
  return program
}

function addSub(program: Command, run: Run): void {
  program
    .command('sub')
    .description('print what is said about a topic')
    .argument('<topic>')
    .option('--count <n>', 'end after so many messages', parseCount)
    .option('--since <what>', 'live, all, or as far back as 90s, 10m, 2h', parseSince, 'live')
    .option('--exec <program>', 'run this for each message, which it reads on its stdin')
    .action(async (topic: string, given: { count?: number; since: Since; exec?: string }, command: Command) => {
      const output = run.output(command)
      const { count = null, exec = null, since } = given
      const options = { ...readGlobalOptions(command), count, since, exec }
      await sub(topic, options, output, run.ended(output))
    })
}

function addPub(program: Command, run: Run): void {
  program
    .command('pub')
    .description('publish a text, or each line of stdin')
    .argument('<topic>')
    .argument('[text]')
    .option('--peers <n>', 'wait for so many peers, and for each to confirm', parseCount, 1)
    .addOption(new Option('--input <form>', 'what a line is').choices(['text', 'json']).default('text'))
    .action(
      async (
        topic: string,
        text: string | undefined,
        given: { peers: number; input: 'text' | 'json' },
        command: Command,
      ) => {
        const output = run.output(command)
        const what = { topic, text: text ?? null, stdin: run.terminal.stdin }
        await pub(what, { ...readGlobalOptions(command), ...given }, output, run.ended(output))
      },
    )
}

function addChat(program: Command, run: Run): void {
  program
    .command('chat')
    .description('an interactive room')
    .argument('<topic>')
    .action(async (topic: string, _given: unknown, command: Command) => {
      const output = run.output(command)
      await chat({ topic, stdin: run.terminal.stdin }, readGlobalOptions(command), output, run.ended(output))
    })
}

function addPipe(program: Command, run: Run): void {
  program
    .command('pipe')
    .description('an encrypted stream between two; without a ticket, print one and wait')
    .argument('[ticket]')
    .action(async (ticket: string | undefined, _given: unknown, command: Command) => {
      const output = run.output(command)
      await pipe({ ticket, stdin: run.terminal.stdin }, readGlobalOptions(command), output, run.ended(output))
    })
}

function addQuery(program: Command, run: Run): void {
  program
    .command('query')
    .description('ask everybody, and print each answer')
    .argument('<topic>')
    .argument('<type>')
    .argument('[data]')
    .option('--wait <seconds>', 'for answers, at most 60', parseWait, 2)
    .option('--count <n>', 'end after so many answers', parseCount)
    .action(
      async (
        topic: string,
        type: string,
        data: string | undefined,
        given: { wait: number; count?: number },
        command: Command,
      ) => {
        const output = run.output(command)
        const options = { ...readGlobalOptions(command), wait: given.wait, count: given.count ?? null }
        await query({ topic, type, data }, options, output, run.ended(output))
      },
    )
}

function addAnswer(program: Command, run: Run): void {
  program
    .command('answer')
    .description('answer questions by what a program says')
    .argument('<topic>')
    .argument('<type>')
    .requiredOption('--exec <program>', 'is told the question on its stdin; its stdout is the answer')
    .action(async (topic: string, type: string, given: { exec: string }, command: Command) => {
      const output = run.output(command)
      await answer({ topic, type }, { ...readGlobalOptions(command), exec: given.exec }, output, run.ended(output))
    })
}

function addPeers(program: Command, run: Run): void {
  program
    .command('peers')
    .description('who is there, by which transport, how far away')
    .argument('<topic>')
    .action(async (topic: string, _given: unknown, command: Command) => {
      const output = run.output(command)
      await peers(topic, readGlobalOptions(command), output, run.ended(output))
    })
}

function addId(program: Command, run: Run): void {
  const id = program.command('id').description('the key that signs your messages')
  id.command('show', { isDefault: true })
    .description('print its name; makes a key if there is none')
    .action((_given: unknown, command: Command) => idShow(readGlobalOptions(command), run.output(command)))
  id.command('new')
    .description('make a new key; the old one is kept beside it')
    .action((_given: unknown, command: Command) => idNew(readGlobalOptions(command), run.output(command)))
  id.command('export')
    .description('print the secret')
    .action((_given: unknown, command: Command) => idExport(readGlobalOptions(command), run.output(command)))
  id.command('import')
    .description('read a secret from stdin')
    .action((_given: unknown, command: Command) =>
      idImport(run.terminal.stdin, readGlobalOptions(command), run.output(command)),
    )
}

function addNode(program: Command, run: Run): void {
  program
    .command('node')
    .description('a long-lived node')
    .argument('[topics...]')
    .option('--bootstrap-server', 'run a private DHT network that others can start from')
    .addOption(new Option('--ws <port>', 'also listen for browsers').env('HEARSAY_WS').argParser(parsePort))
    .action(async (topics: string[], given: { bootstrapServer?: boolean }, command: Command) => {
      const output = run.output(command)
      const options = { ...readGlobalOptions(command), bootstrapServer: given.bootstrapServer === true }
      await node(topics, options, output, run.ended(output))
    })
}

function addSimulate(program: Command, run: Run): void {
  program
    .command('simulate')
    .description('a room in virtual time: faults and liars, from a seed')
    .option('--nodes <n>', 'how many (100)', parseCount)
    .option('--authors <n>', 'how many of them speak (20)', parseCount)
    .option('--records <n>', 'that each of those says (10)', parseCount)
    .option('--crash <share>', 'of the nodes that vanishes half-way', parseShare)
    .option('--loss <share>', 'of the packets that is lost', parseShare)
    .option('--duplicate <share>', 'of the packets that comes twice', parseShare)
    .option('--reorder <share>', 'of the packets that is overtaken', parseShare)
    .option('--split <parts>', 'that the room falls into for a minute', parseCount)
    .option('--liars <share>', 'of the nodes that promises what it has not', parseShare)
    .option('--sleepers <share>', 'of the nodes that falls silent half-way', parseShare)
    .option('--hold-ms <n>', 'how long a hole is waited for that nobody may fill (1000)', parseCount)
    .addOption(new Option('--engine <name>', 'how records spread').choices(ENGINE_NAMES).default('trees'))
    .option('--seed <n>', 'decides everything that is random', parseSeed, 1)
    .option('--scenario <file>', 'a JSON file, or the name of one that ships')
    .option('--svg <file>', 'draw how one message spread')
    .action(async (given: { engine: EngineName; seed: number }, command: Command) => {
      const output = run.output(command)
      const { verbose } = readGlobalOptions(command)
      await simulate({ ...given, verbose }, output, run.ended(output))
    })
}
