import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFileDurably, ensureDirectory, removeFileDurably, writeFileDurably } from './durable.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-durable-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('writeFileDurably', () => {
  it('replaces the content and the mode, and leaves no other file', async () => {
    const path = join(directory, 'secret');
    await writeFile(path, 'old', { mode: 0o644 });
    await writeFileDurably(path, 'new', 0o600);
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await modeOf(path)).toBe(0o600);
    expect(await readdir(directory)).toEqual(['secret']);
  });

  it('sets the mode whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      await writeFileDurably(join(directory, 'open'), 'x', 0o644);
    } finally {
      process.umask(before);
    }
    expect(await modeOf(join(directory, 'open'))).toBe(0o644);
  });

  it('leaves the old file and no other when it fails', async () => {
    const path = join(directory, 'taken');
    await ensureDirectory(join(path, 'inside'), 0o700);
    await expect(writeFileDurably(path, 'x', 0o600)).rejects.toThrow();
    expect(await readdir(directory)).toEqual(['taken']);
  });
});

describe('createFileDurably', () => {
  it('creates a missing file, and leaves an existing one unchanged', async () => {
    const path = join(directory, 'identity');
    const made = await Promise.all(['a', 'b', 'c'].map((content) => createFileDurably(path, content, 0o600)));
    expect(made.filter((isNew) => isNew)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe(['a', 'b', 'c'][made.indexOf(true)]);
    expect(await modeOf(path)).toBe(0o600);
    expect(await readdir(directory)).toEqual(['identity']);
  });
});

it('createFileDurably throws every error but that of an existing file, and leaves nothing', async () => {
  // The temporary name fits into a directory, the final one does not.
  const long = createFileDurably(join(directory, 'n'.repeat(300)), 'x', 0o600);
  await expect(long).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  expect(await readdir(directory)).toEqual([]);
});

it('every call closes the files that it opens', async () => {
  const open = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
  const before = await open();
  for (let round = 0; round < 50; round += 1) {
    await writeFileDurably(join(directory, 'f'), 'x', 0o600);
    await createFileDurably(join(directory, 'f'), 'x', 0o600);
    await removeFileDurably(join(directory, 'f'));
  }
  expect((await open()) - before).toBeLessThan(25);
});

it('removeFileDurably removes the file, and throws if there is none', async () => {
  const path = join(directory, 'gone');
  await writeFile(path, '');
  await removeFileDurably(path);
  expect(await readdir(directory)).toEqual([]);
  await expect(removeFileDurably(path)).rejects.toMatchObject({ code: 'ENOENT' });
});

describe('ensureDirectory', () => {
  it('creates parent directories too, and restricts an existing directory', async () => {
    const path = join(directory, 'a', 'b');
    await ensureDirectory(path, 0o700);
    expect(await modeOf(path)).toBe(0o700);
    await chmod(path, 0o755);
    await ensureDirectory(path, 0o700);
    expect(await modeOf(path)).toBe(0o700);
  });
});

describe.runIf(process.getuid?.() === 0)('run by root below a directory of another user', () => {
  it('gives directories and files to that user', async () => {
    await chown(directory, 12345, 12346);
    await ensureDirectory(join(directory, 'a', 'b'), 0o700);
    await writeFileDurably(join(directory, 'a', 'b', 'file'), 'x', 0o600);
    for (const path of ['a', 'a/b', 'a/b/file']) {
      expect(await stat(join(directory, path))).toMatchObject({ uid: 12345, gid: 12346 });
    }
  });
});
