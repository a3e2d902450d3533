import type { AnswerBody } from '../http/answer.js';
import type { Segment } from '../storage/records.js';
import type { Store } from '../storage/store.js';

/**
 * Returns the bytes `[start, end)` of pinned segments as the body of an answer. Opens the first
 * segments before it resolves, so that a body that cannot be opened is an error and not a broken
 * answer. Calls `release` once, also if it throws.
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
      // The file of a body is open even if reading it has not begun.
      void bytes
        .return(undefined)
        .catch(() => undefined)
        .finally(release);
    },
  };
}
