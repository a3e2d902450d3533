import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { content, mebibyte, quickClock, seededEntropy } from '../testing/vault-world.js';
import { ScratchSpace } from './scratch-file.js';

const directory = mkdtempSync(join(tmpdir(), 'scratch-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function space(limitBytes = 64 * mebibyte, at = directory): ScratchSpace {
  const entropy = seededEntropy('scratch');
  return new ScratchSpace({ directory: at, limitBytes, patienceMs: 60_000, clock: quickClock, entropy });
}

const holder = { signal: new AbortController().signal, sendGathered: () => false };

/** Returns the contents of this process's open files that have no name any more. */
function unlinkedContents(): Buffer[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      // Reading pipes and sockets would block.
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.endsWith('.scratch (deleted)') ? [readFileSync(`/proc/self/fd/${fd}`)] : [];
    } catch {
      return [];
    }
  });
}

describe('the scratch file', () => {
  it('returns the bytes that were stored last, whatever was stored, dropped, read and taken before', async () => {
    const step = fc.record({
      what: fc.constantFrom('keep', 'drop', 'peek', 'take'),
      start: fc.nat(500),
      length: fc.integer({ min: 1, max: 100 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const scratch = space();
        await using file = scratch.openFile(holder);
        const model: (number | null)[] = Array.from({ length: 700 }, () => null);
        for (const [index, { what, start, length }] of steps.entries()) {
          if (what === 'keep') {
            await file.keep(start, Buffer.alloc(length, index + 1));
            model.fill(index + 1, start, start + length);
          } else if (what === 'drop') {
            file.drop(start, start + length);
            model.fill(null, start, start + length);
          } else if (what === 'peek') {
            const found = await file.peek(start, length);
            if (model[start] === null) expect(found).toBeNull();
            else expect(found?.byteLength).toBeGreaterThan(0);
            expect([...(found ?? [])]).toEqual(model.slice(start, start + (found?.byteLength ?? 0)));
          } else {
            const target = Buffer.alloc(length);
            const taken = await file.take(start, target);
            if (model[start] === null) expect(taken).toBe(0);
            else expect(taken).toBeGreaterThan(0);
            expect([...target.subarray(0, taken)]).toEqual(model.slice(start, start + taken));
            model.fill(null, start, start + taken);
          }
          const first = model.findIndex((value) => value !== null);
          expect(file.first?.start ?? -1).toBe(first);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('has no name, contains no plaintext, and releases its disk space', async () => {
    const scratch = space();
    const plaintext = content(100_000);
    {
      await using file = scratch.openFile(holder);
      await file.keep(1000, plaintext);
      expect(readdirSync(directory)).toEqual([]);
      expect(statfsSync(directory).blocks).toBeGreaterThan(0);
      const held = unlinkedContents().filter((bytes) => bytes.byteLength >= 100_000);
      expect(held.length).toBeGreaterThan(0);
      expect(held.some((bytes) => bytes.includes(plaintext.subarray(500, 532)))).toBe(false);
      expect(scratch.usedBytes).toBeGreaterThanOrEqual(100_000);
      await file.take(1000, Buffer.alloc(100_000));
      expect(scratch.usedBytes).toBe(0);
    }
    expect(scratch.usedBytes).toBe(0);
  });

  it('keeps a sequence of writes as one range, which is read at once', async () => {
    await using file = space().openFile(holder);
    const bytes = content(64);
    for (const at of [0, 16, 32]) await file.keep(100 + at, bytes.subarray(at, at + 16));
    expect(file.first).toMatchObject({ start: 100, end: 148 });
    expect(await file.peek(100, 64)).toEqual(bytes.subarray(0, 48));
    expect(await file.peek(120, 5)).toEqual(bytes.subarray(20, 25));
    // Bytes behind it that are stored elsewhere in the file are a range of their own.
    await file.keep(200, bytes.subarray(0, 16));
    await file.keep(148, bytes.subarray(48));
    expect(file.first).toMatchObject({ start: 100, end: 148 });
    expect(await file.peek(140, 64)).toEqual(bytes.subarray(40, 48));
    expect(await file.peek(148, 64)).toEqual(bytes.subarray(48));
    expect(await file.peek(164, 64)).toBeNull();
    expect(await file.peek(99, 64)).toBeNull();
  });

  it('releases the disk space of bytes that were never taken', async () => {
    const scratch = space();
    {
      await using file = scratch.openFile(holder);
      await file.keep(0, content(1_000));
      await file.keep(5_000, content(1));
      expect(scratch.usedBytes).toBe(1_024);
    }
    expect(scratch.usedBytes).toBe(0);
  });

  it('refuses more bytes than all scratch files may use together', async () => {
    const scratch = space(1000);
    await using one = scratch.openFile(holder);
    await using other = scratch.openFile(holder);
    await one.keep(0, Buffer.alloc(600));
    await expect(other.keep(0, Buffer.alloc(600))).rejects.toMatchObject({
      kind: 'over-quota',
      hint: expect.stringContaining('upload.scratch.limit'),
    });
  });

  it('names a directory that it cannot use', async () => {
    writeFileSync(join(directory, 'file'), '');
    const scratch = space(1000, join(directory, 'file', 'below'));
    await using file = scratch.openFile(holder);
    await expect(file.keep(0, Buffer.alloc(10))).rejects.toMatchObject({ kind: 'unavailable' });
  });
});
