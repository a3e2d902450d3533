/**
 * The same items; up to `most` are asked for ahead of the one that is worked on. What the source throws comes behind the items before it.
 * Who leaves early ends the source.
 */
export async function* readAhead<T>(source: AsyncGenerator<T>, max: number): AsyncGenerator<T> {
  // A generator answers them one after the other.
  const asked: Promise<IteratorResult<T>>[] = [];
  const ask = (): void => {
    const next = source.next();
    // Who leaves early does not want to hear of it.
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
