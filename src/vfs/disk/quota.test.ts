import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Call, Clock, Logger } from '../../model/call.js';
import { isFault } from '../../model/fault.js';
import type { WriteHandle, WriteMode } from '../../model/vfs.js';
import { putMode } from '../testing/world.js';
import { countTree } from './count-tree.js';
import { LocalMount } from './local.js';
import { Quota } from './quota.js';
import { DirectoryUsages } from './usage.js';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
const call: Call = { id: 'call', signal: new AbortController().signal, log: silent };
let nowMs = 0;
/** A clock whose waits end only with their signal. */
const clock: Clock = {
  nowMs: () => nowMs,
  monotonicMs: () => nowMs,
  sleep: (_ms, signal) =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('ended')))),
};

let directory: string;
let usages: DirectoryUsages;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quota-'));
  usages = new DirectoryUsages(clock);
  nowMs = 0;
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Returns the directory as one session sees it. All sessions share the usage. */
function session(bytes: number | null, entries: number | null = null): LocalMount {
  const quota = new Quota('/local', usages.of(directory), { bytes, entries });
  return new LocalMount('/local', directory, { quota });
}

async function write(local: LocalMount, path: string, bytes: number, mode = putMode): Promise<void> {
  await using handle = await local.openWrite(call, path, mode);
  await handle.write(call, 0, [Buffer.alloc(bytes)]);
  await handle.commit(call);
}

const keeping: WriteMode = { ...putMode, truncate: false };
const spent = {
  kind: 'over-quota',
  hint: expect.stringMatching(/^"\/local\/.*the quota of \d+ .*is used up$/),
};

describe('a limit in bytes', () => {
  it('counts what is there, what grows and what shrinks', async () => {
    await writeFile(join(directory, 'old'), Buffer.alloc(60));
    const local = session(100);
    await write(local, '/a', 40);
    await expect(write(local, '/b', 1)).rejects.toMatchObject(spent);
    await write(local, '/a', 30);
    await write(local, '/b', 10);
    await local.setAttributes(call, '/old', { size: 10 });
    await local.remove(call, '/a');
    await write(local, '/c', 80);
    await expect(write(local, '/c', 1, { ...keeping, append: true })).rejects.toMatchObject(spent);
    expect(await countTree(directory)).toEqual({ bytes: 100, entries: 3 });
  });

  it.each<[string, (local: LocalMount, handle: WriteHandle) => Promise<unknown>]>([
    ['a write', (_local, handle) => handle.write(call, 0, [Buffer.alloc(101)])],
    ['a write far behind the end', (_local, handle) => handle.write(call, 1_000_000, [Buffer.alloc(1)])],
    ['a size through the handle', (_local, handle) => handle.setAttributes(call, { size: 101 })],
    ['a size through the name', (local) => local.setAttributes(call, '/f', { size: 101 })],
  ])('refuses %s', async (_what, grow) => {
    const local = session(100);
    await using handle = await local.openWrite(call, '/f', putMode);
    await expect(grow(local, handle)).rejects.toMatchObject(spent);
    expect((await local.stat(call, '/f'))?.size).toBe(0);
  });

  it('holds for parallel writes of two sessions together', async () => {
    const sessions = [session(1000), session(1000)];
    const writes = sessions.flatMap((local, index) =>
      Array.from({ length: 10 }, (_, file) => write(local, `/${index}-${file}`, 90)),
    );
    const results = await Promise.allSettled(writes);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(11);
    expect((await countTree(directory)).bytes).toBeLessThanOrEqual(1000);
  });

  it('counts a file with two names once, and a removed file until it is closed', async () => {
    const local = session(100);
    await write(local, '/a', 60);
    await local.makeHardLink(call, '/b', '/a');
    await local.remove(call, '/a');
    await expect(write(local, '/c', 60)).rejects.toMatchObject(spent);
    const handle = await local.openWrite(call, '/b', keeping);
    await local.remove(call, '/b');
    await expect(write(local, '/c', 60)).rejects.toMatchObject(spent);
    await handle[Symbol.asyncDispose]();
    await write(local, '/c', 100);
  });

  it('is shown as the size of the disk', async () => {
    const local = session(1024 * 1024);
    await write(local, '/a', 256 * 1024);
    const { blockSize, totalBlocks, freeBlocks } = await local.statistics(call, '/');
    expect([totalBlocks * blockSize, freeBlocks * blockSize]).toEqual([1024 * 1024, 768 * 1024]);
  });

  it('counts again before it refuses, if another program may have freed space', async () => {
    const local = session(100);
    await write(local, '/a', 100);
    await rm(join(directory, 'a'));
    await expect(write(local, '/b', 100)).rejects.toMatchObject(spent);
    nowMs += 60_000;
    await write(local, '/b', 100);
  });
});

describe('a limit of files', () => {
  it('counts files, directories and links', async () => {
    await mkdir(join(directory, 'd'));
    await symlink('d', join(directory, 'd/l'));
    const local = session(null, 6);
    await write(local, '/a', 1);
    await local.makeDirectory(call, '/e');
    await local.makeSymlink(call, '/s', 'a');
    await local.makeHardLink(call, '/h', '/a');
    await expect(write(local, '/b', 1)).rejects.toMatchObject(spent);
    await expect(local.makeDirectory(call, '/b')).rejects.toMatchObject(spent);
    await expect(local.makeSymlink(call, '/b', 'a')).rejects.toMatchObject(spent);
    await expect(local.makeHardLink(call, '/b', '/a')).rejects.toMatchObject(spent);
    await write(local, '/a', 2);
    await local.removeDirectory(call, '/e');
    await local.rename(call, '/s', '/h', true);
    await local.makeDirectory(call, '/e');
    await local.makeDirectory(call, '/g');
    await expect(local.makeDirectory(call, '/i')).rejects.toMatchObject(spent);
  });

  it('stops a storm of directories', async () => {
    const storm = Array.from({ length: 400 }, (_, index) =>
      session(null, 100).makeDirectory(call, `/d${index}`),
    );
    const results = await Promise.allSettled(storm);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    expect(await countTree(directory)).toEqual({ bytes: 0, entries: 100 });
  });

  it('does not count what fails', async () => {
    const local = session(null, 2);
    await local.makeDirectory(call, '/d');
    await expect(local.makeDirectory(call, '/d')).rejects.toMatchObject({ kind: 'exists' });
    await expect(write(local, '/none/f', 1)).rejects.toMatchObject({ kind: 'not-found' });
    await local.makeDirectory(call, '/e');
  });
});

type Step =
  | {
      readonly do: 'write';
      readonly name: string;
      readonly at: number;
      readonly bytes: number;
      readonly mode: WriteMode;
    }
  | { readonly do: 'size'; readonly name: string; readonly bytes: number }
  | { readonly do: 'mkdir'; readonly name: string }
  | { readonly do: 'remove'; readonly name: string }
  | { readonly do: 'rmdir'; readonly name: string }
  | { readonly do: 'rename' | 'link'; readonly name: string; readonly to: string; readonly replace: boolean };

const name = fc.constantFrom('/a', '/b', '/c', '/d');
const bytes = fc.nat({ max: 60 });
const mode = fc.constantFrom(putMode, keeping, { ...keeping, append: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('write' as const), name, at: bytes, bytes, mode }),
  fc.record({ do: fc.constant('size' as const), name, bytes }),
  fc.record({ do: fc.constantFrom('mkdir' as const, 'remove' as const, 'rmdir' as const), name }),
  fc.record({
    do: fc.constantFrom('rename' as const, 'link' as const),
    name,
    to: name,
    replace: fc.boolean(),
  }),
);

