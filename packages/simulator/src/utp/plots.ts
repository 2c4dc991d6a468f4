// Pictures of uTP on a narrow link: the rate of each sender above, the queue below. Equal code gives equal pictures.

import { escapeXml } from '../xml.js'
import { type ContentionOptions, type ContentionSample, contend, ratesOf } from './contention.js'

export interface UtpPlot {
  /** A file name. */
  readonly file: string
  readonly svg: string
}

interface Subject extends ContentionOptions {
  readonly file: string
  readonly title: string
  readonly names: readonly string[]
}

const SUBJECTS: readonly Subject[] = [
  {
    ...{ file: 'alone.svg', title: 'uTP alone on 20 Mbit/s, 40 ms there and back', names: ['uTP'] },
    ...{ seconds: 40, startsAt: [0] },
  },
  {
    ...{ file: 'yields.svg', title: 'A flow that only loss slows down begins at 10 s', names: ['uTP', 'loss-based'] },
    ...{ seconds: 40, startsAt: [0], lossBasedAt: 10 },
  },
  {
    ...{ file: 'shares.svg', title: 'A second uTP begins at 20 s', names: ['first', 'second'] },
    ...{ seconds: 80, startsAt: [0, 20] },
  },
]

/** Pixels. */
const [WIDTH, LEFT, RIGHT] = [720, 60, 700]
const ABOVE: Panel = { top: 40, bottom: 220, most: 20, step: 5, unit: 'Mbit/s' }
const BELOW: Panel = { top: 250, bottom: 400, most: 400, step: 100, unit: 'queue, ms' }
const HEIGHT = 440
const COLOURS = ['#0b62a4', '#c2410c'] as const
const QUEUE_COLOUR = '#4b5563'
/** A rate is the mean of a second, a queue that of half a second. */
const [RATE_SECONDS, QUEUE_SECONDS] = [1, 0.5]

interface Panel {
  readonly top: number
  readonly bottom: number
  /** The value at the top. */
  readonly most: number
  /** Between the lines of the grid. */
  readonly step: number
  readonly unit: string
}

type Point = readonly [x: number, y: number]

/** What docs/utp.md shows of LEDBAT; takes seconds of work. */
export function utpPlots(): readonly UtpPlot[] {
  return SUBJECTS.map((subject) => ({ file: subject.file, svg: draw(subject, contend(subject)) }))
}

function draw({ title, names, seconds }: Subject, samples: readonly ContentionSample[]): string {
  const x = (at: number): number => LEFT + ((RIGHT - LEFT) * at) / seconds
  const rates = names.map((_, index) =>
    windows(seconds, RATE_SECONDS).map(([from, to]): Point => {
      const rate = ratesOf(samples, from, to)[index] ?? 0
      return [x((from + to) / 2), height(ABOVE, rate / 1e6)]
    }),
  )
  const queue = windows(seconds, QUEUE_SECONDS).map(([from, to]): Point => {
    const during = samples.filter(({ at }) => at >= from && at < to)
    const mean = during.reduce((sum, { queueMs }) => sum + queueMs, 0) / Math.max(1, during.length)
    return [x((from + to) / 2), height(BELOW, mean)]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${LEFT}" y="22" font-size="15">${escapeXml(title)}</text>`,
    ...[ABOVE, BELOW].flatMap(grid),
    ...rates.map((points, index) => line(points, COLOURS[index] ?? 'black')),
    ...names.map(
      (name, index) =>
        `<text x="${RIGHT - 10}" y="${ABOVE.bottom - 10 - 16 * index}" text-anchor="end" fill="${COLOURS[index]}">${escapeXml(name)}</text>`,
    ),
    line(queue, QUEUE_COLOUR),
    ...[0, 1, 2, 3, 4].map((quarter) => {
      const at = (seconds * quarter) / 4
      return `<text x="${x(at)}" y="${BELOW.bottom + 16}" text-anchor="middle">${at} s</text>`
    }),
    '</svg>',
    '',
  ].join('\n')
}

function grid(panel: Panel): readonly string[] {
  const values = Array.from({ length: panel.most / panel.step + 1 }, (_, index) => index * panel.step)
  return [
    `<text x="${LEFT}" y="${panel.top - 5}" fill="#6b7280">${panel.unit}</text>`,
    ...values.flatMap((value) => {
      const y = height(panel, value)
      return [
        `<line x1="${LEFT}" y1="${y}" x2="${RIGHT}" y2="${y}" stroke="#e5e7eb"/>`,
        `<text x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${value}</text>`,
      ]
    }),
  ]
}

function line(points: readonly Point[], colour: string): string {
  const path = points.map(([x, y]) => `${rounded(x)},${rounded(y)}`).join(' ')
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`
}

/** Where a value is in its panel; what is above stays at the top. */
function height({ top, bottom, most }: Panel, value: number): number {
  return rounded(bottom - ((bottom - top) * Math.min(most, value)) / most)
}

function windows(seconds: number, width: number): (readonly [from: number, to: number])[] {
  return Array.from({ length: seconds / width }, (_, index) => [index * width, (index + 1) * width] as const)
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
