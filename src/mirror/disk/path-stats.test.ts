import { lstat, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskWorker } from './disk-worker.js';
import { PathStats } from './path-stats.js';
import { stampOf } from './staging.js';

describe('file states read on a disk thread', () => {
  let root = '';
  const workers: DiskWorker[] = [];
  const open = (): { stats: PathStats; worker: DiskWorker } => {
    const worker = new DiskWorker('test');
    workers.push(worker);
    return { stats: new PathStats(worker), worker };
  };

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sftpgw-stats-'));
  });

  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  it('distinguish files, directories and everything else', async () => {
    await writeFile(join(root, 'é file'), 'abc');
    await mkdir(join(root, 'd'));
    await symlink('é file', join(root, 'link'));
    const answers = await open().stats.stat(root, ['é file', 'd/', 'link', 'missing', 'é file/below']);
    const none = { isDirectory: false, stamp: null };
    expect(answers).toEqual([
      { isDirectory: false, stamp: stampOf(await lstat(join(root, 'é file'))) },
      { isDirectory: true, stamp: null },
      none,
      none,
      none,
    ]);
  });

  it('answer many requests at once, each with its own result', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `f${index}`);
    await Promise.all(names.map((name) => writeFile(join(root, name), name)));
    const { stats } = open();
    const sizes = await Promise.all(
      names.map(async (name) => (await stats.stat(root, ['missing', name]))[1]?.stamp?.size),
    );
    expect(sizes).toEqual(names.map((name) => name.length));
    expect(await stats.stat(root, [])).toEqual([]);
  });

  it('are refused once the worker is closed, waiting requests too', async () => {
    const { stats, worker } = open();
    const waiting = expect(stats.stat(root, ['a'])).rejects.toThrow('closed');
    await worker[Symbol.asyncDispose]();
    await waiting;
    await expect(stats.stat(root, ['a'])).rejects.toThrow('closed');
  });
});
