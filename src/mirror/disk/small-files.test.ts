import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskWorker } from './disk-worker.js';
import { FileSystemSync } from './file-system-sync.js';
import { SmallFiles } from './small-files.js';

describe('small files on a disk thread', () => {
  let root = '';
  let worker = new DiskWorker('test');
  let files = new SmallFiles(worker);

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sftpgw-small-'));
    worker = new DiskWorker('test');
    files = new SmallFiles(worker);
  });

  afterEach(async () => {
    await worker[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  const file = (name: string, text: string) => ({
    path: join(root, name),
    pieces: text === '' ? [] : [Buffer.from(text.slice(0, 1)), Buffer.from(text.slice(1))],
    mtimeSeconds: 1_700_000_000.5,
    mode: 0o640,
    owner: null,
  });

  it('are created with content, time and mode, and return their stamp', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `f${index}`);
    const stamps = await Promise.all(names.map((name) => files.write(file(name, name))));
    for (const [index, name] of names.entries()) {
      const stats = await stat(join(root, name));
      expect(await readFile(join(root, name), 'utf8')).toBe(name);
      expect(stamps[index]).toEqual({ inode: stats.ino, size: stats.size, mtimeMs: 1_700_000_000_500 });
      expect(stats.mode & 0o777).toBe(0o640);
    }
  });

  it('fail one by one with the code of the system, and leave nothing', async () => {
    await files.write(file('a', 'first'));
    const results = await Promise.allSettled([
      files.write(file('a', 'second')),
      files.write(file('missing/b', 'x')),
      files.write(file('c', '')),
      files.rename(join(root, 'gone'), join(root, 'd')),
    ]);
    expect(results.map((result) => (result.status === 'rejected' ? result.reason.code : 'done'))).toEqual([
      'EEXIST',
      'ENOENT',
      'done',
      'ENOENT',
    ]);
    // The file that was in the way is removed with the failed one only if the thread created it.
    expect(await readdir(root)).toEqual(['a', 'c']);
    expect(await readFile(join(root, 'a'), 'utf8')).toBe('first');
  });

  it('are renamed', async () => {
    await files.write(file('a', 'x'));
    await files.rename(join(root, 'a'), join(root, 'b'));
    expect(await readdir(root)).toEqual(['b']);
  });

  it('are synced with directories; a missing one is an error', async () => {
    await using sync = new FileSystemSync();
    await files.write(file('a', 'x'));
    await sync.paths([join(root, 'a'), root]);
    await sync.paths([]);
    await sync.large(join(root, 'a'));
    await expect(sync.paths([join(root, 'a'), join(root, 'gone')])).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(sync.early(join(root, 'gone'))).resolves.toBeUndefined();
  });
});
