// Remote text made harmless for a terminal or a log: what could move the cursor, hide, or reorder what is read becomes a
// visible escape. (Trojan Source, CVE-2021-42574; ECMA-48 control functions.)

/** Controls (C0, DEL, C1), format characters (bidirectional, zero-width, tags), line and paragraph separators, lone surrogates. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** More combining marks than this on one letter paint over other lines. */
const MAX_COMBINING = 4
const STACKED = new RegExp(`(\\p{M}{${MAX_COMBINING}})\\p{M}+`, 'gu')

/** The text of `value` with everything that is not plainly visible written as `\u{…}`. Not a string: its JSON. */
export function safeText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return text.replace(STACKED, '$1').replace(UNSAFE, (unit) => `\\u{${unit.codePointAt(0)?.toString(16)}}`)
}

/** JSON on one line with the same characters escaped, as JSON does it: it parses back to the very same value. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (unit) =>
    [...Array(unit.length).keys()].map((at) => `\\u${unit.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}
