import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newAgeIdentity } from '../keyring/age.js';
import { testClock, testEntropy } from '../keyring/testing/keyring-world.js';
import type { Call, Logger } from '../model/call.js';
import { CustomerKey } from '../model/customer-key.js';
import type { KeyOwner } from '../model/keyring.js';
import { parseUsername, type SharedRegistry, type UserDirectory, type UserRegistry } from '../model/users.js';
import { findRawFiles, importKeyFiles } from './key-import.js';
import { createMirrorSources } from './mirror-sources.js';
import { createPrefixOwners } from './prefix-owners.js';
import { createSharedRegistry } from './shared-registry.js';
import { type TestKeys, testKeys } from './testing/test-keys.js';
import { createUsers } from './user-directory.js';
import { createUserRegistry } from './user-registry.js';

const bob = parseUsername('bob');
const bobs: KeyOwner = { kind: 'user', username: bob };
const noOwner: KeyOwner = { kind: 'none' };

let root: string;
let logged: string[];
let noted: string[];
let call: Call;
let held: TestKeys;
let users: UserDirectory;
let registry: UserRegistry;
let shared: SharedRegistry;
let services: Parameters<typeof createUsers>[0] & { readonly sharedSettingsDirectory: string };

/** Opens everything as a new process would. */
function open(): void {
  held = testKeys(root, call.log);
  services = {
    directories: { homes: join(root, 'home'), shared: join(root, 'shared'), removed: join(root, 'removed') },
    sharedSettingsDirectory: join(root, 'root/.sftpgateway'),
    defaults: () => ({ bucket: 'bucket' }),
    keys: held.keys,
    clock: testClock,
    entropy: testEntropy,
  };
  users = createUsers(services).directory;
  registry = createUserRegistry(services);
  shared = createSharedRegistry(services);
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sftpgw-user-keys-'));
  logged = [];
  noted = [];
  const record = (message: string): void => void logged.push(message);
  const log: Logger = {
    debug: () => undefined,
    info: (message, fields) =>
      void noted.push(`${message}: ${String(fields?.['setting'])} ${String(fields?.['path'])}`),
    warn: record,
    error: record,
    child: () => log,
  };
  call = { id: 'c', signal: new AbortController().signal, log };
  open();
});
afterEach(() => rm(root, { recursive: true, force: true }));

const newKey = (): CustomerKey => CustomerKey.fromBytes(randomBytes(32));
const at = (name: string): string => join(root, 'home/bob/.sftpgateway', name);
const properties = (): Promise<string> => readFile(at('user.properties'), 'utf8');
const put = (path: string, key: CustomerKey): Promise<void> => writeFile(path, key.reveal(), { mode: 0o600 });
const generate = (owner: KeyOwner, label = '') => held.keyring.generate({ label, owner });
const writtenWith = async (): Promise<string | null> => {
  const encryption = await users.uploadEncryption(call, bob);
  return encryption.kind === 'sse-c' ? encryption.key.fingerprint : null;
};
const ids = (keys: readonly CustomerKey[]): readonly string[] => keys.map((key) => key.fingerprint);
const sharedKeys = async (): Promise<readonly string[]> => {
  const sources = createMirrorSources({ ...services, users, call });
  const found = (await sources.list()).prefixes.find(({ name }) => name === 'shared');
  return ids((await found?.keys()) ?? []);
};

