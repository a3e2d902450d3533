import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forEachInBatches } from './batches.js';
import { forEachBounded, mapBounded } from './bounded.js';
import { GroupQueue } from './group-queue.js';
import { inOrder } from './in-order.js';
import { KeyedMutex } from './keyed-mutex.js';
import { Mutex } from './mutex.js';
import { Semaphore } from './semaphore.js';
import { TaskSet } from './task-set.js';

const turn = () => new Promise(setImmediate);
const runs = { numRuns: 60 };

async function* numbers(count: number): AsyncGenerator<number> {
  for (let at = 0; at < count; at += 1) yield at;
}

/** Work that takes some turns of the event loop, and what was seen of it. */
class Work {
  active = 0;
  maxActive = 0;
  readonly begun: number[] = [];
  readonly ended: number[] = [];
  readonly #turns: readonly number[];
  readonly #failing: ReadonlySet<number>;

  constructor(turns: readonly number[], failing: readonly number[] = []) {
    this.#turns = turns;
    this.#failing = new Set(failing);
  }

  readonly run = async (item: number): Promise<number> => {
    this.begun.push(item);
    this.active += 1;
    this.maxActive = Math.max(this.maxActive, this.active);
    for (let left = this.#turns[item] ?? 0; left > 0; left -= 1) await turn();
    this.active -= 1;
    this.ended.push(item);
    if (this.#failing.has(item)) throw new Error(`item ${item}`);
    return item * 2;
  };

  readonly runVoid = async (item: number): Promise<void> => void (await this.run(item));
}

const workloads = fc.record({
  turns: fc.array(fc.nat(5), { maxLength: 40 }),
  parallel: fc.integer({ min: 1, max: 8 }),
});
const failures = fc.array(fc.nat(39), { minLength: 1, maxLength: 3 });
const all = (turns: readonly number[]) => turns.map((_, index) => index);

describe('a loop', () => {
  const loops: Record<string, (turns: readonly number[], parallel: number, work: Work) => Promise<unknown>> =
    {
      forEachBounded: (turns, parallel, work) =>
        forEachBounded(null, numbers(turns.length), parallel, work.runVoid),
      mapBounded: (turns, parallel, work) => mapBounded(all(turns), parallel, work.run),
      forEachInBatches: (turns, parallel, work) =>
        forEachInBatches(numbers(turns.length), parallel, 7, work.runVoid, async () => undefined),
      inOrder: (turns, parallel, work) =>
        inOrder(numbers(turns.length), parallel, work.run, async () => undefined),
    };

  it.each(Object.entries(loops))('%s works on every item once, and never on more than N', async (_, loop) => {
    await fc.assert(
      fc.asyncProperty(workloads, async ({ turns, parallel }) => {
        const work = new Work(turns);
        await loop(turns, parallel, work);
        expect(work.begun).toEqual(all(turns));
        expect(work.maxActive).toBeLessThanOrEqual(parallel);
        expect(work.active).toBe(0);
      }),
      runs,
    );
  });

  it.each(Object.entries(loops))(
    '%s throws the first failure after everything that has begun has ended, and begins nothing more',
    async (_, loop) => {
      await fc.assert(
        fc.asyncProperty(workloads, failures, async ({ turns, parallel }, failing) => {
          const work = new Work(turns, failing);
          const happens = failing.some((item) => item < turns.length);
          const outcome = loop(turns, parallel, work);
          if (happens) await expect(outcome).rejects.toThrow(/^item \d+$/);
          else await outcome;
          expect(work.active).toBe(0);
          const begun = work.begun.length;
          expect(work.ended).toHaveLength(begun);
          for (let left = 0; left < 3; left += 1) await turn();
          expect(work.begun).toHaveLength(begun);
          if (happens) expect(begun).toBeLessThanOrEqual(Math.min(...failing) + 7 * parallel + 41);
        }),
        runs,
      );
    },
  );

  const streams = Object.entries(loops).filter(([name]) => name !== 'mapBounded');
  it.each(streams.map(([name]) => name))('%s ends what has begun when the source fails', async (name) => {
    async function* failing() {
      yield 0;
      yield 1;
      throw new Error('source');
    }
    const work = new Work([3, 3]);
    const source: Record<string, () => Promise<unknown>> = {
      forEachBounded: () => forEachBounded(null, failing(), 4, work.runVoid),
      forEachInBatches: () => forEachInBatches(failing(), 4, 2, work.runVoid, async () => undefined),
      inOrder: () => inOrder(failing(), 4, work.run, async () => undefined),
    };
    await expect(source[name]?.()).rejects.toThrow('source');
    expect(work.ended).toHaveLength(2);
    expect(work.active).toBe(0);
  });

  it('takes no items from the source that it cannot begin', async () => {
    let taken = 0;
    let ended = 0;
    async function* counted() {
      for (; taken < 20; ) {
        expect(taken - ended).toBeLessThan(3);
        yield taken++;
      }
    }
    await forEachBounded(null, counted(), 3, async () => {
      await turn();
      ended += 1;
    });
    expect(ended).toBe(20);
  });

  it('begins nothing more when its signal has aborted, and waits for the rest', async () => {
    const stopping = new AbortController();
    const work = new Work([2, 2, 2, 2]);
    const loop = forEachBounded(stopping.signal, numbers(4), 2, work.runVoid);
    await turn();
    stopping.abort();
    await expect(loop).rejects.toMatchObject({ kind: 'cancelled' });
    expect(work.ended).toEqual([0, 1]);
  });
});

describe('mapBounded', () => {
  it.each([1_000, 4_000])('lets other work run while %i items need no wait', async (count) => {
    let turns = 0;
    let isDone = false;
    const other = () => {
      turns += 1;
      if (!isDone) setImmediate(other);
    };
    setImmediate(other);
    await mapBounded(new Array(count).fill(1), 16, async (item: number) => item);
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(Math.floor(count / 128));
  });

  it('returns the results in the order of the items', async () => {
    await fc.assert(
      fc.asyncProperty(workloads, async ({ turns, parallel }) => {
        const results = await mapBounded(all(turns), parallel, new Work(turns).run);
        expect(results).toEqual(all(turns).map((item) => item * 2));
      }),
      runs,
    );
  });
});

describe('forEachInBatches', () => {
  it('settles each batch in order, once all of it has been worked on', async () => {
    await fc.assert(
      fc.asyncProperty(workloads, fc.integer({ min: 1, max: 9 }), async ({ turns, parallel }, batchSize) => {
        const work = new Work(turns);
        const settled: number[] = [];
        await forEachInBatches(numbers(turns.length), parallel, batchSize, work.runVoid, async (batch) => {
          expect(batch.length).toBeLessThanOrEqual(batchSize);
          settled.push(...batch);
          await turn();
          expect(work.ended).toHaveLength(settled.length);
        });
        expect(settled).toEqual(all(turns));
      }),
      runs,
    );
  });
});

describe('inOrder', () => {
  it('works in parallel, within the bound, and delivers in order', async () => {
    await fc.assert(
      fc.asyncProperty(workloads, async ({ turns, parallel }) => {
        const delivered: number[] = [];
        const work = new Work(turns);
        await inOrder(numbers(turns.length), parallel, work.run, async (item, result) => {
          expect(result).toBe(item * 2);
          delivered.push(item);
        });
        expect(delivered).toEqual(all(turns));
        expect(work.maxActive).toBeLessThanOrEqual(parallel);
      }),
      runs,
    );
  });

  it('throws a failure when nothing runs any more, and delivers nothing behind it', async () => {
    const delivered: number[] = [];
    const work = new Work(new Array(20).fill(1), [5]);
    const loop = inOrder(numbers(20), 3, work.run, async (item) => void delivered.push(item));
    await expect(loop).rejects.toThrow('item 5');
    expect(work.active).toBe(0);
    expect(delivered).toEqual([...delivered].sort((a, b) => a - b));
    expect(Math.max(...delivered)).toBeLessThan(5);
  });

  it('delivers nothing more after `done` has failed', async () => {
    const delivered: number[] = [];
    const loop = inOrder(numbers(20), 8, new Work([4]).run, async (item) => {
      delivered.push(item);
      if (item === 2) throw new Error('done 2');
    });
    await expect(loop).rejects.toThrow('done 2');
    expect(delivered).toEqual([0, 1, 2]);
  });

  it('continues after one slow item has let thousands of others get ahead of it', async () => {
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = 0;
    const delivered: number[] = [];
    const work = async (item: number) => {
      begun += 1;
      if (item === 0) await slow;
      return item;
    };
    const loop = inOrder(numbers(6_000), 2, work, async (item) => void delivered.push(item));
    while (begun < 5_000) await turn();
    for (let left = 0; left < 3; left += 1) await turn();
    expect(begun).toBe(5_000);
    release();
    await loop;
    expect(delivered).toHaveLength(6_000);
  });
});

describe('a semaphore', () => {
  it('grants at most its permits, in order, and loses none when waits are cancelled', async () => {
    const callers = fc.array(
      fc.record({
        count: fc.integer({ min: 1, max: 6 }),
        turns: fc.nat(4),
        cancelAfter: fc.option(fc.nat(6)),
      }),
      { maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(callers, fc.integer({ min: 1, max: 5 }), async (plans, total) => {
        const semaphore = new Semaphore(total);
        let held = 0;
        const admitted: number[] = [];
        const run = async (plan: (typeof plans)[number], index: number): Promise<void> => {
          const stopping = new AbortController();
          const cancel = async () => {
            for (let left = plan.cancelAfter ?? 0; left > 0; left -= 1) await turn();
            stopping.abort();
          };
          if (plan.cancelAfter !== null) void cancel();
          let release: () => void;
          try {
            release = await semaphore.acquire(plan.count, stopping.signal);
          } catch (error) {
            expect(error).toMatchObject({ kind: 'cancelled' });
            expect(stopping.signal.aborted).toBe(true);
            return;
          }
          admitted.push(index);
          held += Math.min(plan.count, total);
          expect(held).toBeLessThanOrEqual(total);
          for (let left = plan.turns; left > 0; left -= 1) await turn();
          held -= Math.min(plan.count, total);
          release();
          release();
        };
        await Promise.all(plans.map(run));
        expect(admitted).toEqual([...admitted].sort((a, b) => a - b));
        expect(semaphore.tryAcquire(total)).not.toBeNull();
        expect(semaphore.tryAcquire(1)).toBeNull();
      }),
      runs,
    );
  });

  it('has spare permits only if they are free and no caller waits', async () => {
    const { signal } = new AbortController();
    const semaphore = new Semaphore(4);
    const release = await semaphore.acquire(3, signal);
    expect(semaphore.tryAcquire(2)).toBeNull();
    const spare = semaphore.tryAcquire(1);
    expect(spare).not.toBeNull();
    const waiting = semaphore.acquire(2, signal);
    spare?.();
    expect(semaphore.tryAcquire(1)).toBeNull();
    release();
    release();
    await waiting;
    expect(semaphore.tryAcquire(2)).not.toBeNull();
    expect(semaphore.tryAcquire(1)).toBeNull();
  });

  it('lets the next waiter in when the one before it is cancelled', async () => {
    const stopping = new AbortController();
    const semaphore = new Semaphore(2);
    const release = await semaphore.acquire(1, null);
    const large = semaphore.acquire(2, stopping.signal);
    const small = semaphore.acquire(1, null);
    stopping.abort();
    await expect(large).rejects.toMatchObject({ kind: 'cancelled' });
    await small;
    release();
  });

  it('refuses a caller whose signal has already aborted', async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.acquire(1, AbortSignal.abort())).rejects.toMatchObject({ kind: 'cancelled' });
    expect(semaphore.tryAcquire(1)).not.toBeNull();
  });

  it('runs work with a permit, and gets it back when the work fails', async () => {
    const semaphore = new Semaphore(2);
    const work = new Work([3, 2, 1, 3, 1], [1, 3]);
    const outcomes = await Promise.allSettled(
      all([0, 0, 0, 0, 0]).map((item) => semaphore.run(() => work.run(item))),
    );
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true]);
    expect(work.maxActive).toBe(2);
    expect(semaphore.tryAcquire(2)).not.toBeNull();
  });
});

