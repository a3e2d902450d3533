import { link, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault, type FaultKind } from '../../model/fault.js';
import { attributesOf } from './attributes.js';
import { countTree } from './count-tree.js';
import { diskFault, errnoOf, withDiskFaults } from './faults.js';
import { resolveLinks, segmentsBeneath, splitPath } from './links.js';
import { DirectoryUsages } from './usage.js';
import { everything, WriteOrder } from './write-order.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vfs-disk-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('a path on disk', () => {
  it('is split into its segments', () => {
    expect(splitPath('/a//b/./c/')).toEqual(['a', 'b', 'c']);
    expect(splitPath('/')).toEqual([]);
    expect(segmentsBeneath('/r/s', '/r/s/a/b')).toEqual(['a', 'b']);
    expect(segmentsBeneath('/r/s', '/r/s')).toEqual([]);
    for (const outside of ['/r', '/r/t/a', '/r/ss', '/', '/s/r']) {
      expect(segmentsBeneath('/r/s', outside)).toBeNull();
    }
  });
});

describe('links in a path', () => {
  const resolve = async (path: string, followLast = true) =>
    (await resolveLinks(root, splitPath(path), followLast, path)).join('/');

  beforeEach(async () => {
    await mkdir(join(root, 'd/e'), { recursive: true });
    await writeFile(join(root, 'd/f'), '');
    await symlink('d', join(root, 'to-d'));
    await symlink('../d/f', join(root, 'd/to-f'));
    await symlink(join(root, 'd/e'), join(root, 'absolute'));
    await symlink('nothing', join(root, 'dangling'));
    await symlink('../..', join(root, 'd/out'));
    await symlink('/etc', join(root, 'etc'));
    await symlink(join(root, '../x'), join(root, 'beside'));
  });

  it.each([
    ['', ''],
    ['d/f', 'd/f'],
    ['d/none', 'd/none'],
    ['to-d/f', 'd/f'],
    ['to-d/to-f', 'd/f'],
    ['to-d/e/..', 'd'],
    ['absolute', 'd/e'],
    ['absolute/x', 'd/e/x'],
    ['dangling', 'nothing'],
  ])('%j leads to %j', async (path, target) => {
    expect(await resolve(path)).toBe(target);
  });

  it('at the end are not followed if that is not wanted', async () => {
    expect(await resolve('to-d', false)).toBe('to-d');
    expect(await resolve('to-d/to-f', false)).toBe('d/to-f');
    expect(await resolve('d/out', false)).toBe('d/out');
  });

  it.each<[string, FaultKind]>([
    ['..', 'denied'],
    ['d/../..', 'denied'],
    ['d/out', 'denied'],
    ['etc/passwd', 'denied'],
    ['beside', 'denied'],
    ['none/x', 'not-found'],
    ['dangling/x', 'not-found'],
    ['d/f/x', 'not-directory'],
    ['d/to-f/x', 'not-directory'],
  ])('%j fails: %s', async (path, kind) => {
    await expect(resolve(path)).rejects.toMatchObject({ kind });
  });

  it('are followed up to forty times', async () => {
    await writeFile(join(root, 'l0'), '');
    for (let at = 1; at <= 41; at += 1) await symlink(`l${at - 1}`, join(root, `l${at}`));
    expect(await resolve('l40')).toBe('l0');
    await expect(resolve('l41')).rejects.toMatchObject({ kind: 'invalid' });
  });
});

describe('an error of the disk', () => {
  it.each<[string, FaultKind]>([
    ['ENOENT', 'not-found'],
    ['EEXIST', 'exists'],
    ['ENOTEMPTY', 'not-empty'],
    ['ENOTDIR', 'not-directory'],
    ['EISDIR', 'is-directory'],
    ['EACCES', 'denied'],
    ['EPERM', 'denied'],
    ['EROFS', 'denied'],
    ['ENAMETOOLONG', 'invalid'],
    ['ENOSPC', 'over-quota'],
    ['EDQUOT', 'over-quota'],
    ['EFBIG', 'too-large'],
    ['EXDEV', 'unsupported'],
    ['EINVAL', 'invalid'],
    ['ELOOP', 'conflict'],
    ['EBUSY', 'conflict'],
    ['EMFILE', 'unavailable'],
    ['ENFILE', 'unavailable'],
    ['EIO', 'unavailable'],
    ['EWEIRD', 'bug'],
  ])('%s is a fault of kind %s, without the path on the gateway', async (code, kind) => {
    const error = Object.assign(new Error(`${code}: /srv/secret`), { code });
    const fault = diskFault(error, '/local/a');
    expect([fault.kind, fault.cause === error || kind === 'bug', errnoOf(error)]).toEqual([kind, true, code]);
    expect(fault.hint).not.toContain('/srv/secret');
    if (kind !== 'bug') expect(fault.hint).toContain('"/local/a"');
    const failing = withDiskFaults('/local/a', async () => {
      throw error;
    });
    await expect(failing).rejects.toMatchObject({ kind });
  });

  it('has no code if it is none', () => {
    expect([errnoOf(new Error('x')), errnoOf('x'), errnoOf({ code: 'ENOENT' })]).toEqual([null, null, null]);
    expect(errnoOf(Object.assign(new Error('x'), { code: 5 }))).toBeNull();
    const fault = new Fault('conflict', 'x');
    expect(diskFault(fault, '/a')).toBe(fault);
  });
});

