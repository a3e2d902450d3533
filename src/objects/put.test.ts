import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import { call, refOf } from '../vault/testing/vault-world.js';
import { putFile, putStream } from './put.js';
import { putTree } from './put-tree.js';
import { removeCurrentObject, removeTree, removeVersion } from './remove.js';
import { statObject } from './status.js';
import {
  annKey,
  bobKey,
  foreignKey,
  ObjectWorld,
  ownerOf,
  RecordedOutcomes,
  sealed,
} from './testing/object-world.js';

let world: ObjectWorld;
beforeEach(async () => {
  world = await ObjectWorld.open();
});
afterEach(() => world[Symbol.asyncDispose]());

const silent = { begin: () => undefined, took: () => undefined };

function put(content: string, key: string, choice = world.choice()) {
  writeFileSync(world.path('file'), content);
  utimesSync(world.path('file'), 1_600_000_000, 1_600_000_000);
  return putFile(world.services, call(), world.path('file'), refOf(key), choice, silent);
}

describe('a file', () => {
  it('is stored with the encryption of the location’s owner and with its own time', async () => {
    expect(await put('content', 'bob/uploads/a')).toBe('stored');
    expect(world.store.encryptionOf(refOf('bob/uploads/a'))).toEqual(sealed(bobKey));
    expect(world.store.infoOf(refOf('bob/uploads/a'))?.metadata).toEqual({ mtime: '1600000000' });
    const [row] = await world.ledger.candidates(refOf('bob/uploads/a'));
    expect(row).toMatchObject({ state: 'confirmed', actor: 'object put' });
    await put('content', 'kim/uploads/a');
    expect(world.store.encryptionOf(refOf('kim/uploads/a'))).toEqual({ kind: 'sse-s3' });
  });

  it('is refused if nothing determines its encryption, because there is no default', async () => {
    await expect(put('content', 'elsewhere/a')).rejects.toThrow(
      /no setting determines the encryption of .*elsewhere\/a.*add --sse/,
    );
    await expect(put('content', 'bob/a')).rejects.toMatchObject({ kind: 'invalid' });
    expect(world.store.objects.size).toBe(0);
    await put('content', 'elsewhere/a', world.choice({ given: sealed(annKey) }));
    expect(world.store.encryptionOf(refOf('elsewhere/a'))).toEqual(sealed(annKey));
  });

  it('is not stored with weaker encryption than its location has, unless a downgrade is allowed', async () => {
    const given = { kind: 'sse-s3' } as const;
    await expect(put('x', 'bob/uploads/a', world.choice({ given }))).rejects.toThrow(
      /weaker than a customer key \(SSE-C\), the encryption of the uploads of bob/,
    );
    await put('x', 'bob/uploads/a', world.choice({ given, allowDowngrade: true }));
    expect(world.store.encryptionOf(refOf('bob/uploads/a'))).toEqual(given);
  });

  it('needs --sse in a location that two users with different encryption share', async () => {
    const owners = [...world.services.owners, ownerOf('eve', 'bob/uploads/', sealed(annKey))];
    Object.assign(world.services, { owners });
    await expect(put('x', 'bob/uploads/a')).rejects.toThrow(/the uploads of bob and the uploads of eve/);
    Object.assign(world.services, {
      owners: [...owners.slice(0, -1), ownerOf('eve', 'bob/uploads/', sealed(bobKey))],
    });
    expect(await put('x', 'bob/uploads/a')).toBe('stored');
    Object.assign(world.services, {
      owners: [...owners, ownerOf('max', 'bob/uploads/max/', sealed(annKey))],
    });
    await put('x', 'bob/uploads/max/a');
    expect(world.store.encryptionOf(refOf('bob/uploads/max/a'))).toEqual(sealed(annKey));
  });

  it('is not sent again if it is stored already with the same content and encryption', async () => {
    await put('content', 'bob/uploads/a');
    world.store.counts.clear();
    expect(await put('content', 'bob/uploads/a')).toBe('unchanged');
    expect(world.store.count('put')).toBe(0);
    expect(await put('c0ntent', 'bob/uploads/a')).toBe('stored');
    await world.putForeign('bob/uploads/a', 'c0ntent', sealed(annKey));
    expect(await put('c0ntent', 'bob/uploads/a')).toBe('stored');
    await world.putForeign('bob/uploads/a', 'c0ntent', sealed(foreignKey));
    expect(await put('c0ntent', 'bob/uploads/a')).toBe('stored');
    expect(world.store.encryptionOf(refOf('bob/uploads/a'))).toEqual(sealed(bobKey));
  });

  it('is not stored if it changes while it is read', async () => {
    writeFileSync(world.path('file'), 'x'.repeat(3_000_000));
    const grow = {
      begin: () => undefined,
      took: () => writeFileSync(world.path('file'), 'other', { flag: 'a' }),
    };
    const stored = putFile(
      world.services,
      call(),
      world.path('file'),
      refOf('bob/uploads/a'),
      world.choice(),
      grow,
    );
    await expect(stored).rejects.toThrow(/changed while it was read/);
    expect(world.textOf('bob/uploads/a')).toBeNull();
  });

  it('can be a stream, which appears only at its end', async () => {
    async function* bytes() {
      yield Buffer.from('one ');
      expect(world.textOf('bob/uploads/a')).toBeNull();
      yield Buffer.from('two');
    }
    await putStream(world.services, call(), bytes(), refOf('bob/uploads/a'), world.choice(), silent);
    expect(world.textOf('bob/uploads/a')).toBe('one two');
    async function* broken() {
      yield Buffer.from('half');
      throw new Error('the pipe broke');
    }
    const half = putStream(world.services, call(), broken(), refOf('bob/uploads/b'), world.choice(), silent);
    await expect(half).rejects.toThrow('the pipe broke');
    expect(world.textOf('bob/uploads/b')).toBeNull();
  });

  it('is not stored among the gateway’s own files', async () => {
    const given = { kind: 'sse-s3' } as const;
    await expect(put('x', '.sftpgw/a', world.choice({ given }))).rejects.toMatchObject({ kind: 'denied' });
    await put('x', '.sftpgw/a', world.choice({ given, gatewayFiles: true }));
    expect(world.textOf('.sftpgw/a')).toBe('x');
  });
});