describe('a mutex', () => {
  it('lets in one caller at a time, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { maxLength: 15 }), async (turns) => {
        const mutex = new Mutex();
        const work = new Work(turns);
        await Promise.all(
          all(turns).map(async (item) => {
            if (!mutex.tryLock()) await mutex.lock();
            await work.run(item);
            mutex.unlock();
          }),
        );
        expect(work.ended).toEqual(all(turns));
        expect(work.maxActive).toBeLessThanOrEqual(1);
        expect(mutex.isLocked).toBe(false);
      }),
      runs,
    );
  });
});

describe('a keyed mutex', () => {
  it('never runs two works with a common key, and never deadlocks', async () => {
    const works = fc.array(
      fc.record({
        keys: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }),
        turns: fc.nat(3),
      }),
      { maxLength: 15 },
    );
    await fc.assert(
      fc.asyncProperty(works, async (plans) => {
        const mutex = new KeyedMutex<string>((key) => key);
        const locked = new Set<string>();
        const run = async ({ keys, turns }: (typeof plans)[number], index: number): Promise<number> => {
          const names = new Set(keys);
          for (const name of names) expect(locked).not.toContain(name);
          for (const name of names) locked.add(name);
          for (let left = turns; left > 0; left -= 1) await turn();
          for (const name of names) locked.delete(name);
          if (index % 4 === 3) throw new Error('every fourth');
          return index;
        };
        const outcomes = await Promise.allSettled(
          plans.map((plan, index) => mutex.runExclusive(plan.keys, () => run(plan, index))),
        );
        outcomes.forEach((outcome, index) => {
          if (index % 4 === 3) expect(outcome).toMatchObject({ reason: { message: 'every fourth' } });
          else expect(outcome).toMatchObject({ value: index });
        });
        for (const key of ['a', 'b', 'c']) expect(mutex.isLocked(key)).toBe(false);
      }),
      runs,
    );
  });

  it('starts at once when its keys are free, and is locked from then on', async () => {
    const mutex = new KeyedMutex<string>((key) => key);
    let hasStarted = false;
    const work = mutex.runExclusive(['a'], async () => {
      hasStarted = true;
    });
    expect([hasStarted, mutex.isLocked('a'), mutex.isLocked('b')]).toEqual([true, true, false]);
    await work;
    expect(mutex.isLocked('a')).toBe(false);
  });
});