describe('a raw key file', () => {
  it('is used, and imported into the keyring with its owner when it is first seen', async () => {
    await registry.save(bob, {});
    const [uploads, older, downloads] = [newKey(), newKey(), newKey()];
    await put(at('sse.key'), uploads);
    await put(at(`sse.key.${older.fingerprint}`), older);
    await put(at('sse-sync.key'), downloads);
    await registry.save(bob, { uploadOption: 3 });
    expect(await writtenWith()).toBe(uploads.fingerprint);
    expect(await held.keyring.describe(uploads.fingerprint)).toMatchObject({
      owner: bobs,
      origin: 'found',
      label: 'bob uploads',
      state: 'active',
    });
    expect(ids(await users.downloadKeys(call, bob))).toEqual(ids([downloads, uploads, older]));
    for (const key of [older, downloads]) {
      expect((await held.keyring.open(key.fingerprint))?.equals(key)).toBe(true);
    }
    expect(logged).toEqual([]);
  });

  it('still opens older objects after it is replaced by hand', async () => {
    const [first, second] = [newKey(), newKey()];
    await registry.save(bob, { uploadOption: 3, uploadKey: first });
    await put(at('sse.key'), second);
    expect(await writtenWith()).toBe(second.fingerprint);
    open();
    expect(ids(await users.uploadKeys(call, bob))).toEqual(ids([second, first]));
  });

  it('is used even if the keyring fails, which is logged once', async () => {
    await registry.save(bob, { uploadOption: 3, uploadKey: newKey() });
    await rm(join(root, 'var/lib/sftpgw/keyring-identity'));
    const key = newKey();
    await put(at('sse.key'), key);
    open();
    for (let time = 0; time < 3; time++) {
      expect(await writtenWith()).toBe(key.fingerprint);
      expect(ids(await users.uploadKeys(call, bob))[0]).toBe(key.fingerprint);
    }
    expect(logged.filter((text) => text === 'cannot import key file')).toHaveLength(1);
  });

  it('of every user, removed user and the shared directory is imported by a full scan', async () => {
    const keys = [newKey(), newKey(), newKey()] as const;
    await registry.save(bob, {});
    await put(at('sse-sync.key'), keys[0]);
    const gone = join(root, 'removed/alice-20260501T120000005Z/.sftpgateway');
    await mkdir(gone, { recursive: true });
    await put(join(gone, 'sse.key'), keys[1]);
    await mkdir(services.sharedSettingsDirectory, { recursive: true });
    await put(join(services.sharedSettingsDirectory, 'sse-sync.key'), keys[2]);
    await writeFile(at('sse.key'), 'no key');
    await importKeyFiles(services);
    const owners = await Promise.all(
      keys.map(async (key) => (await held.keyring.describe(key.fingerprint))?.owner),
    );
    expect(owners).toEqual([bobs, { kind: 'user', username: 'alice' }, { kind: 'shared' }]);
  });
});

describe('the raw files that hold a key', () => {
  it('are found for users, removed users and the shared directory, and kept ones too', async () => {
    const [key, other] = [newKey(), newKey()];
    await registry.save(bob, {});
    const gone = join(root, 'removed/alice-20260501T120000005Z/.sftpgateway');
    const beside = join(root, 'home/.sftpgw-removed/eve-20260501T120000005Z-2/.sftpgateway');
    const notGone = join(root, 'removed/alice/.sftpgateway');
    for (const directory of [gone, beside, notGone, services.sharedSettingsDirectory])
      await mkdir(directory, { recursive: true });
    const holding = [
      at('sse.key'),
      at(`sse-sync.key.${key.fingerprint}`),
      join(gone, `sse.key.${key.fingerprint}`),
      join(beside, 'sse-sync.key'),
      join(services.sharedSettingsDirectory, 'sse-sync.key'),
      join(services.sharedSettingsDirectory, 'sse.key'),
    ];
    for (const path of holding) await put(path, key);
    await put(join(notGone, 'sse.key'), key);
    await put(at('sse-sync.key'), other);
    await put(at(`sse.key.${other.fingerprint}`), key);
    await writeFile(join(gone, 'sse.key'), 'no key');
    expect(await findRawFiles(services, key.fingerprint)).toEqual(holding);
    expect(await findRawFiles(services, newKey().fingerprint)).toEqual([]);
  });
});

describe('the stamp of an owner’s keys', () => {
  it('changes with the keys of the owner and those without one, and not with others', async () => {
    const stamps = async () => {
      const stampOf = await held.keys.keyringStamps();
      return [stampOf?.(bobs), stampOf?.({ kind: 'shared' })];
    };
    const first = await stamps();
    expect(await stamps()).toEqual(first);
    await generate({ kind: 'user', username: 'alice' });
    expect(await stamps()).toEqual(first);
    await generate(bobs);
    const second = await stamps();
    expect([second[0] === first[0], second[1] === first[1]]).toEqual([false, true]);
    await generate(noOwner);
    const third = await stamps();
    expect([third[0] === second[0], third[1] === second[1]]).toEqual([false, false]);
  });
});

