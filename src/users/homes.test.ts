import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseUsername } from '../model/users.js';
import { archiveHome, homesOf, prepareHome, removedHomeOwner, removedHomesDirectories } from './homes.js';
import { type UserDirectories, type UserPaths, userPaths } from './user-paths.js';

const bob = parseUsername('bob');
const nowMs = Date.UTC(2026, 4, 1, 12, 0, 0, 5);

let root: string;
let directories: UserDirectories;
let paths: UserPaths;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sftpgw-homes-'));
  directories = {
    homes: join(root, 'home'),
    shared: join(root, 'opt/shared'),
    removed: join(root, 'var/removed'),
  };
  paths = userPaths(directories, bob);
});
afterEach(() => rm(root, { recursive: true }));

const prepare = () => prepareHome(paths, directories);
const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe('the link to the shared directory', () => {
  const target = '../../../../opt/shared';

  it('is made once, with the directory that it names, and its mode is not changed later', async () => {
    await prepare();
    expect(await readlink(paths.sharedLink)).toBe(target);
    expect(await modeOf(directories.shared)).toBe(0o700);
    const { ino } = await lstat(paths.sharedLink);
    await rm(directories.shared, { recursive: true });
    await mkdir(directories.shared, { mode: 0o755 });
    await prepare();
    expect((await lstat(paths.sharedLink)).ino).toBe(ino);
    expect(await modeOf(directories.shared)).toBe(0o755);
  });

  it('replaces a link to another place, also behind an interrupted replacement', async () => {
    await mkdir(paths.tree, { recursive: true });
    await symlink('/elsewhere', paths.sharedLink);
    await symlink(target, `${paths.sharedLink}.new-link`);
    await prepare();
    expect(await readlink(paths.sharedLink)).toBe(target);
    expect((await readdir(paths.tree)).sort()).toEqual(['downloads', 'local', 'shared']);
  });

  it('does not replace a file', async () => {
    await mkdir(paths.tree, { recursive: true });
    await writeFile(paths.sharedLink, 'mine');
    await expect(prepare()).rejects.toMatchObject({ kind: 'conflict' });
    expect(await readFile(paths.sharedLink, 'utf8')).toBe('mine');
  });
});

describe('a home that is archived', () => {
  it('keeps its content under a name with the time, which is only for the gateway', async () => {
    await prepare();
    await writeFile(join(paths.local, 'file'), 'content');
    const archived = await archiveHome(paths, directories, nowMs);
    expect(archived).toBe(join(directories.removed, 'bob-20260501T120000005Z'));
    expect(await readFile(join(archived, 'home/bob/local/file'), 'utf8')).toBe('content');
    expect(await modeOf(directories.removed)).toBe(0o700);
    expect(await readdir(directories.homes)).toEqual([]);
  });

  it('gets the next free name, and no earlier one is replaced', async () => {
    const archived: string[] = [];
    for (let time = 1; time <= 3; time += 1) {
      await prepare();
      await writeFile(join(paths.local, 'file'), String(time));
      archived.push(await archiveHome(paths, directories, nowMs));
    }
    const first = join(directories.removed, 'bob-20260501T120000005Z');
    expect(archived).toEqual([first, `${first}-2`, `${first}-3`]);
    for (const [at, path] of archived.entries()) {
      expect(await readFile(join(path, 'home/bob/local/file'), 'utf8')).toBe(String(at + 1));
      expect(removedHomeOwner(path.slice(directories.removed.length + 1))).toBe('bob');
    }
  });

  it('leaves nothing behind if there is no home', async () => {
    await mkdir(directories.homes);
    await expect(archiveHome(paths, directories, nowMs)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(directories.removed)).toEqual([]);
  });
});

describe('the name of a removed home', () => {
  it.each([
    ['bob-20260501T120000005Z', 'bob'],
    ['bob-20260501T120000005Z-12', 'bob'],
    ['a-b.c@d-20260501T120000005Z', 'a-b.c@d'],
    ['bob', null],
    ['-20260501T120000005Z', null],
    ['bob-20260501T120000005Z-', null],
    ['bob-20260501T120000005Z-x', null],
    ['bob-20260501T120000005Zx', null],
    ['bob-2026050T120000005Z', null],
    ['bob-20260501T12000005Z', null],
    ['bob-20260501T120000005Z/..', null],
  ])('%j is of the user %j', (name, owner) => expect(removedHomeOwner(name)).toBe(owner));

  it('is below the directory of removed homes, or beside the homes', () => {
    expect(removedHomesDirectories(directories)).toEqual([
      directories.removed,
      join(directories.homes, '.sftpgw-removed'),
    ]);
  });
});

describe('the homes', () => {
  it('are those with a name that a user may have, in order', async () => {
    expect(await homesOf(directories.homes)).toEqual([]);
    for (const name of ['eve', 'bob', '.sftpgw-removed', 'a b', 'UPPER', 'ann'])
      await mkdir(join(directories.homes, name), { recursive: true });
    const names = await homesOf(directories.homes);
    expect(names.filter((name) => name !== 'UPPER')).toEqual(['ann', 'bob', 'eve']);
  });
});
