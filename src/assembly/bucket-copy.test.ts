import { expect, it } from 'vitest';
import type { Call, Clock, LogFields, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { CopyOutcome } from '../recovery/bucket-copy.js';
import { watchBucketCopy } from './bucket-copy.js';

/** A run of the watch in which every wait is recorded and ends at once. */
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
  /** Called at each wait. Returning true ends the run. */
  readonly #each: (life: Life, wait: number) => boolean;
  readonly #end = new AbortController();
  #nowMs = 0;

  constructor(each: (life: Life, wait: number) => boolean) {
    this.#each = each;
  }

  async live(): Promise<void> {
    const note = (message: string, fields?: LogFields) => {
      const error = fields?.['error'];
      const detail = error instanceof Fault ? error.hint : fields?.['snapshot'];
      this.logged.push(`${message}: ${String(detail)}`);
    };
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

it('checks every five seconds, copies outdated data and logs it', async () => {
  const life = new Life((now, wait) => {
    now.behind = false;
    return wait === 3;
  });
  await life.live();
  expect(life.runs).toBe(1);
  expect(life.waits).toEqual([5_000, 5_000, 5_000]);
  expect(life.logged).toEqual(['keys, users and settings copied to the bucket: 7', 'stopped listening']);
});

it('logs a repeated failure once and doubles the pause up to ten minutes', async () => {
  const life = new Life((now, wait) => {
    if (wait === 9)
      now.outcome = () => ({ kind: 'complete', changedFiles: 0, snapshot: 8, isNewSnapshot: true });
    return wait === 10;
  });
  life.outcome = () => {
    throw new Fault('unavailable', 'S3 does not answer');
  };
  await life.live();
  expect(life.waits.slice(0, 9)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((tens) => tens * 10_000));
  expect(life.waits[9]).toBe(5_000);
  expect(life.logged.slice(0, 2)).toEqual([
    'copying to the bucket failed: S3 does not answer',
    'keys, users and settings copied to the bucket: 8',
  ]);
});

it('spends at most a twentieth of the time on checking many files', async () => {
  const life = new Life((_now, wait) => wait === 2);
  life.checkMs = 1_500;
  await life.live();
  expect(life.waits).toEqual([30_000, 30_000]);
});

it('does not wait when a key changes during a copy', async () => {
  const life = new Life((_now, wait) => wait === 2);
  life.outcome = () => {
    if (life.runs === 1) life.onChange();
    return { kind: 'complete', changedFiles: 1, snapshot: life.runs, isNewSnapshot: true };
  };
  await life.live();
  // It skipped the first wait.
  expect(life.runs).toBe(3);
});
