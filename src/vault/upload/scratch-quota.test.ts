import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { content, seededEntropy } from '../testing/vault-world.js';
import { type ScratchHolder, ScratchQuota } from './scratch-quota.js';
import { SealedFile } from './sealed-file.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A clock whose sleeps end when the test wakes them. */
function manualClock() {
  const sleeps: { readonly ms: number; readonly wake: () => void }[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleep = { ms, wake: resolve };
        sleeps.push(sleep);
        signal?.addEventListener('abort', () => {
          sleeps.splice(sleeps.indexOf(sleep), 1);
          reject(new Fault('cancelled', 'cancelled'));
        });
      }),
  };
  const wake = async (): Promise<void> => {
    for (const sleep of sleeps.splice(0)) sleep.wake();
    await turn();
  };
  return { clock, sleeps, wake };
}

function setUp(limitBytes = 100) {
  const { clock, sleeps, wake } = manualClock();
  const quota = new ScratchQuota({ limitBytes, patienceMs: 7_000, clock });
  return { quota, sleeps, wake };
}

function holderThat(sends: () => boolean = () => false, signal = new AbortController().signal) {
  const holder: ScratchHolder & { asked: number } = {
    signal,
    asked: 0,
    sendGathered: () => {
      holder.asked += 1;
      return sends();
    },
  };
  return holder;
}

async function state(promise: Promise<void> | null): Promise<string> {
  if (promise === null) return 'granted at once';
  return await Promise.race([
    promise.then(
      () => 'granted',
      (error: unknown) => Fault.from(error).kind,
    ),
    turn().then(() => 'waits'),
  ]);
}

describe('the disk space of all scratch files', () => {
  it('is granted up to its limit, and returned', async () => {
    const { quota } = setUp();
    expect(await state(quota.takeForPart(60, holderThat()))).toBe('granted at once');
    expect(await state(quota.takeForKept(40, holderThat()))).toBe('granted at once');
    expect(quota.usedBytes).toBe(100);
    expect(await state(quota.takeForKept(1, holderThat()))).toBe('over-quota');
    quota.giveBack(40);
    expect(quota.usedBytes).toBe(60);
    expect(await state(quota.takeForKept(41, holderThat()))).toBe('over-quota');
    expect(await state(quota.takeForKept(40, holderThat()))).toBe('granted at once');
  });

  it('is refused at once if it is more than all', async () => {
    const { quota } = setUp();
    quota.leave(50);
    expect(await state(quota.takeForPart(101, holderThat()))).toBe('over-quota');
    expect(await state(quota.takeForPart(100, holderThat()))).toBe('granted at once');
  });

  it('is waited for in order of arrival while parts are being sent', async () => {
    const { quota } = setUp();
    await quota.takeForPart(100, holderThat());
    quota.leave(60);
    const [first, second, third] = [30, 50, 10].map((bytes) => quota.takeForKept(bytes, holderThat()));
    expect(await state(first ?? null)).toBe('waits');
    quota.left(20);
    // 10 bytes would fit, but others came first.
    expect([await state(first ?? null), await state(third ?? null)]).toEqual(['waits', 'waits']);
    quota.left(20);
    expect([await state(first ?? null), await state(second ?? null)]).toEqual(['granted', 'waits']);
    expect(quota.usedBytes).toBe(90);
    // A new one does not overtake either.
    const late = quota.takeForKept(5, holderThat());
    expect(await state(late)).toBe('waits');
    quota.giveBack(40);
    expect(await state(second ?? null)).toBe('granted');
    expect(quota.usedBytes).toBe(100);
  });

  it('is made free by sending an unfinished part, if none is being sent', async () => {
    const { quota } = setUp();
    const idle = holderThat();
    const sending = holderThat(() => {
      quota.gathersNoMore(sending);
      quota.leave(80);
      return true;
    });
    const never = holderThat(() => true);
    await quota.takeForPart(100, sending);
    for (const holder of [idle, sending, never]) quota.gathers(holder);
    const waiting = quota.takeForKept(50, holderThat());
    expect(await state(waiting)).toBe('waits');
    expect([idle.asked, sending.asked, never.asked]).toEqual([1, 1, 0]);
    quota.left(80);
    expect(await state(waiting)).toBe('granted');
    expect([idle.asked, sending.asked, never.asked]).toEqual([1, 1, 0]);
  });

  it('is refused to bytes out of order if nothing will become free', async () => {
    const { quota } = setUp();
    await quota.takeForPart(100, holderThat());
    quota.leave(10);
    const [kept, part] = [quota.takeForKept(50, holderThat()), quota.takeForPart(50, holderThat())];
    expect([await state(kept), await state(part)]).toEqual(['waits', 'waits']);
    quota.left(10);
    expect([await state(kept), await state(part)]).toEqual(['over-quota', 'waits']);
    quota.giveBack(90);
    expect(await state(part)).toBe('granted');
  });

  it('is refused to a part after the patience, unless parts are being sent', async () => {
    const { quota, sleeps, wake } = setUp();
    await quota.takeForPart(100, holderThat());
    const part = quota.takeForPart(50, holderThat());
    expect(await state(part)).toBe('waits');
    expect(sleeps.map(({ ms }) => ms)).toEqual([7_000]);
    quota.leave(1);
    await wake();
    expect(await state(part)).toBe('waits');
    quota.left(1);
    await wake();
    expect(await state(part)).toBe('over-quota');
    expect(quota.usedBytes).toBe(99);
    expect(sleeps).toEqual([]);
  });

  it('is not waited for after the upload has ended', async () => {
    const { quota, sleeps } = setUp();
    await quota.takeForPart(100, holderThat());
    const cancel = new AbortController();
    const holder = holderThat(undefined, cancel.signal);
    const first = quota.takeForPart(80, holder);
    const second = quota.takeForPart(20, holderThat());
    expect(await state(first)).toBe('waits');
    quota.giveBack(20);
    expect(await state(second)).toBe('waits');
    cancel.abort();
    expect([await state(first), await state(second)]).toEqual(['cancelled', 'granted']);
    expect(await state(quota.takeForPart(80, holder))).toBe('cancelled');
    await turn();
    expect(sleeps).toEqual([]);
    expect(quota.usedBytes).toBe(100);
  });
});

