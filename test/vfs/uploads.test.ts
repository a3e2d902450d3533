import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemEntropy } from '../../src/assembly/system.js';
import { checksumOf } from '../../src/bytes/running-checksum.js';
import type { Call } from '../../src/model/call.js';
import { noKey, type WriteEncryption } from '../../src/model/encryption.js';
import type { KeyLedger } from '../../src/model/ledger.js';
import type { ObjectStore } from '../../src/model/object-store.js';
import { putMode, type Session, scpMode } from '../../src/vfs/testing/world.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import { listingCacheMs, newKey, UploadTree } from '../support/upload-tree.js';
import { eventually, underLoad } from '../support/wait.js';

let embedded: S3Target | undefined;
let tree: UploadTree;
let store: ObjectStore;
let ledger: KeyLedger;
let call: Call;
let bucket: string;

beforeAll(async () => {
  [embedded] = await s3Targets();
  if (embedded === undefined) throw new Error('there is no embedded S3');
  tree = await UploadTree.open(embedded);
  ({ store, ledger, call, bucket } = tree);
});
afterAll(async () => {
  await tree[Symbol.asyncDispose]();
  await embedded?.close();
});

let bob: Session;
let prefix: string;
beforeEach(async () => {
  prefix = `${systemEntropy.id()}/uploads/`;
  tree.settings = { ...tree.settings, uploadPrefix: prefix };
  tree.keys = [newKey()];
  bob = await tree.login();
});

/** Writes like another client, without a ledger row. */
async function putForeign(name: string, text: string, encryption: WriteEncryption = { kind: 'sse-s3' }) {
  const bytes = Buffer.from(text);
  const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
  const options = { encryption, acl: null, metadata: { mtime: '1234.5' }, contentType: null };
  return store.put(call, { bucket, key: prefix + name }, body, options);
}

async function keysInS3(): Promise<readonly string[]> {
  const { objects } = await store.list(call, { bucket, prefix, delimiter: null });
  return objects.map(({ key }) => key.slice(prefix.length));
}

describe('uploads over a real S3 protocol', () => {
  it('are encrypted with the customer key and read back with it', async () => {
    const [key] = tree.keys;
    if (key === undefined) throw new Error('no key');
    await bob.mkdir('/uploads/d');
    await bob.write('/uploads/d/f', 'content', { ...putMode, attributes: { mtimeSeconds: 1_000_000 } });
    const ref = { bucket, key: `${prefix}d/f` };
    await expect(store.head(call, ref, noKey)).rejects.toMatchObject({ kind: 'key-missing' });
    expect(await store.head(call, ref, { kind: 'sse-c', key })).toMatchObject({
      size: 7,
      encryption: { kind: 'sse-c', keyMd5Base64: key.md5Base64 },
      metadata: { mtime: '1000000' },
    });
    expect(await bob.read('/uploads/d/f')).toBe('content');
    expect(await bob.stat('/uploads/d/f')).toMatchObject({ size: 7, mtimeSeconds: 1_000_000 });
    expect((await bob.entries('/uploads/d')).get('f')).toMatchObject({ size: 7, mtimeSeconds: 1_000_000 });
    expect(await keysInS3()).toEqual(['d/', 'd/f']);
  });

  it('of several parts arrive complete, and are not visible before the commit', async () => {
    const bytes = systemEntropy.bytes(24 * 1024 * 1024);
    const step = 256 * 1024;
    await using handle = await bob.tree.openWrite(call, '/uploads/large', putMode);
    for (let offset = 0; offset < bytes.byteLength; offset += step)
      await handle.write(call, offset, [bytes.subarray(offset, offset + step)]);
    expect(await keysInS3()).toEqual([]);
    expect(await bob.stat('/uploads/large')).toMatchObject({ size: bytes.byteLength });
    await handle.commit(call);
    await using reader = await bob.tree.openRead(call, '/uploads/large');
    const views: Uint8Array[] = [];
    for (let offset = 0; offset < bytes.byteLength; offset += step)
      views.push(...((await reader.read(call, offset, step)) ?? []));
    expect(Buffer.concat(views).equals(bytes)).toBe(true);
    expect(await reader.read(call, bytes.byteLength, 1)).toBeNull();
  });

  it('that are aborted leave no object and no confirmed row', async () => {
    const handle = await bob.tree.openWrite(call, '/uploads/f', putMode);
    await handle.write(call, 0, [systemEntropy.bytes(20 * 1024 * 1024)]);
    await handle[Symbol.asyncDispose]();
    expect(await keysInS3()).toEqual([]);
    const rows = await ledger.candidates({ bucket, key: `${prefix}f` });
    expect(rows.filter((row) => row.state === 'confirmed')).toEqual([]);
  });

  it('can be overwritten like scp does, with longer and shorter files', async () => {
    for (const content of ['content', 'longer content', 'short', '']) {
      await using handle = await bob.tree.openWrite(call, '/uploads/f', scpMode);
      if (content !== '') await handle.write(call, 0, [Buffer.from(content)]);
      await handle.setAttributes(call, { size: content.length });
      await handle.setAttributes(call, { mtimeSeconds: 77 });
      await handle.commit(call);
      expect(await bob.read('/uploads/f')).toBe(content);
      expect(await bob.stat('/uploads/f')).toMatchObject({ size: content.length, mtimeSeconds: 77 });
    }
  });

  it.each([
    'with space',
    'plus+percent%20',
    'ünï©ødé/日本語',
    'quote\'s "both" & <angle>',
    '#?=;:@\\*',
    '.hidden',
    ' ',
  ])('can have the name %s', async (name) => {
    if (name.includes('/')) await bob.mkdir(`/uploads/${name.slice(0, name.indexOf('/'))}`);
    await bob.write(`/uploads/${name}`, name);
    await bob.rename(`/uploads/${name}`, `/uploads/${name}.2`);
    expect(await bob.read(`/uploads/${name}.2`)).toBe(name);
    const directory = name.includes('/') ? `/uploads/${name.slice(0, name.indexOf('/'))}` : '/uploads';
    expect(await bob.list(directory)).toEqual([`${name.slice(name.indexOf('/') + 1)}.2`]);
    await bob.remove(`/uploads/${name}.2`);
    expect(await bob.list(directory)).toEqual([]);
  });
});

