import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newAgeIdentity, sealTo } from '../keyring/age.js';
import { testEntropy } from '../keyring/testing/keyring-world.js';
import { CustomerKey, type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import { parseUsername } from '../model/users.js';
import { MemoryStore } from '../vault/testing/memory-store.js';
import { signSnapshot, snapshotSigner } from './authenticity.js';
import { keysPrefix, signatureMetadata, snapshotKey } from './bucket-names.js';
import { CopyBucket } from './copy-bucket.js';
import { findSnapshot } from './find-snapshot.js';
import { importKeys, openKeyOrNull } from './import-keys.js';
import { restoreRecipients, restoreSnapshot } from './restore.js';
import { packSnapshot, type Snapshot } from './snapshot.js';
import { bucket, call, Machine } from './testing/machine.js';

let store: MemoryStore;
let old: Machine;
let fresh: Machine;
let copied: CopyBucket;
beforeEach(async () => {
  store = new MemoryStore({ bucket });
  copied = new CopyBucket(store, bucket);
  old = await Machine.make(store);
  fresh = await Machine.make(store);
});
afterEach(async () => {
  await old[Symbol.asyncDispose]();
  await fresh[Symbol.asyncDispose]();
});

const generated = async () => (await old.keyring.generate({ label: 'mine', owner: { kind: 'none' } })).id;
const sealedName = (id: KeyFingerprint) => `${keysPrefix}${id}.age`;
const recordName = (id: KeyFingerprint) => `${keysPrefix}${id}.json`;

describe('the import of the copied keys', () => {
  async function copiedKeys(count: number): Promise<readonly KeyFingerprint[]> {
    await old.initRecovery();
    const ids: KeyFingerprint[] = [];
    for (let at = 0; at < count; at += 1) ids.push(await generated());
    await old.copy.run(call);
    return ids;
  }
  async function imported() {
    const progress: (readonly number[])[] = [];
    const keys = await importKeys(call, copied, old.world.recovery, fresh.keyring, (done, total) =>
      progress.push([done, total]),
    );
    return { ...keys, progress };
  }

  it('counts each key, and does not read a key again that the keyring opens', async () => {
    const ids = await copiedKeys(3);
    expect(await imported()).toEqual({
      keys: 3,
      problems: [],
      progress: [
        [1, 3],
        [2, 3],
        [3, 3],
      ],
    });
    for (const id of ids) expect((await fresh.keyring.describe(id))?.label).toBe('mine');
    const reads: string[] = [];
    store.hooks.before = (operation, { key }) => void (operation === 'read' && reads.push(key));
    expect(await imported()).toMatchObject({ keys: 3, problems: [] });
    expect(reads.filter((key) => key.endsWith('.age'))).toEqual([]);
  });

  it('reports each key that it cannot use, in the order of names, and imports the others', async () => {
    const ids = await copiedKeys(4);
    const [other, wrong, short, good] = ids as [
      KeyFingerprint,
      KeyFingerprint,
      KeyFingerprint,
      KeyFingerprint,
    ];
    const stranger = await newAgeIdentity();
    const recipient = [old.world.recovery.recipient];
    const key = testEntropy.bytes(32);
    await copied.put(call, sealedName(other), await sealTo([stranger.recipient], key));
    await copied.put(call, sealedName(wrong), await sealTo(recipient, key));
    await copied.put(call, sealedName(short), await sealTo(recipient, key.subarray(1)));
    const { keys, problems, progress } = await imported();
    expect(keys).toBe(1);
    expect(problems).toEqual(
      [
        `${sealedName(other)} is not sealed to this identity`,
        `${sealedName(wrong)} does not hold the key of its name`,
        `${sealedName(short)} does not hold the key of its name`,
      ].toSorted(),
    );
    expect(progress).toEqual([[1, 4]]);
    // A key without its sealed file gets no description either: a later import would be refused.
    for (const id of [other, wrong, short]) expect(await fresh.keyring.describe(id)).toBeNull();
    expect(await fresh.keyring.describe(good)).not.toBeNull();
  });

  it('reports a key that disappears meanwhile', async () => {
    const [id] = (await copiedKeys(1)) as [KeyFingerprint];
    store.hooks.before = async (operation, { key }) => {
      if (operation !== 'read' || key !== sealedName(id)) return;
      store.hooks = {};
      await store.remove(call, { bucket, key });
    };
    expect(await imported()).toMatchObject({
      keys: 0,
      problems: [`${sealedName(id)} was removed during the recovery`],
    });
  });

  it.each([
    ['missing', null],
    ['not JSON', '{'],
    ['that of another key', 'other'],
  ])('writes a new description if that of the copy is %s', async (_, text) => {
    const [id, other] = (await copiedKeys(2)) as [KeyFingerprint, KeyFingerprint];
    if (text === null) await store.remove(call, { bucket, key: recordName(id) });
    else {
      const theirs = store.contentOf({ bucket, key: recordName(other) })?.toString() ?? '';
      await copied.put(call, recordName(id), Buffer.from(text === 'other' ? theirs : text));
    }
    expect(await imported()).toMatchObject({ keys: 2, problems: [] });
    expect(await fresh.keyring.describe(id)).toMatchObject({ id, state: 'active' });
    expect(await openKeyOrNull(fresh.keyring, id)).not.toBeNull();
  });

  it('restores the description of a destroyed key, which cannot be imported again', async () => {
    await old.initRecovery();
    const key = CustomerKey.fromBytes(testEntropy.bytes(32));
    const as = { label: '', owner: { kind: 'none' }, origin: 'imported' } as const;
    await old.keyring.import(key, as);
    await old.keyring.destroy({ keyId: key.fingerprint } as never);
    await old.copy.run(call);
    expect(await imported()).toMatchObject({ keys: 0, problems: [], progress: [] });
    expect(await fresh.keyring.describe(key.fingerprint)).toMatchObject({ state: 'destroyed' });
    await expect(fresh.keyring.import(key, as)).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('ignores other objects, and stops at a fault of S3', async () => {
    const [id] = (await copiedKeys(1)) as [KeyFingerprint];
    await copied.put(call, `${keysPrefix}README`, Buffer.from('x'));
    await copied.put(call, `x${id}.age`, Buffer.from('x'));
    store.hooks.before = (operation) => {
      if (operation === 'read') throw new Fault('unavailable', 'S3 is unavailable');
    };
    await expect(imported()).rejects.toMatchObject({ kind: 'unavailable' });
    store.hooks = {};
    expect(await imported()).toMatchObject({ keys: 1, problems: [] });
  });

  it('throws the faults of the keyring that are not about one key', async () => {
    const id = parseKeyFingerprint('0'.repeat(32));
    const failing = (kind: 'corrupt' | 'key-missing' | 'denied') => ({
      open: async () => {
        throw new Fault(kind, 'no');
      },
    });
    expect(await openKeyOrNull(failing('corrupt'), id)).toBeNull();
    expect(await openKeyOrNull(failing('key-missing'), id)).toBeNull();
    await expect(openKeyOrNull(failing('denied'), id)).rejects.toMatchObject({ kind: 'denied' });
  });
});

describe('the snapshot that is found', () => {
  const snapshot: Snapshot = { takenMs: 0, bucket, files: [], keyFiles: [], keys: [] };
  const find = (acceptUnsigned = false) => findSnapshot(call, copied, old.world.recovery, acceptUnsigned);

  async function write(number: number, packed: Uint8Array, signature?: string): Promise<void> {
    const signer = snapshotSigner(old.world.recovery.secret);
    const sealed = await sealTo([old.world.recovery.recipient], packed);
    const value = signature ?? signSnapshot(signer, number, sealed);
    const metadata = value === '' ? {} : { [`${signatureMetadata}${signer.name}`]: value };
    await copied.create(call, snapshotKey(number), sealed, metadata);
  }

  it('is the one with the highest number', async () => {
    for (const number of [2, 10, 9])
      await write(number, await packSnapshot({ ...snapshot, takenMs: number }));
    expect(await find()).toEqual({
      number: 10,
      snapshot: { ...snapshot, takenMs: 10 },
      isSigned: true,
      passedOver: [],
    });
  });

  it('is not one that was removed since it was listed', async () => {
    for (const number of [1, 2]) await write(number, await packSnapshot(snapshot));
    store.hooks.before = async (operation, { key }) => {
      if (operation !== 'read' || key !== snapshotKey(2)) return;
      store.hooks = {};
      await store.remove(call, { bucket, key });
    };
    expect(await find()).toMatchObject({ number: 1, passedOver: [] });
  });

  it('is not an older one if the newest is of another version', async () => {
    await write(1, await packSnapshot(snapshot));
    const { gzipSync } = await import('node:zlib');
    const { packTar } = await import('../files/tar.js');
    const content = Buffer.from('{"format":2}');
    await write(2, gzipSync(await packTar([{ name: 'snapshot.json', content, mode: 0o600, mtimeMs: 0 }])));
    await expect(find()).rejects.toMatchObject({ kind: 'unsupported' });
  });

  it('is never forged or unpacked from damaged content, even if unsigned ones are accepted', async () => {
    await write(1, Buffer.from('not a snapshot'));
    await write(2, await packSnapshot(snapshot), 'f'.repeat(64));
    await write(3, await packSnapshot(snapshot), 'short');
    await expect(find(true)).rejects.toMatchObject({
      kind: 'corrupt',
      hint: expect.stringMatching(/snapshot 3 has a wrong.*snapshot 2 has a wrong.*snapshot 1 is damaged: /),
    });
    await write(4, await packSnapshot(snapshot), '');
    await expect(find()).rejects.toMatchObject({ kind: 'denied' });
    expect(await find(true)).toMatchObject({ number: 4, isSigned: false });
  });

  it('is missing for this identity only if it opens none of them', async () => {
    await write(1, Buffer.from('not a snapshot'));
    const stranger = await newAgeIdentity();
    const foreign = await sealTo([stranger.recipient], await packSnapshot(snapshot));
    await copied.create(call, snapshotKey(2), foreign, {});
    await expect(find()).rejects.toMatchObject({ kind: 'corrupt' });
    await store.remove(call, { bucket, key: snapshotKey(1) });
    await expect(find()).rejects.toMatchObject({ kind: 'key-mismatch' });
  });
});

describe('a restoration', () => {
  const bob = 'home/bob/.sftpgateway';
  const key = CustomerKey.fromBytes(Buffer.alloc(32, 7));
  const file = (path: string, content = 'x') => ({ path, content: Buffer.from(content) });
  const snapshotOf = (paths: readonly string[], keyFiles: readonly string[] = []): Snapshot => ({
    takenMs: 1_000_000_000_000,
    bucket,
    files: paths.map((path) => file(path)),
    keyFiles: keyFiles.map((path) => ({ path, key: key.fingerprint })),
    keys: [],
  });
  async function restored(snapshot: Snapshot) {
    const progress: string[] = [];
    await mkdir(join(fresh.world.root, 'var/lib/sftpgw'), { recursive: true });
    const result = await restoreSnapshot(snapshot, {
      root: fresh.world.root,
      directories: fresh.services.directories,
      keyring: { open: async (id) => (id === key.fingerprint ? key : null) },
      stateDirectory: join(fresh.world.root, 'var/lib/sftpgw'),
      onFile: (done, total) => progress.push(`${done}/${total}`),
    });
    return { ...result, progress };
  }
  const modeOf = async (path: string) => (await stat(join(fresh.world.root, path))).mode & 0o777;

  it('writes the settings of a user last, and reports its progress', async () => {
    const paths = [`${bob}/user.properties`, `${bob}/password`, 'opt/sftpgw/sftpgateway.properties'];
    const keyFiles = [`${bob}/sse.key.${key.fingerprint}`, `${bob}/sse.key`];
    expect(await restored(snapshotOf(paths, keyFiles))).toEqual({
      users: ['bob'],
      files: 3,
      keyFiles: 2,
      problems: [],
      progress: ['1/5', '2/5', '3/5', '4/5', '5/5'],
    });
    await rm(join(fresh.world.root, 'home'), { recursive: true });
    // A file that cannot be written stops it before the user exists.
    await mkdir(join(fresh.world.root, `${bob}/password`), { recursive: true });
    await expect(restored(snapshotOf(paths))).rejects.toMatchObject({
      kind: 'unavailable',
      hint: expect.stringContaining('password'),
    });
    await expect(stat(join(fresh.world.root, `${bob}/user.properties`))).rejects.toThrow('ENOENT');
  });

  it('keeps secrets to their owner; everyone may read the settings and the names of homes', async () => {
    await restored(
      snapshotOf([
        `${bob}/user.properties`,
        `${bob}/password`,
        'opt/sftpgw/sftpgateway.properties',
        'var/lib/sftpgw/host-keys/ssh_host_rsa_key',
      ]),
    );
    expect(await modeOf('home')).toBe(0o755);
    expect(await modeOf('home/bob')).toBe(0o700);
    expect(await modeOf('opt/sftpgw')).toBe(0o755);
    expect(await modeOf('opt/sftpgw/sftpgateway.properties')).toBe(0o644);
    expect(await modeOf('var/lib/sftpgw/host-keys')).toBe(0o700);
    for (const path of [`${bob}/password`, 'var/lib/sftpgw/host-keys/ssh_host_rsa_key'])
      expect(await modeOf(path)).toBe(0o600);
  });

  it('dates key files one second apart, in the order of the snapshot and before its time', async () => {
    const keyFiles = [`${bob}/sse.key.${key.fingerprint}`, `${bob}/sse-sync.key`, `${bob}/sse.key`];
    await restored(snapshotOf([`${bob}/user.properties`], keyFiles));
    const times = await Promise.all(
      keyFiles.map(async (path) => (await stat(join(fresh.world.root, path))).mtimeMs),
    );
    expect(times).toEqual([999_999_997_000, 999_999_998_000, 999_999_999_000]);
    expect(await fresh.read(`${bob}/sse.key`)).toEqual(Buffer.alloc(32, 7));
    // The key itself is still whole: only its revealed copy was erased.
    expect(Buffer.from(key.reveal())).toEqual(Buffer.alloc(32, 7));
  });

  it('keeps a home that exists', async () => {
    await mkdir(join(fresh.world.root, 'home/bob'), { recursive: true, mode: 0o711 });
    await writeFile(join(fresh.world.root, 'home/bob/notes'), 'mine');
    await restored(snapshotOf([`${bob}/user.properties`]));
    expect(await fresh.read('home/bob/notes')).toEqual(Buffer.from('mine'));
  });

  it('names the home that cannot be made', async () => {
    await writeFile(join(fresh.world.root, 'home'), 'not a directory');
    await expect(restored(snapshotOf([`${bob}/user.properties`]))).rejects.toMatchObject({
      kind: 'unavailable',
      hint: expect.stringContaining('home/bob'),
    });
  });

  it('of the recipients restores these and the signers alone', async () => {
    const recipients = 'opt/sftpgw/keys/recovery-recipients.txt';
    const signer = 'var/lib/sftpgw/snapshot-signers/0123456789abcdef';
    const snapshot = snapshotOf([recipients, signer, 'opt/sftpgw/sftpgateway.properties']);
    await restoreRecipients(snapshot, fresh.world.root);
    for (const path of [recipients, signer]) expect(await modeOf(path)).toBe(0o600);
    await expect(modeOf('opt/sftpgw/sftpgateway.properties')).rejects.toThrow('ENOENT');
  });

  it('has the users whose settings the snapshot has', async () => {
    const paths = ['home/eve/.ssh/authorized_keys', `${bob}/user.properties`];
    expect((await restored(snapshotOf(paths))).users).toEqual([parseUsername('bob')]);
  });
});