describe('an encrypted scratch file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sealed-file-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const bytes = content(3 * 1024 * 1024 + 5);

  it('returns any range of what was written, in any order and in any chunks', async () => {
    await using file = new SealedFile(directory, seededEntropy('file'));
    const start = 1024 * 1024;
    await file.write(start, [
      bytes.subarray(start, start + 10),
      bytes.subarray(start + 10, start + 10),
      bytes.subarray(start + 10),
    ]);
    await file.write(0, [bytes.subarray(0, start)]);
    for (const [position, length] of [
      [0, bytes.byteLength],
      [0, 1],
      [15, 2],
      [16, 16],
      [17, 31],
      [start - 1, 2],
      [bytes.byteLength - 3, 3],
    ] as const) {
      const found = await file.read(position, length);
      expect(found.equals(bytes.subarray(position, position + length)), `${position}`).toBe(true);
    }
    await expect(file.read(bytes.byteLength - 1, 2)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('encrypts each position with its own part of the key stream', async () => {
    const same = Buffer.alloc(64, 7);
    await using file = new SealedFile(directory, seededEntropy('file'));
    await using other = new SealedFile(directory, seededEntropy('other file'));
    const seen = new Set<string>();
    for (const [one, position] of [
      [file, 0],
      [file, 64],
      [other, 0],
    ] as const) {
      await one.write(position, [same]);
      // Reading with another file's memory shows the encrypted bytes.
      const space = Buffer.alloc(64 + 16);
      expect((await one.read(position, 64, space)).equals(same)).toBe(true);
      seen.add(space.subarray(0, 64).toString('hex'));
    }
    seen.add(same.toString('hex'));
    expect(seen.size).toBe(4);
  });

  it('can be emptied, and is gone when it is disposed', async () => {
    const file = new SealedFile(directory, seededEntropy('file'));
    await file.discard();
    await file.write(0, [bytes.subarray(0, 32)]);
    await file.discard();
    await expect(file.read(0, 16)).rejects.toMatchObject({ kind: 'unavailable' });
    await file.write(32, [bytes.subarray(0, 16)]);
    expect((await file.read(32, 16)).equals(bytes.subarray(0, 16))).toBe(true);
    await file[Symbol.asyncDispose]();
    await expect(file.read(32, 16)).rejects.toMatchObject({ kind: 'unavailable' });
    await new SealedFile(directory, seededEntropy('unused'))[Symbol.asyncDispose]();
  });
});
