// Lists that are taken from at their beginning.

/** Removes the first `count`. A list that becomes empty gives its room back, which `splice` keeps: most connections are idle. */
export function removeFirst(list: unknown[], count: number): void {
  if (count === list.length) list.length = 0
  else list.splice(0, count)
}
