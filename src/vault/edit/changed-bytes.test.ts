import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { content, quickClock, seededEntropy } from '../testing/vault-world.js';
import { ScratchSpace } from '../upload/scratch-file.js';
import { ChangedBytes } from './changed-bytes.js';
import { EditMemory, editBlockBytes } from './edit-memory.js';

const holder = { signal: new AbortController().signal, sendGathered: () => false };

function scratchIn(directory: string, limitBytes = 64 * 1024 * 1024): ScratchSpace {
  const entropy = seededEntropy('scratch');
  return new ScratchSpace({ directory, limitBytes, patienceMs: 1, clock: quickClock, entropy });
}

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'changed-'));
  try {
    await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe('changed bytes', () => {
  it('are those of the last write at each offset, wherever they are stored', async () => {
    const step = fc.record({
      at: fc.nat(400_000),
      length: fc.integer({ min: 1, max: 150_000 }),
      cut: fc.boolean(),
    });
    const blocks = fc.nat(8);
    await inDirectory(async (directory) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), blocks, async (steps, count) => {
          const scratch = scratchIn(directory);
          const memory = new EditMemory(count * editBlockBytes);
          await using changed = new ChangedBytes(memory, () => scratch.openFile(holder));
          const model: (number | undefined)[] = [];
          for (const [index, { at, length, cut }] of steps.entries()) {
            if (cut) {
              changed.cut(at);
              model.length = Math.min(model.length, at);
              continue;
            }
            const bytes = content(length, `write ${index}`);
            await changed.put(at, bytes);
            for (const [offset, byte] of bytes.entries()) model[at + offset] = byte;
          }
          for (const { start, end } of changed.ranges) {
            for (let at = start; at < end; ) {
              const found = await changed.read(at, end);
              expect(found.equals(Buffer.from(model.slice(at, at + found.byteLength) as number[]))).toBe(
                true,
              );
              at += found.byteLength;
            }
          }
          const length = [...changed.ranges].reduce((sum, { start, end }) => sum + end - start, 0);
          expect(length).toBe(model.filter((byte) => byte !== undefined).length);
          expect(memory.usedBytes).toBeLessThanOrEqual(count * editBlockBytes);
          await changed[Symbol.asyncDispose]();
          expect([memory.usedBytes, scratch.usedBytes]).toEqual([0, 0]);
        }),
        { numRuns: 40 },
      );
    });
  });

  it('are in memory up to the limit of the process, then in the encrypted scratch file', async () => {
    await inDirectory(async (directory) => {
      const scratch = scratchIn(directory);
      const memory = new EditMemory(2 * editBlockBytes);
      await using first = new ChangedBytes(memory, () => scratch.openFile(holder));
      await using second = new ChangedBytes(memory, () => scratch.openFile(holder));
      await first.put(0, content(2 * editBlockBytes));
      expect([memory.usedBytes, scratch.usedBytes]).toEqual([2 * editBlockBytes, 0]);
      await second.put(0, content(1000));
      expect([memory.usedBytes, scratch.usedBytes]).toEqual([2 * editBlockBytes, 1008]);
      expect(readdirSync(directory)).toEqual([]);
      first.cut(0);
      await second.put(editBlockBytes, content(10));
      expect([memory.usedBytes, scratch.usedBytes]).toEqual([editBlockBytes, 1008]);
    });
  });

  it('are refused when the disk space of all scratch files is used up', async () => {
    await inDirectory(async (directory) => {
      const scratch = scratchIn(directory, 1000);
      await using changed = new ChangedBytes(new EditMemory(0), () => scratch.openFile(holder));
      await expect(changed.put(0, content(2000))).rejects.toMatchObject({ kind: 'over-quota' });
    });
  });
});
