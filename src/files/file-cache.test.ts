import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FileCache } from './file-cache.js';

let directory: string;
let path: string;
let parsed: number;
let cache: FileCache<{ readonly text: string; readonly mode: number }>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-cache-'));
  path = join(directory, 'file');
  parsed = 0;
  cache = new FileCache(100, ({ bytes, mode }) => {
    parsed += 1;
    return { text: bytes.toString('utf8'), mode };
  });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('returns null for a missing file or directory', async () => {
  expect(await cache.read(path)).toBeNull();
  expect(await cache.read(join(directory, 'no', 'file'))).toBeNull();
  await writeFile(path, 'x');
  expect(await cache.read(join(path, 'below-a-file'))).toBeNull();
});

it('parses an unchanged file once', async () => {
  await writeFile(path, 'one');
  const first = await cache.read(path);
  expect(await cache.read(path)).toBe(first);
  expect(parsed).toBe(1);
});

it('sees every change at once, even of the same length within one tick of the clock', async () => {
  for (let round = 0; round < 100; round++) {
    const text = String(1000 + round);
    await writeFile(path, text);
    expect((await cache.read(path))?.text).toBe(text);
  }
});

it('sees a change that restores the modification time', async () => {
  const when = new Date(1_700_000_000_000);
  await writeFile(path, 'one');
  await utimes(path, when, when);
  await cache.read(path);
  await writeFile(path, 'two');
  await utimes(path, when, when);
  expect((await cache.read(path))?.text).toBe('two');
});

it('sees a renamed file, a changed mode and a removal', async () => {
  await writeFile(path, 'one', { mode: 0o600 });
  await cache.read(path);
  await writeFile(join(directory, 'other'), 'two', { mode: 0o600 });
  await rename(join(directory, 'other'), path);
  expect(await cache.read(path)).toEqual({ text: 'two', mode: 0o600 });
  await chmod(path, 0o644);
  expect(await cache.read(path)).toEqual({ text: 'two', mode: 0o644 });
  await rm(path);
  expect(await cache.read(path)).toBeNull();
});

it('reads a long file up to one byte past the limit', async () => {
  await writeFile(path, 'x'.repeat(5000));
  expect((await cache.read(path))?.text).toHaveLength(101);
});

it('needs one read for a file, and no more memory than the file', async () => {
  await writeFile(path, 'x'.repeat(50));
  const probe = await open(path);
  const read = vi.spyOn(Object.getPrototypeOf(probe) as typeof probe, 'read');
  await probe.close();
  expect((await cache.read(path))?.text).toHaveLength(50);
  expect(read.mock.calls.map(([buffer]) => (buffer as unknown as Buffer).byteLength)).toEqual([51]);
  read.mockRestore();
});

it('throws other errors unchanged, and does not block on a pipe', async () => {
  await mkdir(path);
  await expect(cache.read(path)).rejects.toMatchObject({ code: 'EISDIR' });
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  expect((await cache.read(join(directory, 'pipe')))?.text).toBe('');
});

it('sees a change of a file that was read long after it was written', async () => {
  const now = vi
    .spyOn(Date, 'now')
    .mockImplementation(() => performance.timeOrigin + performance.now() + 60_000);
  try {
    await writeFile(path, 'one');
    const first = await cache.read(path);
    expect(await cache.read(path)).toBe(first);
    await writeFile(path, 'two');
    expect((await cache.read(path))?.text).toBe('two');
    await rm(path);
    expect(await cache.read(path)).toBeNull();
    await writeFile(path, 'two');
    expect(await cache.read(path)).not.toBe(first);
    expect(parsed).toBe(3);
  } finally {
    now.mockRestore();
  }
});

it('reads a file that is larger than one piece, in order', async () => {
  const large = new FileCache(200_000, ({ bytes }) => ({ text: bytes.toString('latin1') }));
  const text = Array.from({ length: 30_000 }, (_, at) => String(at % 97))
    .join(',')
    .slice(0, 150_000);
  await writeFile(path, text);
  expect(await large.read(path)).toEqual({ text });
  const short = new FileCache(70_000, ({ bytes }) => ({ text: bytes.toString('latin1') }));
  expect(await short.read(path)).toEqual({ text: text.slice(0, 70_001) });
});
