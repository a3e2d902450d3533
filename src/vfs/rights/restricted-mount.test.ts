import { describe, expect, it } from 'vitest';
import { isFault } from '../../model/fault.js';
import {
  allRights,
  dropboxRights,
  formatUploadRights,
  readUploadRights,
  type UploadRight,
  type UploadRights,
  uploadRightNames,
  uploadRights,
} from '../../model/users/upload-rights.js';
import type { WriteMode } from '../../model/vfs.js';
import { putMode, type Session, World } from '../testing/world.js';

/** One operation of a client on a bucket with the files `old`, `other` and `d/f`, and the directory `empty`. */
interface Operation {
  readonly name: string;
  /** Returns the content or the names that the client learns, or null. */
  run(bob: Session, world: World): Promise<readonly string[] | null>;
  /** The rights that allow it; `needs` of a combination that is not listed is impossible. */
  readonly needs: readonly UploadRight[];
}

const yesNo = [false, true];

/** All flags of SSH_FXP_OPEN with which a file is opened for writing, on a file that exists and on a new one. */
function opens(): readonly Operation[] {
  const found: Operation[] = [];
  for (const path of ['old', 'new'])
    for (const create of yesNo)
      for (const exclusive of yesNo)
        for (const truncate of yesNo)
          for (const append of yesNo)
            for (const read of yesNo) {
              const mode: WriteMode = { create, exclusive, truncate, append, read, attributes: {} };
              // These fail with any rights: an exclusive open of a file, and no CREATE for a new one.
              if (path === 'old' ? exclusive : !create) continue;
              const flags = Object.entries(mode).flatMap(([flag, isSet]) => (isSet === true ? [flag] : []));
              const reads = read && !truncate && !exclusive;
              found.push({
                name: `open ${path} with ${flags.join(' ') || 'no flag'}`,
                needs: [path === 'old' ? 'overwrite' : 'create', ...(reads ? (['read'] as const) : [])],
                run: async (bob, world) => {
                  await using handle = await bob.tree.openWrite(world.call, `/uploads/${path}`, mode);
                  const views = read ? await handle.read(world.call, 0, 100) : null;
                  const learned = views === null ? null : [Buffer.concat(views).toString()];
                  await handle.write(world.call, 0, [Buffer.from('another content')]);
                  await handle.commit(world.call);
                  return learned;
                },
              });
            }
  return found;
}

const nothing = async (done: Promise<unknown>): Promise<null> => {
  await done;
  return null;
};

const operations: readonly Operation[] = [
  ...opens(),
  { name: 'list', needs: ['list'], run: (bob) => bob.list('/uploads') },
  { name: 'list below', needs: ['list'], run: (bob) => bob.list('/uploads/d') },
  {
    name: 'stat',
    needs: ['list'],
    run: async (bob) => {
      const found = await bob.stat('/uploads/old');
      return found === null ? null : ['old'];
    },
  },
  { name: 'read', needs: ['read'], run: async (bob) => [await bob.read('/uploads/old')] },
  { name: 'mkdir', needs: ['create'], run: (bob) => nothing(bob.mkdir('/uploads/made')) },
  { name: 'remove', needs: ['remove'], run: (bob) => nothing(bob.remove('/uploads/old')) },
  { name: 'rmdir', needs: ['remove'], run: (bob) => nothing(bob.rmdir('/uploads/empty')) },
  { name: 'rename', needs: ['rename'], run: (bob) => nothing(bob.rename('/uploads/old', '/uploads/new')) },
  {
    name: 'posix-rename',
    needs: ['rename'],
    run: (bob) => nothing(bob.rename('/uploads/old', '/uploads/new', true)),
  },
  {
    name: 'posix-rename over a file',
    needs: ['rename', 'overwrite'],
    run: (bob) => nothing(bob.rename('/uploads/old', '/uploads/other', true)),
  },
  {
    name: 'rename of a directory',
    needs: ['rename'],
    run: (bob) => nothing(bob.rename('/uploads/d', '/uploads/e')),
  },
  {
    name: 'setstat with a time',
    needs: ['overwrite'],
    run: (bob, world) => nothing(bob.tree.setAttributes(world.call, '/uploads/old', { mtimeSeconds: 7 })),
  },
];

