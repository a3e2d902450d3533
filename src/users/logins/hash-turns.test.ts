import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceOf } from '../addresses.js';
import { HashTurns, maxWaiting, maxWaitingPerSource } from './hash-turns.js';

/** Attempts at turns. `order` has the sources whose turn came, in order. */
class Attempts {
  readonly turns = new HashTurns();
  readonly order: string[] = [];
  readonly refused: string[] = [];
  readonly #ends: (() => void)[] = [];

  async start(source: string, signal?: AbortSignal): Promise<void> {
    try {
      const end = await this.turns.take(source, signal);
      this.order.push(source);
      this.#ends.push(end);
    } catch {
      this.refused.push(source);
    }
  }

  /** Ends the oldest running turn. */
  async finishOne(): Promise<void> {
    this.#ends.shift()?.();
    await settled();
  }

  get running(): number {
    return this.#ends.length;
  }
}

/** Lets all promises settle that can. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('turns of password hashes', () => {
  it('let two run, and two of one source wait; further ones are busy', async () => {
    const attempts = new Attempts();
    for (let n = 0; n < 10; n++) void attempts.start('guesser');
    await settled();
    expect(attempts.running).toBe(2);
    expect(attempts.refused).toHaveLength(10 - 2 - maxWaitingPerSource);
    await expect(attempts.turns.take('guesser')).rejects.toMatchObject({ kind: 'throttled' });
  });

  it('come to a new source before the second attempt of another', async () => {
    const attempts = new Attempts();
    for (let n = 0; n < 100; n++) void attempts.start('guesser');
    void attempts.start('bob');
    await settled();
    await attempts.finishOne();
    await attempts.finishOne();
    expect(attempts.order).toEqual(['guesser', 'guesser', 'guesser', 'bob']);
  });

  it('go round between sources', async () => {
    const attempts = new Attempts();
    for (const source of ['x', 'x', 'a', 'a', 'b', 'b', 'c', 'c']) void attempts.start(source);
    await settled();
    for (let n = 0; n < 6; n++) await attempts.finishOne();
    expect(attempts.order.slice(2)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('take the place of a second attempt of another source when all places are taken', async () => {
    const attempts = new Attempts();
    for (let n = 0; n < 2; n++) void attempts.start('running');
    for (let n = 0; n < maxWaiting / 2; n++) for (const _ of [1, 2]) void attempts.start(`guesser-${n}`);
    await settled();
    expect(attempts.refused).toEqual([]);
    void attempts.start('bob');
    await settled();
    expect(attempts.refused).toEqual(['guesser-0']);
    for (let n = 0; n < 100; n++) await attempts.finishOne();
    expect(attempts.order).toContain('bob');
    expect(attempts.order).toHaveLength(maxWaiting + 2);
  });

  it('are given up by an attempt whose connection ends', async () => {
    const attempts = new Attempts();
    const connection = new AbortController();
    for (let n = 0; n < 2; n++) void attempts.start('running');
    void attempts.start('gone', connection.signal);
    void attempts.start('bob');
    await settled();
    connection.abort();
    await settled();
    expect(attempts.refused).toEqual(['gone']);
    await attempts.finishOne();
    expect(attempts.order).toEqual(['running', 'running', 'bob']);
    await expect(attempts.turns.take('late', connection.signal)).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('never run more than two, and all end, in any history', async () => {
    const step = fc.oneof(
      fc.record({ source: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.constant('finish' as const),
      fc.constant('abort' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const attempts = new Attempts();
        const connections: AbortController[] = [];
        let started = 0;
        for (const one of steps) {
          if (one === 'finish') await attempts.finishOne();
          else if (one === 'abort') connections.shift()?.abort();
          else {
            const connection = new AbortController();
            connections.push(connection);
            started += 1;
            void attempts.start(one.source, connection.signal);
          }
          await settled();
          expect(attempts.running).toBeLessThanOrEqual(2);
        }
        while (attempts.running > 0) await attempts.finishOne();
        expect(attempts.order.length + attempts.refused.length).toBe(started);
      }),
      { numRuns: 200 },
    );
  });

  it('are counted for the network of an IPv6 address', () => {
    expect(sourceOf('2001:db8:1:2::1')).toBe(sourceOf('2001:db8:1:2:ffff::9'));
    expect(sourceOf('2001:db8:1:2::1')).not.toBe(sourceOf('2001:db8:1:3::1'));
    expect(sourceOf('::ffff:192.0.2.1')).toBe(sourceOf('192.0.2.1'));
    expect(sourceOf('192.0.2.1')).not.toBe(sourceOf('192.0.2.2'));
  });
});
