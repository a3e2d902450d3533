import { expect, it } from 'vitest';
import type { Call, Clock, LogFields, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { CopyOutcome } from '../recovery/bucket-copy.js';
import { watchBucketCopy } from './bucket-copy.js';

/** A gateway's life in which every wait ends at once, and is written down. */
class Life {
  readonly waits: number[] = [];
  readonly logged: string[] = [];
  runs = 0;
  behind = true;
  checkMs = 0;
  outcome: () => CopyOutcome = () => ({
    kind: 'complete',
    changedFiles: 2,
    snapshot: 7,
    isNewSnapshot: true,
  });
  onChange = (): void => undefined;
  /** Called at each wait; the life ends when it answers true. */
  readonly #each: (life: Life, wait: number) => boolean;
  readonly #end = new AbortController();
  #nowMs = 0;

  constructor(each: (life: Life, wait: number) => boolean) {
    this.#each = each;
  }

  async live(): Promise<void> {
    const note = (message: string, _fields?: LogFields) => void this.logged.push(message);
    const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log };
    const call: Call = { id: 'test', signal: this.#end.signal, log };
    const clock: Clock = {
      nowMs: () => 0,
      monotonicMs: () => this.#nowMs,
      sleep: async (ms) => {
        this.waits.push(ms);
        if (this.#each(this, this.waits.length)) this.#end.abort();
      },
    };
    const keyring = {
      onChange: (listener: () => void) => {
        this.onChange = listener;
        return () => void this.logged.push('stopped listening');
      },
    };
    const bucketCopy = {
      reasonNotCopied: async () => null,
      isOutdated: async () => {
        this.#nowMs += this.checkMs;
        return this.behind;
      },
      run: async () => {
        this.runs += 1;
        return this.outcome();
      },
    };
    await watchBucketCopy({ bucketCopy, keyring, call, log, clock }, this.#end.signal);
  }
}

it('copies what is behind, looks every five seconds, and says what it did', async () => {
  const life = new Life((now, wait) => {
    now.behind = false;
    return wait === 3;
  });
  await life.live();
  expect(life.runs).toBe(1);
  expect(life.waits).toEqual([5_000, 5_000, 5_000]);
  expect(life.logged).toEqual([
    'keys, users and settings are copied to the bucket: snapshot 7',
    'stopped listening',
  ]);
});

it('says one failure once, waits longer each time, at last ten minutes, and goes on', async () => {
  const life = new Life((now, wait) => {
    if (wait === 9)
      now.outcome = () => ({ kind: 'complete', changedFiles: 0, snapshot: 8, isNewSnapshot: true });
    return wait === 10;
  });
  life.outcome = () => {
    throw new Fault('unavailable', 'S3 is away');
  };
  await life.live();
  expect(life.waits.slice(0, 9)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((tens) => tens * 10_000));
  expect(life.waits[9]).toBe(5_000);
  expect(life.logged.slice(0, 2)).toEqual([
    'keys, users and settings are not copied to the bucket: S3 is away',
    'keys, users and settings are copied to the bucket: snapshot 8',
  ]);
});

it('looks at very many files so rarely that it takes a twentieth of the time', async () => {
  const life = new Life((_now, wait) => wait === 2);
  life.checkMs = 1_500;
  await life.live();
  expect(life.waits).toEqual([30_000, 30_000]);
});

it('does not wait when a key has changed meanwhile', async () => {
  const life = new Life((_now, wait) => wait === 2);
  life.outcome = () => {
    if (life.runs === 1) life.onChange();
    return { kind: 'complete', changedFiles: 1, snapshot: life.runs, isNewSnapshot: true };
  };
  await life.live();
  // The first wait was left out.
  expect(life.runs).toBe(3);
});