async function take(local: LocalMount, done: Step): Promise<void> {
  if (done.do === 'write') {
    await using handle = await local.openWrite(call, done.name, done.mode);
    await handle.write(call, done.at, [Buffer.alloc(done.bytes)]);
  } else if (done.do === 'size') await local.setAttributes(call, done.name, { size: done.bytes });
  else if (done.do === 'mkdir') await local.makeDirectory(call, done.name);
  else if (done.do === 'remove') await local.remove(call, done.name);
  else if (done.do === 'rmdir') await local.removeDirectory(call, done.name);
  else if (done.do === 'rename') await local.rename(call, done.name, done.to, done.replace);
  else await local.makeHardLink(call, done.to, done.name);
}

describe('counts that run beside changes', () => {
  it('never report less than the disk holds, and a later count reports what it holds', async () => {
    const batches = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(batches, fc.boolean(), async (sequence, isCountedFirst) => {
        await rm(directory, { recursive: true, force: true });
        await mkdir(directory);
        await writeFile(join(directory, 'a'), Buffer.alloc(50));
        usages = new DirectoryUsages(clock);
        const local = session(100, 4);
        if (isCountedFirst) await usages.of(directory).ready();
        for (const batch of sequence) {
          nowMs += 600_000;
          const counting = usages.of(directory).refresh();
          await Promise.allSettled([counting, ...batch.map((each) => take(local, each))]);
          const found = await countTree(directory);
          const { bytes: counted, entries } = usages.of(directory);
          expect(counted).toBeGreaterThanOrEqual(found.bytes);
          expect(entries).toBeGreaterThanOrEqual(found.entries);
          expect(found.entries).toBeLessThanOrEqual(4);
        }
        nowMs += 600_000;
        await usages.of(directory).refresh();
        const { bytes: counted, entries } = usages.of(directory);
        expect({ bytes: counted, entries }).toEqual(await countTree(directory));
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });

  it('may follow at once, without a refusal, if the last one may be too high', async () => {
    const local = session(100);
    const first = usages.of(directory).refresh();
    await Promise.all([first, write(local, '/a', 60)]);
    await write(local, '/b', 40);
  });
});

describe('any sequence of changes', () => {
  it('stays within the limits, and the count is that of the disk', async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        await rm(directory, { recursive: true, force: true });
        await mkdir(directory);
        usages = new DirectoryUsages(clock);
        const local = session(100, 3);
        for (const each of sequence) {
          await take(local, each).catch((error: unknown) => {
            if (isFault(error, 'bug')) throw error;
          });
          const found = await countTree(directory);
          const { bytes: counted, entries } = usages.of(directory);
          expect({ bytes: counted, entries }).toEqual(found);
          expect(found.bytes).toBeLessThanOrEqual(100);
          expect(found.entries).toBeLessThanOrEqual(3);
        }
      }),
      { numRuns: 150 },
    );
  });
});
