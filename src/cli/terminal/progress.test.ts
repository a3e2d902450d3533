import { expect, it } from 'vitest';
import { ProgressLine, renderProgress } from './progress.js';
import { renderBytes, renderDuration } from './render.js';

class FakeTerminal {
  columns = 120;
  readonly written: string[] = [];

  write(text: string): void {
    this.written.push(text.replace('\r\x1b[K', '|'));
  }
}

const halfway = { files: 5, totalFiles: 10, bytes: 50 * 2 ** 20, totalBytes: 100 * 2 ** 20 };

it('appears after two seconds, is redrawn at most five times a second, and is removed', () => {
  const terminal = new FakeTerminal();
  let ms = 1000;
  const line = new ProgressLine(terminal, () => ms);
  for (; ms < 3000; ms += 50) line.update('fetching', halfway);
  expect(terminal.written).toEqual([]);
  for (; ms < 4000; ms += 50) line.update('fetching', halfway);
  expect(terminal.written).toHaveLength(5);
  line[Symbol.dispose]();
  expect(terminal.written.at(-1)).toBe('|');
  line[Symbol.dispose]();
  expect(terminal.written).toHaveLength(6);
});

it('shows files, bytes, the rate of the last ten seconds and the time left', () => {
  const terminal = new FakeTerminal();
  let ms = 0;
  const line = new ProgressLine(terminal, () => ms);
  const mebibyte = 2 ** 20;
  // Slow at first, then 2 MiB a second: the present rate counts.
  for (let second = 0; second <= 30; second += 1) {
    ms = second * 1000;
    const bytes = second < 15 ? 0 : (second - 15) * 2 * mebibyte;
    line.update('fetching', { files: 0, totalFiles: 1, bytes, totalBytes: 100 * mebibyte });
  }
  expect(terminal.written.at(-1)).toBe(
    '|fetching  [######--------------] 29 %  0 of 1 files  30.0 MiB of 100 MiB  2.0 MiB/s  35 s left',
  );
});

it('estimates no end without totals, and starts again with other work', () => {
  expect(
    renderProgress('listing', { files: 3, totalFiles: null, bytes: 10, totalBytes: null }, noRate, 80),
  ).toBe('listing  3 files  10 B  0 B/s');
  const terminal = new FakeTerminal();
  let ms = 0;
  const line = new ProgressLine(terminal, () => ms);
  line.update('a', halfway);
  ms = 3000;
  line.update('b', { ...halfway, files: 0, bytes: 0 });
  expect(terminal.written.at(-1)).toBe(
    '|b  [--------------------] 0 %  0 of 10 files  0 B of 100 MiB  0 B/s',
  );
});

it('never wraps, and writes nothing without a terminal', () => {
  expect(renderProgress('x', halfway, noRate, 20)).toHaveLength(19);
  const line = new ProgressLine(null, () => 0);
  line.update('x', halfway);
  line.clear();
});

it('prints sizes and times in readable units', () => {
  expect([0, 1023, 1024, 1_500_000, 123 * 2 ** 20, 2 ** 50].map(renderBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.4 MiB',
    '123 MiB',
    '1024 TiB',
  ]);
  expect([400, 59_400, 61_000, 3_900_000, 200_000_000].map(renderDuration)).toEqual([
    '0 s',
    '59 s',
    '1 min 1 s',
    '1 h 5 min',
    '2 d 7 h',
  ]);
});

const noRate = { files: 0, bytes: 0 };
