import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checksumOf } from '../bytes/running-checksum.js';
import { Fault } from '../model/fault.js';
import { call, refOf } from '../vault/testing/vault-world.js';
import { getObjectToFile, streamObject } from './get.js';
import { getTree } from './get-tree.js';
import { annKey, bobKey, foreignKey, ObjectWorld, RecordedOutcomes, sealed } from './testing/object-world.js';

let world: ObjectWorld;
beforeEach(async () => {
  world = await ObjectWorld.open();
});
afterEach(() => world[Symbol.asyncDispose]());

const silent = { begin: () => undefined, took: () => undefined };

function get(key: string, name: string, mayReplace = false) {
  const file = { path: world.path(name), mayReplace };
  return getObjectToFile(world.services, call(), refOf(key), { size: null, row: null }, file, silent);
}

const leftovers = () => readdirSync(world.directory).filter((name) => name.startsWith('.sftpgw-'));

describe('an object in a file', () => {
  it('has the object’s content and time, whichever key encrypts it', async () => {
    await world.upload('bob/uploads/a', 'content', sealed(bobKey));
    await world.putForeign('b', 'another', sealed(annKey));
    await world.putForeign('empty', '', { kind: 'sse-s3' });
    expect(await get('bob/uploads/a', 'a')).toBe('fetched');
    await get('b', 'b');
    await get('empty', 'empty');
    expect(readFileSync(world.path('a'), 'utf8')).toBe('content');
    expect(statSync(world.path('a')).mtimeMs).toBe(1_700_000_000_000);
    expect(readFileSync(world.path('b'), 'utf8')).toBe('another');
    expect(readFileSync(world.path('empty'), 'utf8')).toBe('');
    expect(leftovers()).toEqual([]);
  });

  it('is the same when it is fetched in many ranges', async () => {
    const text = 'abcdefghij'.repeat(2_000_000);
    await world.putForeign('large', text, sealed(annKey));
    let taken = 0;
    const file = { path: world.path('large'), mayReplace: false };
    const progress = {
      begin: () => undefined,
      took: (bytes: number) => {
        taken += bytes;
      },
    };
    await getObjectToFile(world.services, call(), refOf('large'), { size: null, row: null }, file, progress);
    expect(readFileSync(world.path('large'), 'utf8') === text).toBe(true);
    expect(taken).toBe(text.length);
  });

  it('does not replace another file unless allowed, and keeps a file with the same content', async () => {
    await world.upload('a', 'content', sealed(bobKey));
    writeFileSync(world.path('a'), 'mine');
    await expect(get('a', 'a')).rejects.toMatchObject({ kind: 'exists' });
    expect(readFileSync(world.path('a'), 'utf8')).toBe('mine');
    expect(await get('a', 'a', true)).toBe('fetched');
    const { ino } = statSync(world.path('a'));
    expect(await get('a', 'a', true)).toBe('unchanged');
    expect(await get('a', 'a')).toBe('unchanged');
    expect(statSync(world.path('a')).ino).toBe(ino);
  });

  it('does not replace a file created during the transfer', async () => {
    await world.upload('a', 'content', sealed(bobKey));
    world.store.hooks.beforeBytes = () => writeFileSync(world.path('a'), 'mine');
    await expect(get('a', 'a')).rejects.toMatchObject({ kind: 'exists' });
    expect(readFileSync(world.path('a'), 'utf8')).toBe('mine');
    expect(leftovers()).toEqual([]);
  });

  it('does not appear if it differs from the ledger’s checksum', async () => {
    await world.upload('a', 'content', sealed(bobKey));
    const [stored] = world.store.objects.get('bucket/a') ?? [];
    if (stored === undefined) throw new Error('the object does not exist');
    const damaged = { ...stored, bytes: Buffer.from('c0ntent'), info: { ...stored.info, checksum: null } };
    world.store.objects.set('bucket/a', [damaged]);
    await expect(get('a', 'a')).rejects.toMatchObject({ kind: 'corrupt' });
    expect(existsSync(world.path('a'))).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  it('does not appear if it differs from an older CRC-32 in the ledger', async () => {
    await world.upload('a', 'content', sealed(bobKey));
    const [stored] = world.store.objects.get('bucket/a') ?? [];
    const [row] = await world.ledger.candidates(refOf('a'));
    if (stored === undefined || row === undefined || row.confirmation === null) throw new Error('no row');
    const checksum = checksumOf('crc32', Buffer.from('content'));
    const id = await world.ledger.intend(row);
    await world.ledger.confirm(id, { ...row.confirmation, checksum });
    const keepsNone = { ...stored, info: { ...stored.info, checksum: null } };
    world.store.objects.set('bucket/a', [keepsNone]);
    expect(await get('a', 'a')).toBe('fetched');
    world.store.objects.set('bucket/a', [{ ...keepsNone, bytes: Buffer.from('c0ntent') }]);
    await expect(get('a', 'b')).rejects.toMatchObject({ kind: 'corrupt' });
  });

  it('leaves nothing after a permanent failure', async () => {
    await world.upload('a', 'content', sealed(bobKey));
    world.store.hooks.beforeBytes = () => {
      throw new Fault('denied', 'not any more');
    };
    await expect(get('a', 'a')).rejects.toMatchObject({ kind: 'denied' });
    expect(readdirSync(world.directory).filter((name) => name !== 'scratch')).toEqual([]);
  });

  it('can be streamed in order instead', async () => {
    const text = 'abcdefghij'.repeat(100_000);
    await world.upload('a', text, sealed(bobKey));
    const pieces: Uint8Array[] = [];
    const take = async (bytes: Uint8Array) => void pieces.push(Uint8Array.from(bytes));
    await streamObject(world.services, call(), refOf('a'), take);
    expect(Buffer.concat(pieces).toString() === text).toBe(true);
    await expect(streamObject(world.services, call(), refOf('absent'), take)).rejects.toMatchObject({
      kind: 'not-found',
    });
  });
});

describe('a tree in a directory', () => {
  const all = async (mayReplace = false): Promise<RecordedOutcomes> => {
    const heard = new RecordedOutcomes();
    const to = { directory: world.path('tree'), mayReplace };
    await getTree(world.services, call(), refOf('bob/uploads'), to, heard);
    return heard;
  };

  it('is fetched with all its keys, and unchanged files stay', async () => {
    await world.upload('bob/uploads/a', 'one', sealed(bobKey));
    await world.upload('bob/uploads/d/b', 'two', sealed(annKey));
    await world.upload('bob/uploads/empty/', '', sealed(bobKey));
    await world.putForeign('bob/uploads/s', 'three', { kind: 'sse-s3' });
    await world.putForeign('bob/uploads/strange', 'x', sealed(foreignKey));
    const heard = await all();
    expect(heard.failures).toEqual({ 's3://bucket/bob/uploads/strange': 'key-mismatch' });
    expect(readFileSync(world.path('tree/d/b'), 'utf8')).toBe('two');
    expect(readFileSync(world.path('tree/s'), 'utf8')).toBe('three');
    expect(statSync(world.path('tree/empty')).isDirectory()).toBe(true);
    expect(heard.bytes).toBe(11);
    expect((await all()).kinds).toEqual({ done: 1, unchanged: 3, failed: 1 });
  });

  it('refuses and reports names that would leave the directory', async () => {
    const bad = ['../up', 'a/../../up', './dot', 'a//b', '/abs', 'con\u0000trol', `${'n'.repeat(256)}`];
    for (const name of bad) await world.putForeign(`bob/uploads/${name}`, 'x', { kind: 'sse-s3' });
    await world.putForeign('bob/uploads/fine', 'x', { kind: 'sse-s3' });
    const heard = await all();
    expect(Object.values(heard.failures)).toEqual(bad.map(() => 'invalid'));
    expect(Object.keys(heard.failures).sort()).toEqual(
      bad.map((name) => `s3://bucket/bob/uploads/${name}`).sort(),
    );
    expect(readdirSync(world.path('tree'))).toEqual(['fine']);
    expect(existsSync(world.path('up'))).toBe(false);
  });

  it('does not follow a link out of the directory', async () => {
    mkdirSync(world.path('outside'));
    mkdirSync(world.path('tree'));
    symlinkSync(world.path('outside'), world.path('tree/d'));
    symlinkSync(world.path('outside/target'), world.path('tree/f'));
    await world.putForeign('bob/uploads/d/b', 'x', { kind: 'sse-s3' });
    await world.putForeign('bob/uploads/f', 'x', { kind: 'sse-s3' });
    expect((await all(true)).failures).toEqual({ 's3://bucket/bob/uploads/d/b': 'conflict' });
    expect(readdirSync(world.path('outside'))).toEqual([]);
    expect(readFileSync(world.path('tree/f'), 'utf8')).toBe('x');
  });
});
