// How an address has fared, with a memory that fades: what happened counts half as much a day later. Times are milliseconds
// of the book's clock, which never goes back while it runs.

/** The record of one address. `good` and `bad` have faded until `fadedAt`; the other counts never fade. */
export interface PlaceStats {
  successes: number
  failures: number
  consecutiveFailures: number
  good: number
  bad: number
  fadedAt: number
  /** The first failure since the last success. */
  failingSince: number | null
  rttMs: number | null
  lastSeen: number | null
  lastTried: number | null
}

/** After so long what happened counts half. */
export const HALF_LIFE_MS = 86_400_000
/** How much a new round trip weighs (RFC 6298 §2: alpha = 1/8). */
const RTT_WEIGHT = 1 / 8
/** Longer than any round trip; what a clock says beyond is not one. */
const MAX_RTT_MS = 600_000

export function freshStats(now: number): PlaceStats {
  return {
    successes: 0,
    failures: 0,
    consecutiveFailures: 0,
    good: 0,
    bad: 0,
    fadedAt: now,
    failingSince: null,
    rttMs: null,
    lastSeen: null,
    lastTried: null,
  }
}

export function noteSuccess(stats: PlaceStats, now: number): void {
  fade(stats, now)
  stats.successes += 1
  stats.good += 1
  stats.consecutiveFailures = 0
  stats.failingSince = null
  stats.lastSeen = now
  stats.lastTried = now
}

export function noteFailure(stats: PlaceStats, now: number): void {
  fade(stats, now)
  stats.failures += 1
  stats.bad += 1
  stats.consecutiveFailures += 1
  stats.failingSince ??= now
  stats.lastTried = now
}

export function noteRtt(stats: PlaceStats, ms: number): void {
  if (!(ms >= 0 && ms <= MAX_RTT_MS)) return
  stats.rttMs = stats.rttMs === null ? ms : stats.rttMs + (ms - stats.rttMs) * RTT_WEIGHT
}

/** 0 to 1: the share of successes, as if there had been one success and one failure more (Laplace); unknown is 0.5. */
export function scoreOf({ good, bad, fadedAt }: Pick<PlaceStats, 'good' | 'bad' | 'fadedAt'>, now: number): number {
  const left = fading(now - fadedAt)
  return (good * left + 1) / ((good + bad) * left + 2)
}

function fade(stats: PlaceStats, now: number): void {
  const left = fading(now - stats.fadedAt)
  stats.good *= left
  stats.bad *= left
  stats.fadedAt = now
}

function fading(elapsedMs: number): number {
  return 2 ** (-Math.max(0, elapsedMs) / HALF_LIFE_MS)
}
