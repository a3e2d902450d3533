import { mkdir, readdir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { putMode, type Session, World } from '../testing/world.js';
import { Located } from './root.js';

let world: World;
let bob: Session;

/** Every operation of a client on a path. None may succeed. */
const attempts: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  stat: (path) => bob.stat(path),
  list: (path) => bob.list(path),
  read: (path) => bob.read(path),
  write: (path) => bob.write(path, 'overwritten'),
  exclusive: (path) => bob.write(path, 'overwritten', { ...putMode, exclusive: true }),
  append: (path) => bob.write(path, 'overwritten', { ...putMode, truncate: false, append: true }),
  truncate: (path) => bob.tree.setAttributes(world.call, path, { size: 0 }),
  mode: (path) => bob.tree.setAttributes(world.call, path, { mode: 0o777 }),
  mkdir: (path) => bob.mkdir(path),
  rmdir: (path) => bob.rmdir(path),
  remove: (path) => bob.remove(path),
  'rename from': (path) => bob.rename(path, '/local/taken', true),
  'rename to': (path) => bob.rename('/local/mine', path, true),
  statistics: (path) => bob.tree.statistics(world.call, path),
  readlink: (path) => bob.tree.readLink(world.call, path),
  symlink: (path) => bob.tree.makeSymlink(world.call, path, '/local/mine'),
};

beforeEach(async () => {
  world = await World.make();
  bob = await world.login();
  await bob.write('/local/mine', 'mine');
  await mkdir(`${world.directory}/outside/empty`, { recursive: true });
  await writeFile(`${world.directory}/outside/secret`, 'secret');
});
afterEach(async () => {
  expect(await readFile(`${world.directory}/outside/secret`, 'utf8')).toBe('secret');
  expect((await readdir(`${world.directory}/outside`)).sort()).toEqual(['empty', 'secret']);
  expect(await readdir(`${world.directory}/outside/empty`)).toEqual([]);
  await world[Symbol.asyncDispose]();
});

describe('links to the outside that another program put on disk', () => {
  const targets: Readonly<Record<string, (outside: string) => string>> = {
    'an absolute link to the directory': (outside) => outside,
    'a relative link to the directory': () => '../outside',
    'a link that goes up and returns by name': () => '../local/../outside',
    'a link to the file system’s root': () => '/',
    'a link far above the root': () => '../../../../../../../../../../../../..',
  };

  for (const [what, target] of Object.entries(targets)) {
    it.each(Object.keys(attempts))(`${what}: %s is denied`, async (attempt) => {
      const outside = `${world.directory}/outside`;
      await symlink(target(outside), `${world.directory}/local/l`);
      const below = target(outside).includes('outside') ? '' : outside;
      for (const name of ['/secret', '/empty', '/new', '/empty/new'])
        await expect(attempts[attempt]?.(`/local/l${below}${name}`)).rejects.toMatchObject({
          kind: 'denied',
        });
    });
  }

  it.each(['stat', 'read', 'write', 'append', 'truncate', 'mode', 'statistics'])(
    'a link to the file itself: %s is denied',
    async (attempt) => {
      await symlink(`${world.directory}/outside/secret`, `${world.directory}/local/l`);
      await expect(attempts[attempt]?.('/local/l')).rejects.toMatchObject({ kind: 'denied' });
    },
  );

  it('leaves no unhandled rejection, which would end the gateway, however slowly the disk closes', async () => {
    await symlink(`${world.directory}/outside`, `${world.directory}/local/l`);
    let isUntaken = false;
    const note = () => {
      isUntaken = true;
    };
    const close = Located.prototype[Symbol.asyncDispose];
    Located.prototype[Symbol.asyncDispose] = async function () {
      Located.prototype[Symbol.asyncDispose] = close;
      for (let turn = 0; turn < 5000 && !isUntaken; turn += 1)
        await new Promise((resolve) => setImmediate(resolve));
      await close.call(this);
    };
    process.on('unhandledRejection', note);
    try {
      await expect(attempts['statistics']?.('/local/l/new')).rejects.toMatchObject({ kind: 'denied' });
    } finally {
      process.off('unhandledRejection', note);
      Located.prototype[Symbol.asyncDispose] = close;
    }
    expect(isUntaken).toBe(false);
  });

  it('a link to a missing file outside does not create it', async () => {
    await symlink(`${world.directory}/outside/new`, `${world.directory}/local/l`);
    await expect(bob.write('/local/l', 'x')).rejects.toMatchObject({ kind: 'denied' });
  });

  it('a chain whose last link leads outside is denied', async () => {
    await symlink('b', `${world.directory}/local/a`);
    await symlink('c/../..', `${world.directory}/local/b`);
    await mkdir(`${world.directory}/local/d`);
    await symlink('d', `${world.directory}/local/c`);
    await expect(bob.list('/local/a/outside')).rejects.toMatchObject({ kind: 'denied' });
  });

  it('a root whose name begins like another directory’s is not that directory', async () => {
    await mkdir(`${world.directory}/localized`);
    await symlink(`${world.directory}/localized`, `${world.directory}/local/l`);
    await expect(bob.list('/local/l')).rejects.toMatchObject({ kind: 'denied' });
  });

  it('can be listed as links and removed', async () => {
    await symlink(`${world.directory}/outside`, `${world.directory}/local/l`);
    expect(await bob.list('/local')).toEqual(['l@', 'mine']);
    expect(await bob.lstat('/local/l')).toMatchObject({ type: 'symlink' });
    await expect(bob.tree.readLink(world.call, '/local/l')).rejects.toMatchObject({ kind: 'denied' });
    await bob.remove('/local/l');
  });
});

