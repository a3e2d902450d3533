import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DirectoryNames } from './directory-names.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-names-'));
  writeFileSync(join(directory, 'a'), '');
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

/** Lets the last change of the directory be old enough for the cache. */
function settle(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_000 });
}

it('returns the same names until the directory changes', async () => {
  const names = new DirectoryNames();
  settle();
  const first = await names.read(directory);
  expect(first).toEqual(['a']);
  expect(await names.read(directory)).toBe(first);
  writeFileSync(join(directory, 'b'), '');
  expect([...(await names.read(directory))].sort()).toEqual(['a', 'b']);
  rmSync(join(directory, 'a'));
  expect(await names.read(directory)).toEqual(['b']);
});

it('lists a directory again that changed a moment ago, because its time stamps may be the same', async () => {
  const names = new DirectoryNames();
  const first = await names.read(directory);
  expect(await names.read(directory)).not.toBe(first);
  utimesSync(directory, 1, 1);
  expect(await names.read(directory)).toEqual(['a']);
});

it('throws the error of a directory that does not exist, and finds it once it does', async () => {
  const names = new DirectoryNames();
  settle();
  await names.read(directory);
  rmSync(directory, { recursive: true });
  await expect(names.read(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-names-'));
  expect(await names.read(directory)).toEqual([]);
});
