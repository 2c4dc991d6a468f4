// Text inside XML.

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text that XML takes: what it has no way to write is left out. */
export function escapeXml(text: string): string {
  return Array.from(text)
    .filter((letter) => letter >= ' ' && letter !== '\ufffe' && letter !== '\uffff')
    .map((letter) => ENTITIES[letter] ?? letter)
    .join('')
}