describe('links that a client tries to create', () => {
  it.each(['/', '/uploads/f', '/etc/passwd', '/local/../outside', '/localized'])(
    'to %s are denied',
    async (target) => {
      await expect(bob.tree.makeSymlink(world.call, '/local/l', target)).rejects.toMatchObject({
        kind: 'denied',
      });
      expect(await bob.list('/local')).toEqual(['mine']);
    },
  );

  it.each(['..', '../outside', 'd/../../outside', './../x'])('relative to %s are denied', async (target) => {
    await bob.mkdir('/local/d');
    await expect(bob.tree.makeSymlink(world.call, '/local/l', target)).rejects.toMatchObject({
      kind: 'denied',
    });
  });

  it('through another link are checked by their real target', async () => {
    await bob.mkdir('/local/d');
    await bob.mkdir('/local/d/e');
    await bob.tree.makeSymlink(world.call, '/local/d/e/top', '/local');
    await expect(
      bob.tree.makeSymlink(world.call, '/local/d/e/l', 'top/../outside/secret'),
    ).rejects.toMatchObject({ kind: 'denied' });
  });

  it('that lead outside after they were moved are denied when followed', async () => {
    await bob.mkdir('/local/d');
    await bob.tree.makeSymlink(world.call, '/local/d/l', '..');
    await bob.rename('/local/d/l', '/local/l');
    await expect(bob.list('/local/l')).rejects.toMatchObject({ kind: 'denied' });
    await expect(bob.read('/local/l/outside/secret')).rejects.toMatchObject({ kind: 'denied' });
  });
});

describe('directories that are replaced by links while the gateway uses them', () => {
  /** Replaces `/local/d` by a link to the outside and back, as fast as possible, until stopped. */
  async function swap(stopped: () => boolean): Promise<void> {
    const local = `${world.directory}/local`;
    while (!stopped()) {
      await rename(`${local}/d`, `${local}/aside`);
      await symlink('../outside', `${local}/d`);
      await unlink(`${local}/d`);
      await rename(`${local}/aside`, `${local}/d`);
    }
  }

  it('never allow a read or write outside', async () => {
    await bob.mkdir('/local/d');
    await writeFile(`${world.directory}/local/d/secret`, 'inside');
    let stop = false;
    const swapping = swap(() => stop);
    const outcomes = new Map<string, number>();
    const contents = ['inside', 'overwritten', ''];
    try {
      // On a busy machine every check may see the same state for a while.
      const isBothSeen = () => outcomes.has('done') && outcomes.size > 1;
      for (let round = 0; round < 150 || (round < 5000 && !isBothSeen()); round += 1) {
        for (const attempt of [
          () => bob.read('/local/d/secret'),
          () => bob.write('/local/d/secret', 'overwritten'),
          () => bob.write('/local/d/new', 'new'),
          () => bob.mkdir(`/local/d/made${round}`),
          () => bob.list('/local/d'),
        ]) {
          const outcome = await attempt().then(
            (value) => {
              if (typeof value === 'string') expect(contents).toContain(value);
              return 'done';
            },
            (error) => String(error.kind),
          );
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
      }
    } finally {
      stop = true;
      await swapping;
      await rm(`${world.directory}/local/d`, { recursive: true });
    }
    const expected = ['done', 'denied', 'not-found', 'conflict'];
    expect([...outcomes].filter(([kind]) => !expected.includes(kind))).toEqual([]);
    expect(outcomes.get('done')).toBeGreaterThan(0);
    expect(outcomes.size).toBeGreaterThan(1);
  });
});
