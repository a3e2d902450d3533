import { lstat, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stampOf } from './aside.js';
import { LookThread } from './look-thread.js';

describe('the thread that looks at files', () => {
  let root = '';
  const looks: LookThread[] = [];
  const thread = (): LookThread => {
    const made = new LookThread();
    looks.push(made);
    return made;
  };

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sftpgw-looks-'));
  });

  afterEach(async () => {
    for (const one of looks.splice(0)) await one[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  test('tells files, directories and everything else apart', async () => {
    await writeFile(join(root, 'é file'), 'abc');
    await mkdir(join(root, 'd'));
    await symlink('é file', join(root, 'link'));
    const answers = await thread().look(root, ['é file', 'd/', 'link', 'missing', 'é file/below']);
    const none = { isDirectory: false, stamp: null };
    expect(answers).toEqual([
      { isDirectory: false, stamp: stampOf(await lstat(join(root, 'é file'))) },
      { isDirectory: true, stamp: null },
      none,
      none,
      none,
    ]);
  });

  test('answers many at once, each what it was asked', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `f${index}`);
    await Promise.all(names.map((name) => writeFile(join(root, name), name)));
    const one = thread();
    const sizes = await Promise.all(
      names.map(async (name) => (await one.look(root, ['missing', name]))[1]?.stamp?.size),
    );
    expect(sizes).toEqual(names.map((name) => name.length));
    expect(await one.look(root, [])).toEqual([]);
  });

  test('once ended, says so to whoever waits and to whoever comes', async () => {
    const one = thread();
    const waiting = expect(one.look(root, ['a'])).rejects.toThrow('ended');
    await one[Symbol.asyncDispose]();
    await waiting;
    await expect(one.look(root, ['a'])).rejects.toThrow('ended');
  });
});
