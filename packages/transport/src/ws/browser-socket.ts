// The part of a browser's WebSocket that is used here. Types of our own, so that nobody needs a library of DOM types.

export interface BrowserSocket {
  binaryType: string
  readonly readyState: number
  /** Bytes that were given to `send` and are not on their way yet. */
  readonly bufferedAmount: number
  send(bytes: Uint8Array): void
  close(code?: number): void
  addEventListener(event: 'open' | 'error', listener: () => void): void
  addEventListener(event: 'message', listener: (message: { readonly data: unknown }) => void): void
  addEventListener(event: 'close', listener: (close: { readonly code: number }) => void): void
}

/** Value of `readyState`. */
export const OPEN = 1

/** A new socket of the browser's; throws for a URL that it does not take, or where there is no WebSocket. */
export function createBrowserSocket(url: string): BrowserSocket {
  const { WebSocket } = globalThis as { readonly WebSocket?: new (url: string) => BrowserSocket }
  if (!WebSocket) throw new Error('there is no WebSocket here')
  return new WebSocket(url)
}
