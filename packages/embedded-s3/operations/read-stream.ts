import type { AnswerBody } from '../http/answer.js';
import type { Segment } from '../storage/records.js';
import type { Store } from '../storage/store.js';

/**
 * The bytes `[start, end)` of pinned segments as an answer's body. The first of them are opened before it resolves, so that a
 * body that does not open is an error and not a broken answer. `release` is called once, also when this throws.
 */
export async function streamSegments(
  store: Store,
  segments: readonly Segment[],
  customerKey: Uint8Array | null,
  start: number,
  end: number,
  release: () => void,
): Promise<AnswerBody> {
  const bytes = store.readBody(segments, customerKey, start, end);
  let first: IteratorResult<Uint8Array>;
  try {
    first = await bytes.next();
  } catch (error) {
    release();
    throw error;
  }
  async function* primed(): AsyncGenerator<Uint8Array> {
    if (first.done === true) return;
    yield first.value;
    yield* bytes;
  }
  return {
    kind: 'stream',
    length: end - start,
    bytes: primed(),
    release: () => {
      // A body nobody began to read has its file open all the same.
      void bytes
        .return(undefined)
        .catch(() => undefined)
        .finally(release);
    },
  };
}
