import { describe, expect, it } from 'vitest';
import type { ReadHandle, WriteHandle } from '../model/vfs.js';
import { HandleTable, type NewHandle } from './handle-table.js';

const overQuota = expect.objectContaining({ kind: 'over-quota' });
const invalid = expect.objectContaining({ kind: 'invalid' });

interface Counted {
  disposed: number;
}

function opened(kind: 'read' | 'write', counted: Counted = { disposed: 0 }): NewHandle {
  const file = {
    [Symbol.asyncDispose]: async () => {
      counted.disposed += 1;
    },
  };
  return kind === 'read'
    ? { kind, path: '/r', file: file as unknown as ReadHandle }
    : { kind, path: '/w', file: file as unknown as WriteHandle };
}

function directory(counted: Counted = { disposed: 0 }): NewHandle {
  const batches = {
    next: async () => ({ done: true as const, value: undefined }),
    return: async () => {
      counted.disposed += 1;
      return { done: true as const, value: undefined };
    },
  };
  return { kind: 'directory', path: '/d', batches, unsent: [] };
}

describe('the handles of a session', () => {
  it('have different names, of which none is used again', async () => {
    const table = new HandleTable(10);
    const first = await table.add(async () => opened('read'));
    const second = await table.add(async () => opened('write'));
    expect(Buffer.compare(first, second)).not.toBe(0);
    expect(table.get(first).path).toBe('/r');
    expect(table.remove(first).path).toBe('/r');
    const third = await table.add(async () => directory());
    expect(Buffer.compare(first, third)).not.toBe(0);
    expect(() => table.get(first)).toThrow(invalid);
    expect(() => table.remove(first)).toThrow(invalid);
    expect(table.get(second).path).toBe('/w');
    expect(table.get(third).path).toBe('/d');
    expect(table.size).toBe(2);
  });

  it('are refused unless the table issued them', async () => {
    const table = new HandleTable(10);
    const wire = await table.add(async () => opened('read'));
    const changed = (at: number, by: number): Uint8Array => {
      const copy = Uint8Array.from(wire);
      copy[at] = (copy[at] ?? 0) ^ by;
      return copy;
    };
    const last = wire.byteLength - 1;
    const strange = [
      changed(0, 1),
      changed(1, 1),
      changed(2, 1),
      changed(last, 2),
      wire.subarray(1),
      new Uint8Array(0),
    ];
    for (const handle of [...strange, Buffer.concat([wire, Buffer.of(0)])])
      expect(() => table.get(handle)).toThrow(invalid);
    // A view into a larger buffer, as the decoder returns it.
    const framed = Buffer.concat([Buffer.from('frame'), wire, Buffer.from('rest')]);
    expect(table.get(framed.subarray(5, 5 + wire.byteLength)).path).toBe('/r');
  });

  it('count against the limit while they are being opened, and not after a failure', async () => {
    const table = new HandleTable(2);
    const gate = Promise.withResolvers<void>();
    const slow = async (): Promise<NewHandle> => {
      await gate.promise;
      return opened('read');
    };
    const waiting = [table.add(slow), table.add(slow)];
    await expect(table.add(async () => opened('read'))).rejects.toThrow(overQuota);
    expect(table.size).toBe(0);
    gate.resolve();
    const [first] = await Promise.all(waiting);
    await expect(table.add(async () => opened('read'))).rejects.toThrow(overQuota);
    if (first !== undefined) table.remove(first);
    await expect(table.add(() => Promise.reject(new Error('no such file')))).rejects.toThrow('no such file');
    await table.add(async () => opened('read'));
    expect(table.size).toBe(2);
  });

  it('are disposed of if the session ends while they are being opened', async () => {
    for (const open of [(counted: Counted) => opened('write', counted), directory]) {
      const table = new HandleTable(2);
      const gate = Promise.withResolvers<void>();
      const counted = { disposed: 0 };
      const adding = table.add(async () => {
        await gate.promise;
        return open(counted);
      });
      expect(table.removeAll()).toEqual([]);
      gate.resolve();
      await expect(adding).rejects.toMatchObject({ kind: 'cancelled' });
      expect(counted.disposed).toBe(1);
      expect(table.size).toBe(0);
    }
  });

  it('are all returned at the end, and none is left', async () => {
    const table = new HandleTable(5);
    await table.add(async () => opened('read'));
    await table.add(async () => directory());
    expect(table.removeAll().map(({ path }) => path)).toEqual(['/r', '/d']);
    expect(table.size).toBe(0);
  });

  it('show whether a file is open, and whether one is being written', async () => {
    const table = new HandleTable(5);
    const state = () => [table.hasFile, table.isWriting];
    expect(state()).toEqual([false, false]);
    await table.add(async () => directory());
    expect(state()).toEqual([false, false]);
    const read = await table.add(async () => opened('read'));
    expect(state()).toEqual([true, false]);
    const write = await table.add(async () => opened('write'));
    table.remove(read);
    expect(state()).toEqual([true, true]);
    table.remove(write);
    expect(state()).toEqual([false, false]);
  });
});
