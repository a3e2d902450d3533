import type { IdempotencyKeys, StoredAnswer } from '../server/idempotency.js';

/** Idempotency keys in memory. */
export function memoryIdempotencyKeys(): IdempotencyKeys {
  const known = new Map<string, StoredAnswer | 'running'>();
  return {
    begin: async (key) => {
      const before = known.get(key) ?? null;
      if (before === null) known.set(key, 'running');
      return before;
    },
    finish: async (key, answer) => void known.set(key, answer),
    forget: async (key) => void known.delete(key),
  };
}
