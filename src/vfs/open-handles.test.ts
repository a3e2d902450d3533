import { describe, expect, it } from 'vitest';
import type { Call, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { WriteHandle } from '../model/vfs.js';
import { OpenHandles } from './open-handles.js';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const call: Call = { id: 'request-1', signal: new AbortController().signal, log };

/** A handle whose writes fail at the offsets given. */
function failingAt(...offsets: readonly number[]): WriteHandle {
  return {
    write: async (_, offset) => {
      if (offsets.includes(offset)) throw new Fault('over-quota', `no space at ${offset}`);
    },
    read: async () => null,
    attributes: () => ({ type: 'file', mode: 0o100600, size: 0, mtimeSeconds: 0, atimeSeconds: 0 }),
    setAttributes: async () => undefined,
    sync: async () => undefined,
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

describe('a handle that is written', () => {
  it('is synced with OK while every write succeeded', async () => {
    const handle = new OpenHandles().writing(failingAt());
    await handle.write(call, 0, []);
    await expect(handle.sync(call)).resolves.toBeUndefined();
  });

  it('is synced with the fault of the first write that failed, also after one that succeeded', async () => {
    const handle = new OpenHandles().writing(failingAt(1, 2));
    await expect(handle.write(call, 1, [])).rejects.toThrow('no space at 1');
    await expect(handle.write(call, 2, [])).rejects.toThrow('no space at 2');
    await handle.write(call, 3, []);
    await expect(handle.sync(call)).rejects.toMatchObject({ kind: 'over-quota', hint: 'no space at 1' });
  });
});
