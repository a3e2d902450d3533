import { expect, it } from 'vitest';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { WriteHandle } from '../../model/vfs.js';
import { GuardedWriteHandle } from './guarded-write-handle.js';

const call = { id: 'call' } as Call;

/** Returns a handle that records its calls and answers with their names. */
function recorded() {
  const calls: unknown[][] = [];
  const inner = new Proxy({} as WriteHandle, {
    get: (_target, name) =>
      name === 'then'
        ? undefined
        : (...args: unknown[]) => {
            calls.push([name, ...args]);
            return Promise.resolve(name);
          },
  });
  return { calls, inner };
}

it('a guarded file passes everything on, and asks its guard only before it is stored', async () => {
  const { calls, inner } = recorded();
  const asked: unknown[] = [];
  const handle = new GuardedWriteHandle(inner, async (given) => void asked.push(given));
  const bytes = [new Uint8Array(1)];
  const change = { size: 1 };
  expect([
    await handle.read(call, 1, 2),
    await handle.write(call, 3, bytes),
    await handle.attributes(),
    await handle.setAttributes(call, change),
    await handle.sync(call),
  ]).toEqual(['read', 'write', 'attributes', 'setAttributes', 'sync']);
  expect(asked).toEqual([]);
  await handle.commit(call);
  expect(asked).toEqual([call]);
  await handle[Symbol.asyncDispose]();
  expect(calls).toEqual([
    ['read', call, 1, 2],
    ['write', call, 3, bytes],
    ['attributes'],
    ['setAttributes', call, change],
    ['sync', call],
    ['commit', call],
    [Symbol.asyncDispose],
  ]);
});

it('a guarded file is not stored if its guard refuses it', async () => {
  const { calls, inner } = recorded();
  const handle = new GuardedWriteHandle(inner, () => Promise.reject(new Fault('denied', 'no')));
  await expect(handle.commit(call)).rejects.toMatchObject({ kind: 'denied' });
  expect(calls).toEqual([]);
});