describe('a key of the keyring', () => {
  it('named in the settings encrypts uploads without a key file', async () => {
    const { id } = await generate(bobs);
    await registry.save(bob, { uploadOption: 3, uploadKeyId: id });
    expect(await writtenWith()).toBe(id);
    expect(await properties()).toContain(`sse.key.id=${id}\n`);
    expect(await registry.describe(bob)).toMatchObject({ uploadKeyFingerprint: id, problems: [] });
    expect(await registry.save(bob, {})).toBe('amended');
  });

  it('takes precedence over the raw file, which is logged once', async () => {
    const raw = newKey();
    await registry.save(bob, { uploadOption: 3, uploadKey: raw });
    const { id } = await generate(noOwner);
    await appendFile(at('user.properties'), `# mine\nsse.key.id=${id}\n`);
    for (let time = 0; time < 3; time++) expect(await writtenWith()).toBe(id);
    expect(noted.filter((text) => text.includes('not used'))).toEqual([
      `key file not used: the settings name another key: ${at('user.properties')}: sse.key.id=${id} ${at('sse.key')}`,
    ]);
    expect(ids(await users.uploadKeys(call, bob))).toEqual([id, raw.fingerprint]);
    // A new sse.key replaces the named key.
    const next = newKey();
    await registry.save(bob, { uploadKey: next });
    expect(await writtenWith()).toBe(next.fingerprint);
    expect(await properties()).toContain('# mine\n');
    expect(await properties()).not.toContain('sse.key.id');
  });

  it('is used although the raw file beside it has a wrong content', async () => {
    const { id } = await generate(bobs);
    await registry.save(bob, { uploadOption: 3, uploadKeyId: id });
    await writeFile(at('sse.key'), 'no key');
    for (let time = 0; time < 2; time++) expect(await writtenWith()).toBe(id);
    expect(noted).toEqual([]);
  });

  it('cannot be named in the change that sets another key', async () => {
    const { id } = await generate(bobs);
    const change = { uploadOption: 3, uploadKey: newKey(), uploadKeyId: id } as const;
    await expect(registry.save(bob, change)).rejects.toMatchObject({ kind: 'invalid' });
    expect(await registry.describe(bob)).toBeNull();
  });

  it('that is missing, retired or another user’s is refused for writing', async () => {
    const missing = newKey().fingerprint;
    const { id: retired } = await generate(bobs);
    const { id: alices } = await generate({ kind: 'user', username: 'alice' });
    await registry.save(bob, { uploadOption: 3, uploadKey: newKey() });
    const before = await properties();
    await held.keyring.retire(retired);
    for (const [id, kind] of [
      [missing, 'key-missing'],
      [retired, 'conflict'],
      [alices, 'conflict'],
    ] as const) {
      await expect(registry.save(bob, { uploadKeyId: id })).rejects.toMatchObject({ kind });
      await expect(registry.save(bob, { syncKeyId: id })).rejects.toMatchObject({ kind });
      await expect(shared.save({ syncKeyId: id })).rejects.toMatchObject({ kind });
    }
    expect(await properties()).toBe(before);
    await appendFile(at('user.properties'), `sse.key.id=${retired}\n`);
    await expect(users.uploadEncryption(call, bob)).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining(
        `${at('user.properties')}: sse.key.id=${retired}: the key ${retired} is retired`,
      ),
    });
    await appendFile(at('user.properties'), `sse.key.id=${missing}\n`);
    await expect(users.uploadEncryption(call, bob)).rejects.toMatchObject({ kind: 'key-missing' });
    expect((await registry.describe(bob))?.problems).toEqual([
      expect.stringContaining('line'),
      expect.stringContaining(`the keyring has no key ${missing}`),
    ]);
    await appendFile(at('user.properties'), 'sse.key.id=abc\n');
    open();
    await expect(users.uploadEncryption(call, bob)).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringContaining('must be the id of a key'),
    });
  });

  it('of the owner is tried first, even if retired, then one without an owner, never another’s', async () => {
    await registry.save(bob, { downloads: true });
    const first = await generate(bobs);
    const second = await generate(bobs);
    const loose = await generate(noOwner);
    await generate({ kind: 'user', username: 'alice' });
    await generate({ kind: 'shared' });
    await held.keyring.retire(second.id);
    expect(ids(await users.uploadKeys(call, bob))).toEqual([first.id, second.id, loose.id]);
    expect(ids(await users.downloadKeys(call, bob))).toEqual([first.id, second.id, loose.id]);
    await registry.save(bob, { syncOption: 3, syncKeyId: loose.id });
    expect(ids(await users.downloadKeys(call, bob))).toEqual([loose.id, first.id, second.id]);
  });

  it('of a removed user is kept', async () => {
    const key = newKey();
    await registry.save(bob, {});
    await put(at('sse.key'), key);
    await registry.remove(bob);
    expect(await held.keyring.describe(key.fingerprint)).toMatchObject({ owner: bobs });
    expect(ids(await users.uploadKeys(call, bob))).toEqual([key.fingerprint]);
  });

  it('that is damaged is logged once and does not hide other keys', async () => {
    await registry.save(bob, {});
    const damaged = await generate(bobs);
    const good = await generate(bobs);
    await writeFile(join(root, 'opt/sftpgw/keys', `${damaged.id}.age`), 'x');
    open();
    for (let time = 0; time < 2; time++) expect(ids(await users.uploadKeys(call, bob))).toEqual([good.id]);
    expect(logged).toEqual(['cannot open keyring key']);
  });
});