describe('renaming over a real S3 protocol', () => {
  it('keeps content and time, and applies the current key', async () => {
    await bob.write('/uploads/f', 'content', { ...putMode, attributes: { mtimeSeconds: 1_000_000 } });
    await bob.tree.setAttributes(call, '/uploads/f', { mtimeSeconds: 2_000_000 });
    const [old] = tree.keys;
    const present = newKey();
    tree.keys = old === undefined ? [present] : [present, old];
    await bob.rename('/uploads/f', '/uploads/g');
    expect(await keysInS3()).toEqual(['g']);
    expect(await bob.stat('/uploads/g')).toMatchObject({ mtimeSeconds: 2_000_000 });
    tree.keys = [present];
    expect(await bob.read('/uploads/g')).toBe('content');
  });

  it('keeps the time of an object that another client uploaded', async () => {
    await putForeign('f', 'content');
    expect(await bob.stat('/uploads/f')).toMatchObject({ mtimeSeconds: 1234 });
    await bob.rename('/uploads/f', '/uploads/g');
    expect(await bob.stat('/uploads/g')).toMatchObject({ mtimeSeconds: 1234 });
    expect((await bob.entries('/uploads')).get('g')).toMatchObject({ mtimeSeconds: 1234 });
  });
});

describe('objects of other clients in the bucket', () => {
  it('are shown as files and directories', async () => {
    await putForeign('top', 'x');
    await putForeign('a/b/c', 'deep');
    await putForeign('a/b//odd', 'x');
    await putForeign('both', 'the file');
    await putForeign('both/inside', 'x');
    expect(await bob.list('/uploads')).toEqual(['a/', 'both/', 'top']);
    expect(await bob.list('/uploads/a/b')).toEqual(['c']);
    expect(await bob.read('/uploads/a/b/c')).toBe('deep');
    expect(await bob.read('/uploads/both')).toBe('the file');
    expect(await bob.stat('/uploads/both')).toMatchObject({ type: 'directory' });
    await bob.remove('/uploads/a/b/c');
    await bob.write('/uploads/a/b/d', 'still there');
    await expect(bob.rmdir('/uploads/a')).rejects.toMatchObject({ kind: 'not-empty' });
  });

  it('keep a time that a client sets, with the key of the user or none', async () => {
    const [key] = tree.keys;
    if (key === undefined) throw new Error('no key');
    await putForeign('plain', 'content');
    await putForeign('sealed', 'content', { kind: 'sse-c', key });
    for (const name of ['plain', 'sealed']) {
      await bob.tree.setAttributes(call, `/uploads/${name}`, { mtimeSeconds: 77 });
      expect((await bob.stat(`/uploads/${name}`))?.mtimeSeconds).toBe(77);
      expect((await bob.entries('/uploads')).get(name)?.mtimeSeconds).toBe(77);
      expect(await bob.read(`/uploads/${name}`)).toBe('content');
    }
  });

  it('that hold bytes under the name of a directory survive rmdir and renames', async () => {
    await putForeign('d/', 'bytes');
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject({ kind: 'not-empty' });
    await bob.mkdir('/uploads/e');
    await bob.rename('/uploads/d', '/uploads/e', true);
    await expect(bob.rmdir('/uploads/e')).rejects.toMatchObject({ kind: 'not-empty' });
    expect(await keysInS3()).toEqual(['e/']);
    const { objects } = await store.list(call, { bucket, prefix: `${prefix}e/`, delimiter: null });
    expect(objects[0]?.size).toBe(5);
  });

  it('can be read, changed and written again through one handle', async () => {
    await putForeign('f', 'some content');
    const mode = { ...putMode, truncate: false, read: true };
    await using handle = await bob.tree.openWrite(call, '/uploads/f', mode);
    expect(Buffer.concat([...((await handle.read(call, 0, 100)) ?? [])]).toString()).toBe('some content');
    await handle.write(call, 0, [Buffer.from('short')]);
    await handle.setAttributes(call, { size: 5 });
    await handle.commit(call);
    expect(await bob.read('/uploads/f')).toBe('short');
  });

  it('are listed even with an unknown key, and reads are refused with that reason', async () => {
    await putForeign('f', 'four', { kind: 'sse-c', key: newKey() });
    expect(await bob.stat('/uploads/f')).toMatchObject({ type: 'file', size: 4 });
    expect((await bob.entries('/uploads')).get('f')).toMatchObject({ size: 4 });
    await expect(bob.read('/uploads/f')).rejects.toMatchObject({ kind: 'key-mismatch' });
    await bob.remove('/uploads/f');
    expect(await keysInS3()).toEqual([]);
  });

  it('are listed completely over several pages', async () => {
    const names = Array.from({ length: 1020 }, (_, index) => `file-${String(index).padStart(5, '0')}`);
    for (let from = 0; from < names.length; from += 50)
      await Promise.all(names.slice(from, from + 50).map((name) => putForeign(name, name)));
    expect(await bob.list('/uploads')).toEqual(names);
  });
});

