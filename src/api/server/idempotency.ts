import { createHash } from 'node:crypto';
import { Fault } from '../../model/fault.js';
import { Refusal } from '../refusal.js';

/** The stored outcome of a request with an Idempotency-Key. */
export interface StoredAnswer {
  readonly status: number;
  /** JSON; null if the answer is not stored because it has a secret, or is too long. */
  readonly body: string | null;
  readonly etag: string | null;
}

/** Stores which keys were used, for a bounded time and number. */
export interface IdempotencyKeys {
  /**
   * Claims the key. Returns null if it is new, `running` if its request has not ended (or ended with the process
   * that ran it), else its stored answer.
   */
  begin(key: string): Promise<'running' | StoredAnswer | null>;
  finish(key: string, answer: StoredAnswer): Promise<void>;
  /** Forgets a key whose request was refused, so that it may be sent again. */
  forget(key: string): Promise<void>;
}

export const idempotencyHeader = 'idempotency-key';
/** A longer answer is not stored; a repetition then gets only a conflict. */
const maxStoredCharacters = 64 * 1024;
/** Digests of requests by their keys, the oldest first. */
const maxDigests = 10_000;

/** Runs each request with the same key once. */
export class Idempotency {
  readonly #keys: IdempotencyKeys;
  /**
   * In memory only: a digest of a request with a password in the database would let someone test passwords. After a
   * restart a key is accepted without this comparison.
   */
  readonly #digests = new Map<string, string>();

  constructor(keys: IdempotencyKeys) {
    this.#keys = keys;
  }

  /**
   * Returns the answer of an earlier request with this key, or runs `work` and stores its answer. Throws `conflict`
   * for a key of another request, and of one whose answer is not known.
   */
  async run(
    header: string,
    { person, operation, request }: { person: string; operation: string; request: unknown },
    work: () => Promise<StoredAnswer & { readonly body: string | null }>,
    isStored: boolean,
  ): Promise<StoredAnswer> {
    const key = keyOf(header, person, operation);
    const digest = createHash('sha256').update(JSON.stringify(request)).digest('base64');
    const known = this.#digests.get(key);
    if (known !== undefined && known !== digest) {
      throw new Fault('conflict', `the ${idempotencyHeader} was used for another request: choose a new one`);
    }
    const before = await this.#keys.begin(key);
    if (before !== null) return stored(before);
    this.#remember(key, digest);
    let answer: StoredAnswer;
    try {
      answer = await work();
    } catch (error) {
      this.#digests.delete(key);
      await this.#keys.forget(key);
      throw error;
    }
    const fits = isStored && (answer.body ?? '').length <= maxStoredCharacters;
    await this.#keys.finish(key, fits ? answer : { ...answer, body: null });
    return answer;
  }

  #remember(key: string, digest: string): void {
    this.#digests.set(key, digest);
    const [oldest] = this.#digests.keys();
    if (this.#digests.size > maxDigests && oldest !== undefined) this.#digests.delete(oldest);
  }
}

function stored(before: 'running' | StoredAnswer): StoredAnswer {
  if (before === 'running') {
    throw new Fault(
      'conflict',
      `a request with this ${idempotencyHeader} is in work, or was interrupted: list what exists before you repeat it`,
    );
  }
  if (before.body === null && before.status !== 204) {
    throw new Fault(
      'conflict',
      `a request with this ${idempotencyHeader} has succeeded; its answer is not stored`,
    );
  }
  return before;
}

/** One person's key is not another's. The header itself is not stored. */
function keyOf(header: string, person: string, operation: string): string {
  if (!/^[\x21-\x7e]{1,200}$/.test(header)) {
    const detail = 'must have 1 to 200 visible ASCII characters';
    throw new Refusal('invalid', `${idempotencyHeader} ${detail}`, {
      fields: [{ in: 'header', pointer: `/${idempotencyHeader}`, detail }],
    });
  }
  return createHash('sha256')
    .update(JSON.stringify([person, operation, header]))
    .digest('hex');
}