describe('a group queue', () => {
  const queueOf = (groups: string[][], failing: string) =>
    new GroupQueue<string>({
      maxGroup: 3,
      maxWaiting: 4,
      process: async (items) => {
        groups.push([...items]);
        await turn();
        return new Map(items.filter((item) => item === failing).map((item) => [item, new Error(item)]));
      },
      drained: async () => void groups.push([]),
    });

  it('processes items in order, in bounded groups, and passes on the failure of each', async () => {
    const groups: string[][] = [];
    const queue = queueOf(groups, 'c');
    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((item) => queue.submit(item)));
    await queue.idle();
    expect(groups).toEqual([['a', 'b', 'c'], ['d'], []]);
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, true]);
  });

  it('blocks while too many items wait, and loses none', async () => {
    const groups: string[][] = [];
    const queue = queueOf(groups, '');
    const done: Promise<void>[] = [];
    for (let item = 0; item < 20; item += 1) {
      await queue.ready();
      done.push(queue.submit(String(item)));
    }
    await Promise.all(done);
    await queue.idle();
    expect(groups.flat()).toEqual(Array.from({ length: 20 }, (_, item) => String(item)));
    expect(groups.at(-1)).toEqual([]);
  });
});

describe('a task set', () => {
  it('is below its bound when it reports that, and idle when all tasks have ended', async () => {
    await fc.assert(
      fc.asyncProperty(workloads, async ({ turns, parallel }) => {
        const tasks = new TaskSet();
        const work = new Work(turns);
        for (const item of all(turns)) {
          await tasks.below(parallel);
          tasks.add(work.runVoid(item));
        }
        await tasks.idle();
        expect(work.ended).toHaveLength(turns.length);
        expect(work.maxActive).toBeLessThanOrEqual(parallel);
      }),
      runs,
    );
  });
});