describe('two gateways on one prefix', () => {
  it('see the changes of each other after two seconds', async () => {
    if (embedded === undefined) throw new Error('there is no embedded S3');
    await using second = await UploadTree.open(embedded, { bucket });
    second.settings = { ...second.settings, uploadPrefix: prefix };
    second.keys = tree.keys;
    const other = await second.login();
    await other.list('/uploads');
    const until = async (what: string, isSeen: () => Promise<boolean>) => {
      const beganMs = performance.now();
      await eventually(what, isSeen);
      expect(performance.now() - beganMs).toBeLessThan(underLoad(listingCacheMs + 1_000));
    };
    await bob.write('/uploads/f', 'content');
    await until('the new file is seen', async () => (await other.stat('/uploads/f'))?.size === 7);
    await bob.write('/uploads/f', 'changed content');
    await until('its change is seen', async () => (await other.stat('/uploads/f'))?.size === 15);
    await bob.remove('/uploads/f');
    await until('its removal is seen', async () => (await other.stat('/uploads/f')) === null);
  });
});

describe('directories over a real S3 protocol', () => {
  it('are created, renamed while empty, and removed', async () => {
    await bob.mkdir('/uploads/New Folder');
    await bob.rename('/uploads/New Folder', '/uploads/d');
    await bob.mkdir('/uploads/d/e');
    await expect(bob.rmdir('/uploads/d')).rejects.toMatchObject({ kind: 'not-empty' });
    await expect(bob.mkdir('/uploads/d')).rejects.toMatchObject({ kind: 'exists' });
    await bob.rmdir('/uploads/d/e');
    await bob.rmdir('/uploads/d');
    expect(await keysInS3()).toEqual([]);
    await expect(bob.list('/uploads/d')).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('are renamed with their content, whatever its encryption, up to the limit', async () => {
    const [uploads] = tree.keys;
    await bob.mkdir('/uploads/d');
    await bob.mkdir('/uploads/d/empty');
    await bob.write('/uploads/d/own', 'own');
    await putForeign('d/plain', 'plain');
    const names = Array.from({ length: 27 }, (_, index) => `file-${String(index).padStart(5, '0')}`);
    await Promise.all(names.map((name) => putForeign(`d/many/${name}`, name)));
    await expect(bob.rename('/uploads/d', '/uploads/e')).rejects.toMatchObject({ kind: 'unsupported' });
    await bob.remove('/uploads/d/many/file-00000');
    await bob.rename('/uploads/d', '/uploads/e');
    expect(await bob.list('/uploads')).toEqual(['e/']);
    expect(await bob.list('/uploads/e')).toEqual(['empty/', 'many/', 'own', 'plain']);
    expect(await bob.list('/uploads/e/many')).toEqual(names.slice(1));
    expect(await bob.read('/uploads/e/many/file-00026')).toBe('file-00026');
    expect((await bob.stat('/uploads/e/plain'))?.mtimeSeconds).toBe(1234);
    const access = uploads === undefined ? undefined : ({ kind: 'sse-c', key: uploads } as const);
    for (const name of ['own', 'plain', 'many/file-00001']) {
      const info = access && (await store.head(call, { bucket, key: `${prefix}e/${name}` }, access));
      expect(info).toMatchObject({ encryption: { kind: 'sse-c' } });
    }
  });
});
