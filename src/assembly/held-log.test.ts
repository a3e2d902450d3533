import { describe, expect, it } from 'vitest';
import { HeldLog } from './held-log.js';

const collect = () => {
  const lines: string[] = [];
  return { lines, sink: { isTTY: true, write: (text: string) => lines.push(text) } };
};

describe('a held log', () => {
  it('passes its lines on in order at release, and later lines at once', () => {
    const { lines, sink } = collect();
    const log = new HeldLog(sink);
    log.write('a');
    log.write('b');
    expect(lines).toEqual([]);
    log.release();
    log.write('c');
    expect(lines).toEqual(['a', 'b', 'c']);
  });

  it('loses no line when a start fails', () => {
    const { lines, sink } = collect();
    expect(() => {
      using log = new HeldLog(sink);
      log.write('why');
      throw new Error('failed');
    }).toThrow('failed');
    expect(lines).toEqual(['why']);
  });

  it('holds a bounded number of lines', () => {
    const { lines, sink } = collect();
    const log = new HeldLog(sink);
    for (let count = 0; count < 1_000; count += 1) log.write('x');
    expect(lines).toHaveLength(1_000);
  });

  it('is a terminal if its sink is one', () => {
    expect(new HeldLog(collect().sink).isTTY).toBe(true);
    expect(new HeldLog({ write: () => undefined }).isTTY).toBe(false);
  });
});