describe('a directory', () => {
  it('is stored with all its files, and reports links without following them', async () => {
    mkdirSync(world.path('tree/sub/empty'), { recursive: true });
    writeFileSync(world.path('tree/a'), 'one');
    writeFileSync(world.path('tree/sub/b'), 'two');
    symlinkSync('/etc/hostname', world.path('tree/link'));
    const heard = new RecordedOutcomes();
    await putTree(world.services, call(), world.path('tree'), refOf('bob/uploads/t'), world.choice(), heard);
    expect(heard.failures).toEqual({ [world.path('tree/link')]: 'unsupported' });
    expect([...world.store.objects.keys()].sort()).toEqual([
      'bucket/bob/uploads/t/a',
      'bucket/bob/uploads/t/sub/b',
    ]);
    expect(world.textOf('bob/uploads/t/sub/b')).toBe('two');
    const again = new RecordedOutcomes();
    await putTree(world.services, call(), world.path('tree'), refOf('bob/uploads/t/'), world.choice(), again);
    expect(again.kinds).toEqual({ unchanged: 2, failed: 1 });
  });
});

describe('a removal', () => {
  it('removes one object without its key, and records that in the ledger', async () => {
    await world.upload('bob/uploads/a', 'x', sealed(bobKey));
    await world.putForeign('strange', 'x', sealed(foreignKey));
    await removeCurrentObject(world.services, call(), refOf('bob/uploads/a'), false);
    await removeCurrentObject(world.services, call(), refOf('strange'), false);
    expect(world.store.objects.size).toBe(0);
    expect(await world.ledger.candidates(refOf('bob/uploads/a'))).toEqual([]);
    await expect(
      removeCurrentObject(world.services, call(), refOf('bob/uploads/a'), false),
    ).rejects.toMatchObject({
      kind: 'not-found',
    });
  });

  it('of a tree removes all objects below it except the gateway’s own', async () => {
    for (const key of ['a/1', 'a/b/2', 'ab', '.sftpgw/keyring/k']) {
      await world.putForeign(key, 'x', { kind: 'sse-s3' });
    }
    const heard = new RecordedOutcomes();
    await removeTree(world.services, call(), refOf('a'), false, heard);
    expect(heard.kinds).toEqual({ done: 2 });
    expect([...world.store.objects.keys()]).toEqual(['bucket/ab', 'bucket/.sftpgw/keyring/k']);
    const rest = new RecordedOutcomes();
    await removeTree(world.services, call(), refOf(''), false, rest);
    expect(rest.failures).toEqual({ 's3://bucket/.sftpgw/keyring/k': 'denied' });
    await removeTree(world.services, call(), refOf(''), true, rest);
    expect(world.store.objects.size).toBe(0);
  });

  it('of a version removes only that version, and records that it no longer needs its key', async () => {
    await world[Symbol.asyncDispose]();
    world = await ObjectWorld.open({ versioned: true });
    await world.upload('a', 'one', sealed(bobKey));
    await world.upload('a', 'two', sealed(annKey));
    const { versions } = await statObject(world.services, call(), refOf('a'));
    const id = versions[1]?.version?.id ?? '';
    await removeVersion(world.services, call(), refOf('a'), id, false);
    expect(world.textOf('a')).toBe('two');
    const live = await world.versions.liveRowsOf(refOf('a'));
    expect(live.map(({ sealedWith }) => sealedWith)).toMatchObject([{ fingerprint: annKey.fingerprint }]);
    await expect(removeVersion(world.services, call(), refOf('a'), id, false)).rejects.toMatchObject({
      kind: 'not-found',
    });
  });
});

