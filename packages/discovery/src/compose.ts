// Any number of discoveries as one. Each keeps its own schedule and its own failures, also one that throws where the contract
// forbids it; a candidate keeps its own source.

import type { Discovery, DiscoveryJoin, DiscoverySession, Logger, Topic } from '@hearsay/core'
import { closedError } from './errors.js'
import { createSession, type SessionControl } from './session.js'

const NAME = 'composed'

export interface ComposeOptions {
  /** Told of a part that cannot join. */
  readonly logger?: Logger
}

/**
 * One discovery made of `parts`: its session yields what any of theirs yields, is flushed when all are, and leaves all.
 * `identifies` if all do, `local` if one is.
 */
export function composeDiscoveries(parts: readonly Discovery[], options: ComposeOptions = {}): Discovery {
  const sessions = new Set<SessionControl>()
  let closed = false

  function join(topic: Topic, wish: DiscoveryJoin): DiscoverySession {
    if (closed) throw closedError(NAME)
    const joined = parts.flatMap((part) => tryJoin(part, topic, wish, options.logger))
    const control: SessionControl = createSession({
      refresh: () => {
        for (const session of joined) tryRefresh(session, options.logger)
      },
      leave: async () => {
        sessions.delete(control)
        await Promise.allSettled(joined.map(async (session) => session.leave()))
      },
    })
    sessions.add(control)
    for (const session of joined) void forward(session, control)
    void Promise.allSettled(joined.map(async (session) => session.flushed())).then(control.flush)
    return control.session
  }

  return {
    name: NAME,
    capabilities: {
      identifies: parts.every((part) => part.capabilities.identifies),
      local: parts.some((part) => part.capabilities.local),
    },
    join,
    async close() {
      closed = true
      await Promise.allSettled([...sessions].map((control) => control.session.leave()))
      await Promise.allSettled(parts.map(async (part) => part.close()))
    },
  }
}

function tryJoin(part: Discovery, topic: Topic, wish: DiscoveryJoin, logger?: Logger): DiscoverySession[] {
  try {
    return [part.join(topic, wish)]
  } catch (error) {
    logger?.({ level: 'warn', scope: 'discovery', message: `${part.name} cannot join`, fields: { error } })
    return []
  }
}

function tryRefresh(session: DiscoverySession, logger?: Logger): void {
  try {
    session.refresh()
  } catch (error) {
    logger?.({ level: 'warn', scope: 'discovery', message: 'a session cannot look again', fields: { error } })
  }
}

async function forward(from: DiscoverySession, to: SessionControl): Promise<void> {
  try {
    for await (const candidate of from) to.offer(candidate)
  } catch {
    // The contract forbids a session to reject; one that does ends, and the others go on.
  }
}
