/**
 * Yields the items of a source, requesting up to `max` items ahead. Throws the source's error after the items
 * before it. Ends the source if the reader stops early.
 */
export async function* readAhead<T>(source: AsyncGenerator<T>, max: number): AsyncGenerator<T> {
  // A generator answers these requests one after the other.
  const asked: Promise<IteratorResult<T>>[] = [];
  const ask = (): void => {
    const next = source.next();
    // A reader that stops early must not get an unhandled rejection.
    next.catch(() => undefined);
    asked.push(next);
  };
  try {
    ask();
    for (let next = asked.shift(); next !== undefined; next = asked.shift()) {
      while (asked.length < max) ask();
      const { done, value } = await next;
      if (done) return;
      yield value;
    }
  } finally {
    await source.return(undefined);
  }
}