describe('the shared directory', () => {
  it('can use a key of the keyring, and keeps comments in its settings', async () => {
    const { id } = await generate({ kind: 'shared' });
    const loose = await generate(noOwner);
    const raw = newKey();
    await mkdir(services.sharedSettingsDirectory, { recursive: true });
    await put(join(services.sharedSettingsDirectory, 'sse-sync.key'), raw);
    await writeFile(join(services.sharedSettingsDirectory, 'user.properties'), '# ours\nsse.sync.option=1\n');
    expect(await sharedKeys()).toEqual([raw.fingerprint, id, loose.id]);
    await shared.save({ syncOption: 3, syncKeyId: loose.id });
    expect(await readFile(join(services.sharedSettingsDirectory, 'user.properties'), 'utf8')).toBe(
      `# ours\nsse.sync.option=3\nsse.sync.key.id=${loose.id}\n`,
    );
    expect(await shared.describe()).toEqual({ syncOption: 3, syncKeyFingerprint: loose.id, problems: [] });
    expect(await sharedKeys()).toEqual([loose.id, raw.fingerprint, id]);
    const owners = await createPrefixOwners({ ...services, users, registry, call }).list();
    expect(await owners.find(({ username }) => username === null)?.encryption()).toMatchObject({
      kind: 'sse-c',
      key: { fingerprint: loose.id },
    });
  });
});

it('a required recovery recipient must exist before a customer key is used for writing', async () => {
  await registry.save(bob, { uploadOption: 3, uploadKey: newKey() });
  const { id } = await generate(bobs);
  held.requiresRecovery = true;
  const fault = { kind: 'denied', hint: expect.stringContaining('sftpgw recovery init') };
  await expect(users.uploadEncryption(call, bob)).rejects.toMatchObject(fault);
  await expect(registry.save(bob, { uploadKey: newKey() })).rejects.toMatchObject(fault);
  await expect(registry.save(bob, { uploadKeyId: id })).rejects.toMatchObject(fault);
  await expect(shared.save({ syncKeyId: id })).rejects.toMatchObject({ kind: 'conflict' });
  expect((await users.uploadKeys(call, bob)).length).toBe(2);
  await registry.save(bob, { uploadOption: 1 });
  expect(await users.uploadEncryption(call, bob)).toEqual({ kind: 'sse-s3' });
  await held.keyring.addRecoveryRecipient((await newAgeIdentity()).recipient);
  await registry.save(bob, { uploadOption: 3, uploadKeyId: id });
  expect(await writtenWith()).toBe(id);
});