/** The 64 combinations. */
const combinations: readonly UploadRights[] = Array.from(
  { length: 2 ** uploadRightNames.length },
  (_, bits) => uploadRights(uploadRightNames.filter((_right, index) => (bits >> index) % 2 === 1)),
);

async function worldWith(rights: UploadRights): Promise<World> {
  const world = await World.make();
  world.change({ uploadRights: allRights });
  const admin = await world.login();
  await admin.write('/uploads/old', 'old content');
  await admin.write('/uploads/other', 'other content');
  await admin.mkdir('/uploads/empty');
  await admin.mkdir('/uploads/d');
  await admin.write('/uploads/d/f', 'below');
  world.change({ uploadRights: rights });
  return world;
}

/** Returns key -> ETag, content and time of every object. */
async function stateOf(world: World): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const [key, { etag, bytes }] of world.s3.objects) {
    const described = await world.vault.describe(world.call, { bucket: 'bucket', key }, world.keys);
    found.set(key, `${etag} ${Buffer.from(bytes)} ${described?.mtimeSeconds}`);
  }
  return found;
}

describe.each(operations)('$name', ({ run, needs }) => {
  it('is allowed with its rights, and otherwise changes and shows nothing', async () => {
    for (const rights of combinations) {
      await using world = await worldWith(rights);
      const bob = await world.login();
      const before = await stateOf(world);
      const isAllowed = needs.every((right) => rights[right]);
      const learned = await run(bob, world).catch((error: unknown) => {
        if (isFault(error, 'denied', 'exists')) return error;
        throw error;
      });
      const shown = formatUploadRights(rights);
      if (isAllowed) expect(learned, shown).not.toBeInstanceOf(Error);
      else {
        expect(await stateOf(world), shown).toEqual(before);
        expect(learned === null || learned instanceof Error, shown).toBe(true);
      }
      expect([world.vault.openWriters, world.vault.openReaders], shown).toEqual([0, 0]);
    }
  });
});

const half = async (bob: Session, world: World, path: string): Promise<void> => {
  await using handle = await bob.tree.openWrite(world.call, path, putMode);
  await handle.write(world.call, 0, [Buffer.from('0123456789')]);
};
const createOnly = uploadRights(['list', 'create']);
const denied = (right: string) => ({ kind: 'denied', hint: expect.stringContaining(`no right to ${right}`) });

describe('without the right to overwrite', () => {
  it('a user resumes an interrupted upload, and uploads it again from the start', async () => {
    await using world = await worldWith(createOnly);
    const bob = await world.login();
    await half(bob, world, '/uploads/new');
    expect(await bob.stat('/uploads/new')).toMatchObject({ size: 8 });
    {
      await using resumed = await bob.tree.openWrite(world.call, '/uploads/new', {
        ...putMode,
        truncate: false,
      });
      await resumed.write(world.call, 8, [Buffer.from('89')]);
      await resumed.commit(world.call);
    }
    expect(world.keysInS3()).toContain('new');
    await half(bob, world, '/uploads/again');
    await bob.write('/uploads/again', 'whole');
    await expect(bob.write('/uploads/again', 'twice')).rejects.toMatchObject(denied('overwrite'));
  });

  it('a user sets the times of directories, and of a file that the session has stored', async () => {
    await using world = await worldWith(createOnly);
    const bob = await world.login();
    await bob.write('/uploads/new', 'x');
    await bob.tree.setAttributes(world.call, '/uploads/new', { mtimeSeconds: 9, mode: 0o600 });
    expect(await bob.stat('/uploads/new')).toMatchObject({ mtimeSeconds: 9 });
    await bob.tree.setAttributes(world.call, '/uploads/d', { mtimeSeconds: 9 });
    await bob.tree.setAttributes(world.call, '/uploads', { mtimeSeconds: 9 });
    await bob.tree.setAttributes(world.call, '/uploads/old', { mode: 0o600 });
    const other = await world.login();
    await expect(
      other.tree.setAttributes(world.call, '/uploads/new', { mtimeSeconds: 1 }),
    ).rejects.toMatchObject(denied('overwrite'));
  });

  it('a file that appeared during the upload is kept', async () => {
    await using world = await worldWith(createOnly);
    const bob = await world.login();
    await using handle = await bob.tree.openWrite(world.call, '/uploads/new', putMode);
    await handle.write(world.call, 0, [Buffer.from('0123456789')]);
    await (await world.login()).write('/uploads/new', 'first');
    await expect(handle.commit(world.call)).rejects.toMatchObject(denied('overwrite'));
    await handle[Symbol.asyncDispose]();
    expect(await world.vault.parked()).toEqual([]);
    expect(Buffer.from(world.s3.objects.get('bob/uploads/new')?.bytes ?? []).toString()).toBe('first');
  });
});