describe('the size of a tree', () => {
  it('counts each name, and the bytes of each file once', async () => {
    await mkdir(join(root, 'd'));
    await writeFile(join(root, 'a'), '12345');
    await link(join(root, 'a'), join(root, 'd/same'));
    await writeFile(join(root, 'd/b'), '123');
    await truncate(join(root, 'd/b'), 1_000);
    await symlink('/etc', join(root, 'd/link'));
    expect(await countTree(root)).toEqual({ bytes: 1_005, entries: 5 });
    expect(await countTree(join(root, 'd'))).toEqual({ bytes: 1_005, entries: 3 });
    expect(await countTree(join(root, 'none'))).toEqual({ bytes: 0, entries: 0 });
    await expect(countTree('a'.repeat(300))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });

  it.each([63, 64, 65, 200])('of %i names in one directory', async (count) => {
    await Promise.all(Array.from({ length: count }, (_, at) => writeFile(join(root, `f${at}`), 'x')));
    expect(await countTree(root)).toEqual({ bytes: count, entries: count });
  });
});

describe('the usage of a directory', () => {
  it('is shared by all sessions', () => {
    const usages = new DirectoryUsages({
      nowMs: () => 0,
      monotonicMs: () => 0,
      sleep: () => Promise.resolve(),
    });
    expect(usages.of('/a')).toBe(usages.of('/a'));
    expect(usages.of('/a')).not.toBe(usages.of('/b'));
  });
});

describe('the writes to one file', () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('wait for earlier ones to the same bytes, and for no others', async () => {
    const order = new WriteOrder();
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const write = (name: string, from: number, to: number) =>
      order.run({ from, to }, () => {
        begun.push(name);
        return new Promise((resolve) => ends.set(name, resolve));
      });
    const all = [write('a', 0, 10), write('b', 10, 20), write('c', 5, 15), write('d', 20, 30)];
    await turn();
    expect(begun).toEqual(['a', 'b', 'd']);
    ends.get('a')?.();
    await turn();
    expect(begun).toHaveLength(3);
    ends.get('b')?.();
    await turn();
    expect(begun).toEqual(['a', 'b', 'd', 'c']);
    const last = order.run(everything, async () => void begun.push('last'));
    ends.get('c')?.();
    await turn();
    expect(begun).toHaveLength(4);
    ends.get('d')?.();
    await Promise.all([...all, last]);
    expect(begun.at(-1)).toBe('last');
  });

  it('continue after one that failed', async () => {
    const order = new WriteOrder();
    const failed = order.run({ from: 0, to: 1 }, async () => {
      throw new Error('broken');
    });
    let isWritten = false;
    const next = order.run({ from: 0, to: 1 }, async () => {
      isWritten = true;
    });
    await expect(failed).rejects.toThrow('broken');
    await next;
    expect(isWritten).toBe(true);
  });
});

describe('the attributes of a name on disk', () => {
  const stats = (type: 'file' | 'directory' | 'link' | 'pipe') =>
    ({
      isFile: () => type === 'file',
      isDirectory: () => type === 'directory',
      isSymbolicLink: () => type === 'link',
      size: 5,
      mode: 0o100_755,
      mtimeMs: 12_999,
      atimeMs: 13_001,
    }) as never;

  it('have its type, the permitted bits of its mode, and whole seconds', () => {
    expect(attributesOf(stats('file'), 0o555)).toEqual({
      type: 'file',
      size: 5,
      mode: 0o555,
      mtimeSeconds: 12,
      atimeSeconds: 13,
    });
    expect(attributesOf(stats('directory'), 0o777)).toMatchObject({ type: 'directory', mode: 0o755 });
    expect(attributesOf(stats('link'), 0o777)?.type).toBe('symlink');
    expect(attributesOf(stats('pipe'), 0o777)).toBeNull();
  });
});
