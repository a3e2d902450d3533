import { describe, expect, it } from 'vitest';
import { persist } from './persist.js';

const lost = (text = 'connect') => Object.assign(new Error(text), { code: 'ECONNREFUSED' });
const never = new AbortController().signal;

/** Work that fails with these errors, one after the other, and then succeeds. */
function failing(...errors: readonly Error[]) {
  const state = { attempts: 0 };
  const attempt = async () => {
    const error = errors[state.attempts];
    state.attempts += 1;
    if (error !== undefined) throw error;
    return 'done';
  };
  return { state, attempt };
}

describe('work on a connection that may be lost', () => {
  it('runs once if it succeeds', async () => {
    const { state, attempt } = failing();
    expect(await persist(1_000, never, attempt)).toBe('done');
    expect(state.attempts).toBe(1);
  });

  it('runs again until the connection is back', async () => {
    const { state, attempt } = failing(lost(), lost(), lost());
    const startMs = performance.now();
    expect(await persist(60_000, never, attempt)).toBe('done');
    expect(state.attempts).toBe(4);
    // The pauses grow: 25, 50 and 100 ms.
    expect(performance.now() - startMs).toBeGreaterThan(165);
  });

  it('does not run again after another error', async () => {
    const wrong = new Error('wrong');
    const { state, attempt } = failing(lost(), wrong, lost());
    await expect(persist(60_000, never, attempt)).rejects.toBe(wrong);
    expect(state.attempts).toBe(2);
  });

  it('ends with the last error when the time is over, not before', async () => {
    const errors = Array.from({ length: 100 }, (_, at) => lost(String(at)));
    const { state, attempt } = failing(...errors);
    const startMs = performance.now();
    await expect(persist(120, never, attempt)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(performance.now() - startMs).toBeGreaterThan(110);
    expect(state.attempts).toBeGreaterThan(2);
    const once = failing(...errors);
    await expect(persist(0, never, once.attempt)).rejects.toBe(errors[0]);
    expect(once.state.attempts).toBe(1);
  });

  it('ends with the last error when the database is closed, at once', async () => {
    const closing = new AbortController();
    const error = lost();
    let attempts = 0;
    const waiting = persist(60_000, closing.signal, async () => {
      attempts += 1;
      setImmediate(() => closing.abort());
      throw error;
    });
    await expect(waiting).rejects.toBe(error);
    const { state, attempt } = failing(lost(), lost());
    await expect(persist(60_000, closing.signal, attempt)).rejects.toThrow('connect');
    expect([attempts, state.attempts]).toEqual([1, 1]);
  });
});