describe('without the right to create', () => {
  it('a user replaces a file, but not one that was removed meanwhile', async () => {
    await using world = await worldWith(uploadRights(['overwrite']));
    const bob = await world.login();
    await bob.write('/uploads/old', 'replaced');
    await using handle = await bob.tree.openWrite(world.call, '/uploads/old', putMode);
    world.s3.objects.delete('bob/uploads/old');
    await expect(handle.commit(world.call)).rejects.toMatchObject(denied('create'));
  });

  it('directories show that they cannot be changed or listed', async () => {
    const modeWith = async (...rights: UploadRight[]) => {
      await using world = await worldWith(uploadRights(rights));
      const bob = await world.login();
      return [(await bob.stat('/uploads'))?.mode, (await bob.stat('/uploads/d'))?.mode];
    };
    expect(await modeWith('list', 'read')).toEqual([0o555, 0o555]);
    expect(await modeWith()).toEqual([0o111, 0o111]);
    expect(await modeWith('create')).toEqual([0o333, 0o333]);
    expect(await modeWith('list', 'remove')).toEqual([0o755, 0o755]);
  });
});

describe('the text of rights', () => {
  it('has names for some combinations, and reads back as the same rights', () => {
    expect(formatUploadRights(allRights)).toBe('all');
    expect(formatUploadRights(dropboxRights)).toBe('dropbox');
    for (const rights of combinations) expect(readUploadRights(formatUploadRights(rights))).toEqual(rights);
    expect(readUploadRights('remove, list')).toEqual(uploadRights(['list', 'remove']));
  });

  it.each(['', 'write', 'list,', 'all,list', 'List', 'list create', '__proto__'])('is not %j', (text) => {
    expect(readUploadRights(text)).toBeNull();
  });
});

describe('the whole bucket as /uploads', () => {
  it('shows every object except those of the gateway, which cannot be touched', async () => {
    await using world = await World.make();
    world.change({ uploadPrefix: '' });
    world.s3.put('.sftpgw/probe-1', 'of the gateway');
    world.s3.put('.sftpgwx', 'of the user');
    world.s3.put('d/f', 'of the user');
    const before = new Map(world.s3.objects);
    const bob = await world.login();
    expect(await bob.list('/uploads')).toEqual(['.sftpgwx', 'd/']);
    expect(await bob.read('/uploads/d/f')).toBe('of the user');
    for (const path of ['/uploads/.sftpgw', '/uploads/.sftpgw/probe-1', '/uploads/.sftpgw/new']) {
      expect(await bob.stat(path)).toBeNull();
      expect(await bob.lstat(path)).toBeNull();
      for (const attempt of [
        bob.list(path),
        bob.read(path),
        bob.remove(path),
        bob.rmdir(path),
        bob.rename(path, '/uploads/mine'),
        bob.tree.setAttributes(world.call, path, { mtimeSeconds: 1 }),
      ])
        await expect(attempt).rejects.toMatchObject({ kind: 'not-found' });
      for (const attempt of [
        bob.write(path, 'x'),
        bob.mkdir(path),
        bob.rename('/uploads/d', path, true),
        bob.rename('/uploads/.sftpgwx', path, true),
      ])
        await expect(attempt).rejects.toMatchObject({ kind: 'denied' });
    }
    expect(world.s3.objects).toEqual(before);
    await bob.write('/uploads/new', 'x');
    await bob.rename('/uploads/d', '/uploads/e');
    expect([...world.s3.objects.keys()].sort()).toEqual(['.sftpgw/probe-1', '.sftpgwx', 'e/f', 'new']);
  });
});
