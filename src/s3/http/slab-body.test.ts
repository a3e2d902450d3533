import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdersOf, releaseBytes } from '../../bytes/buffer-pool.js';
import { SlabBody } from './slab-body.js';

/** Plays the socket: writes the content in the given steps until the body pauses it. */
class Feeder {
  readonly body: SlabBody;
  readonly #content: Buffer;
  readonly #steps: readonly number[];
  #step = 0;
  sent = 0;
  stopped = false;
  abandoned = false;

  constructor(content: Buffer, steps: readonly number[]) {
    this.#content = content;
    this.#steps = steps;
    this.body = new SlabBody(content.byteLength, {
      resume: () => {
        this.stopped = false;
      },
      abandon: () => {
        this.abandoned = true;
      },
    });
  }

  /** One read of the socket. */
  feed(): void {
    const room = this.body.room();
    const wanted = this.#steps[this.#step % this.#steps.length] ?? 1;
    this.#step += 1;
    const length = Math.min(wanted, room.byteLength, this.#content.byteLength - this.sent);
    this.#content.copy(room, 0, this.sent, this.sent + length);
    this.sent += length;
    if (!this.body.add(length)) this.stopped = true;
  }

  feedAll(): void {
    while (!this.body.isWhole && !this.stopped) this.feed();
  }
}

describe('a body read into slabs', () => {
  it('lends every piece to its reader only, once it is complete', async () => {
    const content = randomBytes(900_000);
    const feeder = new Feeder(content, [50_000, 3]);
    const pieces: Uint8Array[] = [];
    while (!feeder.body.isWhole) {
      feeder.feed();
      if (feeder.sent % 2 === 1) continue;
      const { value } = await feeder.body.next();
      if (value !== undefined) pieces.push(value);
    }
    for await (const piece of feeder.body) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(content)).toBe(true);
    const lent = pieces.filter((piece) => holdersOf(piece) > 0);
    expect(lent.length).toBeGreaterThan(3);
    for (const piece of lent) {
      const others = lent.filter((other) => other.buffer === piece.buffer).length;
      expect(holdersOf(piece)).toBe(others);
    }
    for (const piece of lent) releaseBytes(piece);
    expect(lent.map(holdersOf)).toEqual(lent.map(() => 0));
  });

  it('returns exactly the received bytes, in whatever steps they arrive and are read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 900_000 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 10 }),
        async (byteLength, steps, turns) => {
          const content = randomBytes(byteLength);
          const feeder = new Feeder(content, steps);
          const pieces: Uint8Array[] = [];
          for (let turn = 0; ; turn += 1) {
            const reads = turns[turn % turns.length] ?? 1;
            const next = feeder.body.next();
            for (let read = 0; read < reads && !feeder.body.isWhole; read += 1) feeder.feed();
            const result = await next;
            if (result.done) break;
            pieces.push(result.value);
          }
          expect(Buffer.concat(pieces).equals(content)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('pauses its source when the reader is slow, and resumes it when the reader has caught up', async () => {
    const content = randomBytes(5 * 1024 * 1024);
    const feeder = new Feeder(content, [16_384]);
    feeder.feedAll();
    expect(feeder.stopped).toBe(true);
    expect(feeder.body.isStopped).toBe(true);
    expect(feeder.sent).toBeLessThanOrEqual(1024 * 1024 + 2 * 256 * 1024);
    const pieces: Uint8Array[] = [];
    let stops = 0;
    for await (const piece of feeder.body) {
      pieces.push(piece);
      if (feeder.stopped) stops += 1;
      feeder.feedAll();
    }
    expect(stops).toBeGreaterThan(0);
    expect(Buffer.concat(pieces).equals(content)).toBe(true);
  });

  it('returns the bytes that arrived before a break, then its error', async () => {
    const feeder = new Feeder(randomBytes(100_000), [30_000]);
    feeder.feed();
    feeder.body.fail(new Error('broken'));
    const first = await feeder.body.next();
    expect(first.value?.byteLength).toBe(30_000);
    await expect(feeder.body.next()).rejects.toThrow('broken');
  });

  it('rejects a waiting read when the connection breaks', async () => {
    const feeder = new Feeder(randomBytes(10), [1]);
    const waiting = feeder.body.next();
    feeder.body.fail(new Error('broken'));
    await expect(waiting).rejects.toThrow('broken');
  });

  it('cannot fail once it is complete', async () => {
    const feeder = new Feeder(randomBytes(10), [10]);
    feeder.feed();
    feeder.body.fail(new Error('broken'));
    expect((await feeder.body.next()).value?.byteLength).toBe(10);
    expect((await feeder.body.next()).done).toBe(true);
  });

  it('closes its source once when the reader leaves, and returns nothing more', async () => {
    const feeder = new Feeder(randomBytes(100), [10]);
    feeder.feed();
    for await (const _piece of feeder.body) break;
    expect(feeder.abandoned).toBe(true);
    expect(await feeder.body.next()).toEqual({ done: true, value: undefined });
  });

  it('keeps its source when the reader leaves after the last byte', async () => {
    const feeder = new Feeder(randomBytes(100), [100]);
    feeder.feed();
    for await (const _piece of feeder.body) break;
    expect(feeder.abandoned).toBe(false);
  });

  it('takes no more memory than its size', () => {
    const feeder = new Feeder(randomBytes(7), [7]);
    expect(feeder.body.room().byteLength).toBe(7);
    expect(feeder.body.room().buffer.byteLength).toBe(7);
  });
});