describe('the status', () => {
  it('of an object shows its writer, key and checksum', async () => {
    await put('content', 'bob/uploads/a');
    const status = await statObject(world.services, call(), refOf('bob/uploads/a'));
    expect(status).toMatchObject({
      size: 7,
      mtimeSeconds: 1_600_000_000,
      isRemoved: false,
      encryption: { kind: 'sse-c', keyId: bobKey.fingerprint },
      writer: { actor: 'object put' },
      unsettledWrites: [],
    });
    expect(status.checksum).not.toBeNull();
    expect(status.versions).toHaveLength(1);
  });

  it('of an object that no key opens shows that, and what a listing shows', async () => {
    await world.putForeign('a', 'content', sealed(foreignKey));
    const status = await statObject(world.services, call(), refOf('a'));
    expect(status).toMatchObject({
      size: 7,
      info: null,
      writer: null,
      encryption: { kind: 'sse-c-unknown-key' },
    });
    await expect(statObject(world.services, call(), refOf('absent'))).rejects.toMatchObject({
      kind: 'not-found',
    });
  });

  it('works without the permission to list versions', async () => {
    await put('content', 'bob/uploads/a');
    world.store.hooks.before = (operation) => {
      if (operation === 'listVersions') throw new Fault('denied', 'no s3:ListBucketVersions');
    };
    const status = await statObject(world.services, call(), refOf('bob/uploads/a'));
    expect(status).toMatchObject({ size: 7, encryption: { keyId: bobKey.fingerprint } });
  });

  it('of a removed object shows its versions', async () => {
    await world[Symbol.asyncDispose]();
    world = await ObjectWorld.open({ versioned: true });
    await world.upload('a', 'one', sealed(bobKey));
    await removeCurrentObject(world.services, call(), refOf('a'), false);
    const status = await statObject(world.services, call(), refOf('a'));
    expect(status.isRemoved).toBe(true);
    expect(status.versions.map(({ kind }) => kind)).toEqual(['delete-marker', 'object']);
  });
});
