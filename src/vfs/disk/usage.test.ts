import { lstatSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Mutex } from '../../concurrency/mutex.js';
import type { Clock } from '../../model/call.js';
import { type ChangeMark, DirectoryUsage, DirectoryUsages, type OpenFileUsage } from './usage.js';

const minute = 60_000;
let nowMs = 0;
/** Runs each time that the usage reads the clock: a count reads it before and after it reads the disk. */
let onTime: () => void = () => undefined;
/** Ends the waits for the first count. */
let waits: { ms: number; end: () => void; signal: AbortSignal | undefined }[] = [];
const clock: Clock = {
  nowMs: () => nowMs,
  monotonicMs: () => {
    onTime();
    return nowMs;
  },
  sleep: (ms, signal) => new Promise((end) => waits.push({ ms, end, signal })),
};

let directory: string;
let turns: Mutex;
let usage: DirectoryUsage;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'usage-'));
  turns = new Mutex();
  usage = new DirectoryUsage(directory, clock, turns);
  nowMs = 0;
  onTime = () => undefined;
  waits = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const pathOf = (name: string) => join(directory, name);
const put = (name: string, bytes: number) => writeFileSync(pathOf(name), Buffer.alloc(bytes));
const found = () => ({ bytes: usage.bytes, entries: usage.entries });

/** Runs `change` when the next count has read the disk, and before it has a result: the count has missed it. */
function missed(change: () => void): void {
  let readings = 0;
  onTime = () => {
    readings += 1;
    // The first reading decides whether a count is due, the second begins it.
    if (readings !== 3) return;
    onTime = () => undefined;
    change();
  };
}

/** Counts the disk, however recent the last count is. */
async function count(): Promise<void> {
  nowMs += minute;
  await usage.refresh();
}

async function open(name: string, mark?: ChangeMark): Promise<OpenFileUsage> {
  if (mark !== undefined) return usage.open(lstatSync(pathOf(name)), mark);
  return await usage.changing(async (own) => usage.open(lstatSync(pathOf(name)), own));
}

/** Removes a name as a session does. `meanwhile` runs before the name is gone. */
async function remove(name: string, meanwhile = async () => {}): Promise<void> {
  await usage.changing(async (mark) => {
    const stats = lstatSync(pathOf(name));
    await meanwhile();
    rmSync(pathOf(name), { recursive: true });
    usage.removed(stats, stats.isFile(), mark);
  });
}

describe('the count of a directory', () => {
  it('is made once, before the first change', async () => {
    put('a', 5);
    await mkdir(pathOf('d'));
    expect(found()).toEqual({ bytes: 0, entries: 0 });
    await usage.ready();
    expect(found()).toEqual({ bytes: 5, entries: 2 });
    put('b', 1);
    await usage.ready();
    expect(found()).toEqual({ bytes: 5, entries: 2 });
  });

  it('delays the first change for five seconds at most', async () => {
    put('a', 5);
    await turns.lock();
    const ready = usage.ready();
    expect(waits.map(({ ms }) => ms)).toEqual([5_000]);
    waits[0]?.end();
    await ready;
    expect(usage.bytes).toBe(0);
    turns.unlock();
    await usage.refresh();
    expect(usage.bytes).toBe(5);
  });

  it('ends the wait of the first change', async () => {
    await usage.ready();
    expect(waits[0]?.signal?.aborted).toBe(true);
  });

  it('follows a minute after the last one, and later after a long one', async () => {
    await usage.ready();
    put('a', 5);
    nowMs = minute - 1;
    await usage.refresh();
    expect(usage.bytes).toBe(0);
    nowMs = minute;
    missed(() => {
      nowMs += 7_000;
    });
    await usage.refresh();
    expect(usage.bytes).toBe(5);
    put('a', 6);
    nowMs += 69_999;
    await usage.refresh();
    expect(usage.bytes).toBe(5);
    nowMs += 1;
    await usage.refresh();
    expect(usage.bytes).toBe(6);
  });

  it('is shared by the changes that ask for it meanwhile', async () => {
    await turns.lock();
    const asked = [usage.refresh(), usage.refresh(), usage.ready()];
    put('a', 5);
    let readings = 0;
    onTime = () => {
      readings += 1;
    };
    turns.unlock();
    await Promise.all(asked);
    expect(usage.bytes).toBe(5);
    // Two by the count, and one by the caller that asked while it ran.
    expect(readings).toBe(3);
  });

  it('that fails changes nothing, and the next one is tried later', async () => {
    await usage.ready();
    put('a', 5);
    await count();
    await rm(directory, { recursive: true });
    symlinkSync(directory, directory);
    await count();
    expect(found()).toEqual({ bytes: 5, entries: 1 });
    rmSync(directory);
    await mkdir(directory);
    put('a', 6);
    await usage.refresh();
    expect(usage.bytes).toBe(5);
    await count();
    expect(usage.bytes).toBe(6);
  });

  it('that fails does not count as the first one', async () => {
    await rm(directory, { recursive: true });
    symlinkSync(directory, directory);
    await usage.ready();
    rmSync(directory);
    await mkdir(directory);
    put('a', 6);
    await usage.ready();
    expect(found()).toEqual({ bytes: 6, entries: 1 });
  });

  it('is never negative', async () => {
    await usage.ready();
    put('a', 5);
    await remove('a');
    expect(found()).toEqual({ bytes: 0, entries: 0 });
  });
});

