import { lstat, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stampOf } from './staging.js';
import { StatWorker } from './stat-worker.js';

describe('the thread that looks at files', () => {
  let root = '';
  const stats: StatWorker[] = [];
  const files = (): StatWorker => {
    const made = new StatWorker();
    stats.push(made);
    return made;
  };

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sftpgw-looks-'));
  });

  afterEach(async () => {
    for (const one of stats.splice(0)) await one[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  it('tells files, directories and everything else apart', async () => {
    await writeFile(join(root, 'é file'), 'abc');
    await mkdir(join(root, 'd'));
    await symlink('é file', join(root, 'link'));
    const answers = await files().stat(root, ['é file', 'd/', 'link', 'missing', 'é file/below']);
    const none = { isDirectory: false, stamp: null };
    expect(answers).toEqual([
      { isDirectory: false, stamp: stampOf(await lstat(join(root, 'é file'))) },
      { isDirectory: true, stamp: null },
      none,
      none,
      none,
    ]);
  });

  it('answers many at once, each what it was asked', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `f${index}`);
    await Promise.all(names.map((name) => writeFile(join(root, name), name)));
    const one = files();
    const sizes = await Promise.all(
      names.map(async (name) => (await one.stat(root, ['missing', name]))[1]?.stamp?.size),
    );
    expect(sizes).toEqual(names.map((name) => name.length));
    expect(await one.stat(root, [])).toEqual([]);
  });

  it('once ended, says so to whoever waits and to whoever comes', async () => {
    const one = files();
    const waiting = expect(one.stat(root, ['a'])).rejects.toThrow('ended');
    await one[Symbol.asyncDispose]();
    await waiting;
    await expect(one.stat(root, ['a'])).rejects.toThrow('ended');
  });
});
