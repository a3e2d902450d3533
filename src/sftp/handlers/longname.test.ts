import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../model/vfs.js';
import { longname } from './longname.js';

const now = Date.UTC(2025, 5, 15, 12) / 1000;
const local = (year: number, month: number, day: number, hour: number, minute: number) =>
  new Date(year, month - 1, day, hour, minute).getTime() / 1000;

function line(change: Partial<Attributes>): string {
  const attributes: Attributes = {
    type: 'file',
    size: 1234,
    mode: 0o644,
    mtimeSeconds: local(2025, 6, 3, 9, 5),
    atimeSeconds: 0,
  };
  return longname('report.txt', { ...attributes, ...change }, 'bob', now);
}

describe('the long name of an entry', () => {
  it('has the format of ls -l', () => {
    expect(line({})).toBe('-rw-r--r--    1 bob      bob          1234 Jun  3 09:05 report.txt');
  });

  it('shows the year instead of the time if it is older than half a year or in the future', () => {
    expect(line({ mtimeSeconds: local(2023, 11, 20, 9, 5) })).toContain(' Nov 20  2023 report.txt');
    expect(line({ mtimeSeconds: local(2026, 1, 2, 9, 5) })).toContain(' Jan  2  2026 report.txt');
  });

  it.each([
    ['directory', 0o755, 'drwxr-xr-x'],
    ['symlink', 0o777, 'lrwxrwxrwx'],
    ['file', 0o4755, '-rwsr-xr-x'],
    ['file', 0o2644, '-rw-r-Sr--'],
    ['directory', 0o1777, 'drwxrwxrwt'],
    ['directory', 0o1770, 'drwxrwx--T'],
    ['file', 0, '----------'],
  ] as const)('shows a %s of mode %i as %s', (type, mode, text) => {
    expect(line({ type, mode }).slice(0, 10)).toBe(text);
  });

  it('widens the columns for a long size or owner', () => {
    const attributes: Attributes = {
      type: 'file',
      size: 5 * 2 ** 40,
      mode: 0o600,
      mtimeSeconds: now,
      atimeSeconds: 0,
    };
    expect(longname('x', attributes, 'a-very-long-user', now)).toMatch(
      /^-rw------- {4}1 a-very-long-user a-very-long-user 5497558138880 \w{3} [ \d]\d \d\d:\d\d x$/,
    );
  });
});