describe('changes of names', () => {
  beforeEach(async () => {
    put('a', 10);
    put('b', 20);
    await mkdir(pathOf('d'));
    await usage.ready();
  });

  it('run one at a time, also after one that fails', async () => {
    const order: string[] = [];
    const failing = usage.changing(async () => {
      order.push('first');
      await Promise.resolve();
      order.push('first ends');
      throw new Error('failed');
    });
    const second = usage.changing(async () => order.push('second'));
    await expect(failing).rejects.toThrow('failed');
    await second;
    expect(order).toEqual(['first', 'first ends', 'second']);
  });

  it('count a new entry before it exists, and not if it fails', async () => {
    expect(await usage.adding(async () => usage.entries)).toBe(4);
    expect(found()).toEqual({ bytes: 30, entries: 4 });
    await expect(usage.adding(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(found()).toEqual({ bytes: 30, entries: 4 });
  });

  it('free the bytes of a file with its last name, and none with a directory', async () => {
    await remove('a');
    expect(found()).toEqual({ bytes: 20, entries: 2 });
    await remove('d');
    expect(found()).toEqual({ bytes: 20, entries: 1 });
    const stats = { ...lstatSync(pathOf('b')), nlink: 2 };
    await usage.changing(async (mark) => usage.removed(stats, true, mark));
    expect(found()).toEqual({ bytes: 20, entries: 0 });
  });

  it('that a count may have missed are counted, and corrected soon', async () => {
    missed(() => void usage.adding(async () => put('c', 0)));
    await count();
    expect(found()).toEqual({ bytes: 30, entries: 4 });
    expect(lstatSync(pathOf('c')).isFile()).toBe(true);
    rmSync(pathOf('c'));
    await usage.refresh();
    expect(found()).toEqual({ bytes: 30, entries: 3 });
  });

  it('that have not reached the disk are counted, and corrected soon', async () => {
    await usage.adding(async () => {
      await count();
      expect(found()).toEqual({ bytes: 30, entries: 4 });
      put('c', 0);
    });
    await usage.refresh();
    expect(found()).toEqual({ bytes: 30, entries: 4 });
    await expect(
      usage.adding(async () => {
        await count();
        throw new Error('failed');
      }),
    ).rejects.toThrow('failed');
    expect(usage.entries).toBe(4);
  });

  const nothing = async (): Promise<void> => undefined;
  it.each<[string, () => Promise<void>, () => Promise<void>]>([
    ['before', count, nothing],
    ['after', nothing, count],
  ])(
    'are not subtracted by a count that runs %s a removal, and by the removal',
    async (_when, before, after) => {
      await usage.changing(async (mark) => {
        const stats = lstatSync(pathOf('a'));
        await before();
        rmSync(pathOf('a'));
        await after();
        usage.removed(stats, true, mark);
      });
      expect(usage.bytes).toBeGreaterThanOrEqual(20);
      expect(usage.entries).toBeGreaterThanOrEqual(2);
      await usage.refresh();
      expect(found()).toEqual({ bytes: 20, entries: 2 });
    },
  );

  it('that begin during a count are not subtracted before the next one', async () => {
    await turns.lock();
    nowMs += minute;
    const counting = usage.refresh();
    await remove('a');
    expect(found()).toEqual({ bytes: 30, entries: 3 });
    turns.unlock();
    await counting;
    expect(found()).toEqual({ bytes: 20, entries: 2 });
  });

  it('do not trust the size of a file that grew between the check and the removal', async () => {
    const file = await open('a');
    await remove('a', async () => {
      file.resize(15);
      await file.close(async () => 15);
    });
    expect(usage.bytes).toBe(35);
    await usage.refresh();
    expect(usage.bytes).toBe(20);
  });
});

describe('renames', () => {
  beforeEach(async () => {
    put('a', 100);
    await usage.ready();
    put('a', 10);
  });

  /** Runs `rename` after a try has read the disk, for so many tries. Returns the readings of the clock. */
  function duringTries(tries: number, rename: () => void): () => number {
    let readings = 0;
    onTime = () => {
      readings += 1;
      if (readings > 1 && readings % 2 === 1 && readings / 2 < tries + 1) rename();
    };
    return () => readings;
  }

  it('that run during a count make it worthless', async () => {
    const readings = duringTries(2, () => void usage.moving(async () => undefined));
    await count();
    expect(found()).toEqual({ bytes: 10, entries: 1 });
    expect(readings()).toBe(1 + 3 * 2);
  });

  it('that never end leave the higher figure after three tries, to be corrected soon', async () => {
    const readings = duringTries(0, () => undefined);
    await usage.moving(async () => {
      await count();
      expect(found()).toEqual({ bytes: 100, entries: 1 });
      expect(readings()).toBe(1 + 3 * 2);
      put('b', 100);
      await usage.refresh();
      expect(found()).toEqual({ bytes: 110, entries: 2 });
    });
    put('b', 50);
    await usage.refresh();
    expect(found()).toEqual({ bytes: 60, entries: 2 });
    put('b', 51);
    await usage.refresh();
    expect(usage.bytes).toBe(60);
  });

  it('that are over before a count, or failed, do not disturb it', async () => {
    await usage.moving(async () => undefined);
    await expect(usage.moving(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    const readings = duringTries(0, () => undefined);
    await count();
    expect(usage.bytes).toBe(10);
    expect(readings()).toBe(1 + 2);
  });
});

describe('a file that is open for writing', () => {
  beforeEach(async () => {
    put('a', 10);
    await usage.ready();
  });

  it('counts with what it may grow to, and with its size once it is closed', async () => {
    const file = await open('a');
    expect([usage.bytes, file.grantedBytes]).toEqual([10, 10]);
    file.resize(50);
    expect([usage.bytes, file.grantedBytes]).toEqual([50, 50]);
    await count();
    expect(usage.bytes).toBe(50);
    file.resize(20);
    expect(usage.bytes).toBe(20);
    await file.close(async () => 12);
    expect(usage.bytes).toBe(12);
  });

  it('keeps what it was granted if its size is unknown', async () => {
    const file = await open('a');
    file.resize(50);
    await file.close(async () => null);
    expect(usage.bytes).toBe(50);
    await count();
    expect(usage.bytes).toBe(10);
  });

  it('counts with its size if another program made it larger', async () => {
    const file = await open('a');
    put('a', 70);
    await count();
    expect(usage.bytes).toBe(70);
    await file.close(async () => null);
  });

  it('is one file for all its handles, and the last one asks for its size', async () => {
    const [first, second] = [await open('a'), await open('a')];
    first.resize(30);
    expect([usage.bytes, second.grantedBytes]).toEqual([30, 30]);
    await first.close(() => Promise.reject(new Error('asked')));
    expect(usage.bytes).toBe(30);
    await second.close(async () => 10);
    expect(usage.bytes).toBe(10);
  });

  it('stays open if a handle is opened while its size is read', async () => {
    const first = await open('a');
    first.resize(30);
    let second: OpenFileUsage | undefined;
    await first.close(async () => {
      second = await open('a');
      return 10;
    });
    expect([usage.bytes, second?.grantedBytes]).toEqual([30, 30]);
    await second?.close(async () => 10);
    expect(usage.bytes).toBe(10);
  });

  it('is new after its last handle was closed', async () => {
    const first = await open('a');
    first.resize(30);
    await first.close(async () => 10);
    const second = await open('a');
    expect(second.grantedBytes).toBe(10);
  });

  it('keeps its bytes after its last name was removed, until it is closed', async () => {
    const file = await open('a');
    file.resize(30);
    await remove('a');
    expect(found()).toEqual({ bytes: 30, entries: 0 });
    await count();
    expect(found()).toEqual({ bytes: 30, entries: 0 });
    await file.close(async () => 30);
    expect(usage.bytes).toBe(0);
  });

  it('that has no name any more takes only what it grows by', async () => {
    const stats = { ...lstatSync(pathOf('a')), nlink: 0 };
    const file = await usage.changing(async (mark) => usage.open(stats, mark));
    expect(file.grantedBytes).toBe(0);
    file.resize(4);
    expect(usage.bytes).toBe(14);
    await file.close(async () => 14);
    expect(usage.bytes).toBe(10);
  });

  it('and is removed during a count, counts as if the count had missed it', async () => {
    const file = await open('a');
    await usage.changing(async (mark) => {
      const stats = lstatSync(pathOf('a'));
      rmSync(pathOf('a'));
      await count();
      usage.removed(stats, true, mark);
    });
    expect(usage.bytes).toBe(10);
    await file.close(async () => 10);
    expect(usage.bytes).toBe(0);
    await usage.refresh();
    expect(found()).toEqual({ bytes: 0, entries: 0 });
  });

  it('and grows while a count reads the disk, counts with its growth', async () => {
    const file = await open('a');
    missed(() => file.resize(40));
    await count();
    expect(usage.bytes).toBeGreaterThanOrEqual(40);
    await usage.refresh();
    expect(usage.bytes).toBe(40);
  });

  it.each<[string, (opening: (mark: ChangeMark) => Promise<OpenFileUsage>) => Promise<OpenFileUsage>]>([
    [
      'a count that ran meanwhile',
      (opening) =>
        usage.changing(async (mark) => {
          await count();
          return await opening(mark);
        }),
    ],
    [
      'a count that runs still',
      async (opening) => {
        await turns.lock();
        nowMs += minute;
        const counting = usage.refresh();
        const file = await usage.changing(opening);
        turns.unlock();
        await counting;
        nowMs += minute;
        return file;
      },
    ],
    [
      'another change of it meanwhile',
      async (opening) => {
        const other = await usage.changing(opening);
        return await usage.changing(async (mark) => {
          other.resize(20);
          await other.close(async () => 10);
          nowMs += minute;
          return await opening(mark);
        });
      },
    ],
  ])('frees nothing before the next count, after %s', async (_what, opened) => {
    const file = await opened((mark) => open('a', mark));
    truncateSync(pathOf('a'), 3);
    file.resize(3);
    expect(usage.bytes).toBe(10);
    file.resize(5);
    expect(usage.bytes).toBe(12);
    await file.close(async () => 3);
    await usage.refresh();
    expect(usage.bytes).toBe(3);
  });

  it('frees at once what it does not need, if nothing ran meanwhile', async () => {
    put('b', 10);
    await count();
    const file = await usage.changing(async (mark) => {
      const other = await open('b', mark);
      await other.close(async () => 10);
      return await open('a', mark);
    });
    file.resize(3);
    expect(usage.bytes).toBe(13);
  });
});

describe('the directories of the process', () => {
  it('have one usage each, until they are forgotten', () => {
    const usages = new DirectoryUsages(clock);
    const first = usages.of('/a');
    expect(usages.of('/a')).toBe(first);
    expect(usages.of('/b')).not.toBe(first);
    usages.forget('/a');
    expect(usages.of('/a')).not.toBe(first);
  });

  it('are counted one at a time', async () => {
    const usages = new DirectoryUsages(clock);
    await mkdir(pathOf('one'));
    await mkdir(pathOf('two'));
    onTime = () => {
      nowMs += 10_000;
    };
    const both = ['one', 'two'].map((name) => usages.of(pathOf(name)));
    await Promise.all(both.map((each) => each.ready()));
    onTime = () => undefined;
    put('one/a', 5);
    put('two/a', 5);
    // Each count took 10 seconds. A count beside another one would have taken 20, and delayed the next one.
    nowMs = 150_000;
    await Promise.all(both.map((each) => each.refresh()));
    expect(both.map(({ bytes }) => bytes)).toEqual([5, 5]);
  });
});
