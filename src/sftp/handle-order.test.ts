import { describe, expect, it } from 'vitest';
import { HandleOrder } from './handle-order.js';

function gate(): { wait: () => Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { wait: () => opened, open };
}

describe('operations on a handle', () => {
  it('start at once and overlap if they are shared', () => {
    const order = new HandleOrder();
    const begun: number[] = [];
    const never = gate();
    for (const each of [1, 2, 3]) {
      void order.shared(() => {
        begun.push(each);
        return never.wait();
      });
    }
    expect(begun).toEqual([1, 2, 3]);
  });

  it('wait for an exclusive operation, which waits for all before it', async () => {
    const order = new HandleOrder();
    const log: string[] = [];
    const first = gate();
    const failing = order.shared(async () => {
      await first.wait();
      log.push('write 1');
      throw new Error('a failed write does not stop the close');
    });
    const closing = order.exclusive(async () => void log.push('exclusive 1'));
    const second = order.shared(async () => void log.push('write 2'));
    const last = order.exclusive(async () => void log.push('exclusive 2'));
    expect(log).toEqual([]);
    first.open();
    await expect(failing).rejects.toThrow();
    await Promise.all([closing, second, last]);
    expect(log).toEqual(['write 1', 'exclusive 1', 'write 2', 'exclusive 2']);
  });

  it('start at once after an exclusive operation has failed', async () => {
    const order = new HandleOrder();
    await expect(order.exclusive(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    let hasBegun = false;
    const after = order.shared(async () => {
      hasBegun = true;
    });
    expect(hasBegun).toBe(true);
    await after;
  });
});

it('settles shared operations in the order of arrival, whichever ends first', async () => {
  const order = new HandleOrder();
  const settled: string[] = [];
  const gates = ['a', 'b', 'c'].map((name) => {
    let open: () => void = () => undefined;
    let fail: (error: Error) => void = () => undefined;
    const gate = new Promise<void>((resolve, reject) => {
      open = resolve;
      fail = reject;
    });
    const operation = order
      .shared(() => gate)
      .then(
        () => settled.push(name),
        () => settled.push(`${name} failed`),
      );
    return { open, fail, operation };
  });
  gates[2]?.open();
  gates[1]?.fail(new Error('b'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(settled).toEqual([]);
  gates[0]?.open();
  await Promise.all(gates.map(({ operation }) => operation));
  expect(settled).toEqual(['a', 'b failed', 'c']);
});
