// An iterator of other values.

/** Not a generator: one that waits for the next value could not be returned from. */
export function mapped<From, To>(source: AsyncIterator<From>, map: (value: From) => To): AsyncIterableIterator<To> {
  return {
    async next() {
      const result = await source.next()
      return result.done ? { done: true, value: undefined } : { done: false, value: map(result.value) }
    },
    async return() {
      await source.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
