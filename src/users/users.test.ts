import crypto, { randomBytes, type ScryptOptions } from 'node:crypto';
import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Call, Entropy, Logger } from '../model/call.js';
import { CustomerKey } from '../model/customer-key.js';
import type { UserLogins } from '../model/users/logins.js';
import { allRights } from '../model/users/upload-rights.js';
import { parseUsername, type UserDirectory, type UserRegistry } from '../model/users.js';
import { type Credential, opens } from './testing/plain-logins.js';
import { type TestKeys, testKeys } from './testing/test-keys.js';
import { createUsers } from './user-directory.js';
import { createUserRegistry } from './user-registry.js';

const scryptCalls: ScryptOptions[] = [];
const originalScrypt = crypto.scrypt;

beforeAll(() => {
  const counted = (...call: Parameters<typeof originalScrypt>): void => {
    scryptCalls.push(call[3]);
    originalScrypt(...call);
  };
  Object.assign(crypto, { scrypt: counted });
  syncBuiltinESMExports();
});
afterAll(() => {
  Object.assign(crypto, { scrypt: originalScrypt });
  syncBuiltinESMExports();
});

const bob = parseUsername('bob');
const keyLine = (seed: number): string => {
  const field = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from('ssh-ed25519')), field(Buffer.alloc(32, seed))]).toString('base64')} key${seed}`;
};
const blobOf = (line: string): Uint8Array => Buffer.from(line.split(' ')[1] ?? '', 'base64');
const publicKey = (line: string) =>
  ({ kind: 'public-key', algorithm: 'ssh-ed25519', blob: blobOf(line) }) as const;
const password = (text: string) => ({ kind: 'password', password: text }) as const;

const entropy: Entropy = { bytes: (length) => randomBytes(length), id: () => randomBytes(8).toString('hex') };

let root: string;
let nowMs: number;
let bucket: string | null;
let logged: string[];
let directory: UserDirectory;
let logins: UserLogins;
let registry: UserRegistry;
let call: Call;
let held: TestKeys;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'sftpgw-users-')));
  nowMs = Date.UTC(2026, 4, 1, 12, 0, 0, 5);
  bucket = 'default-bucket';
  logged = [];
  const record: Logger['warn'] = (message, fields) => {
    logged.push(fields?.['problem'] === undefined ? message : `${message}: ${String(fields['problem'])}`);
  };
  const log: Logger = { debug: record, info: record, warn: record, error: record, child: () => log };
  call = { id: 'c', signal: new AbortController().signal, log };
  held = testKeys(root, log);
  const services = {
    directories: {
      homes: join(root, 'home'),
      shared: join(root, 'opt/sftpgw/shared'),
      removed: join(root, 'var/lib/sftpgw/removed'),
    },
    defaults: () => ({ bucket }),
    keys: held.keys,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: () => Promise.resolve() },
    entropy,
    passwordCost: { ln: 10, r: 8, p: 1 },
  };
  ({ directory, logins } = createUsers(services));
  registry = createUserRegistry(services);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const at = (path: string): string => join(root, 'home/bob', path);
const propertiesFile = (): string => at('.sftpgateway/user.properties');
const settings = () => directory.settings(call, bob);
const verify = (credential: Credential, address = '192.0.2.1', name = 'bob') =>
  opens(logins, call, name, credential, address);

describe('saving a user', () => {
  it('creates the account with its files and directories, readable only by the gateway', async () => {
    const key = CustomerKey.fromBytes(randomBytes(32));
    const change = {
      publicKeys: [keyLine(1)],
      password: 'pw',
      uploadOption: 3,
      uploadKey: key,
      downloads: true,
    } as const;
    expect(await registry.save(bob, change)).toBe('created');
    expect(await settings()).toEqual({
      username: 'bob',
      uploadBucket: 'default-bucket',
      uploadPrefix: 'bob/uploads/',
      uploadOption: 3,
      access: null,
      acl: null,
      uploadRights: allRights,
      uploadExclusions: [],
      downloads: true,
      shared: false,
      downloadsMode: 'mirror',
      downloadsDelete: false,
      local: true,
      localLimitBytes: null,
      localFilesLimit: null,
      downloadsPrefix: 'bob/downloads/',
      localDirectory: at('home/bob/local'),
      downloadsDirectory: at('home/bob/downloads'),
      sharedDirectory: join(root, 'opt/sftpgw/shared'),
    });
    expect(await directory.uploadEncryption(call, bob)).toMatchObject({
      kind: 'sse-c',
      key: { fingerprint: key.fingerprint },
    });
    expect((await directory.uploadKeys(call, bob)).map((found) => found.fingerprint)).toEqual([
      key.fingerprint,
    ]);
    for (const path of [
      '',
      '.sftpgateway',
      '.ssh',
      'home',
      'home/bob',
      'home/bob/downloads',
      'home/bob/local',
    ]) {
      expect((await stat(at(path))).mode & 0o777, path).toBe(0o700);
    }
    for (const path of [
      '.sftpgateway/user.properties',
      '.sftpgateway/password',
      '.sftpgateway/sse.key',
      '.ssh/authorized_keys',
    ]) {
      expect((await stat(at(path))).mode & 0o777, path).toBe(0o600);
    }
  });

  it('links the shared directory by a relative path, so that the root can be moved', async () => {
    await registry.save(bob, {});
    expect(await readlink(at('home/bob/shared'))).toBe('../../../../opt/sftpgw/shared');
    expect(await realpath(at('home/bob/shared'))).toBe(join(root, 'opt/sftpgw/shared'));
    await rm(at('home/bob/shared'));
    await mkdir(at('home/bob/shared'));
    await registry.save(bob, {});
    expect((await lstat(at('home/bob/shared'))).isSymbolicLink()).toBe(true);
    await rm(at('home/bob/shared'));
    await mkdir(at('home/bob/shared'));
    await writeFile(at('home/bob/shared/precious'), 'x');
    await expect(registry.save(bob, {})).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('amends an existing one, and keeps comments, order and other settings', async () => {
    await registry.save(bob, { uploadBucket: 'own-bucket', shared: true });
    const before = await readFile(propertiesFile(), 'utf8');
    await writeFile(propertiesFile(), `# by hand\n${before}\n# end\n`);
    expect(await registry.save(bob, { acl: 'bucket-owner-full-control', uploadPrefix: 'in/' })).toBe(
      'amended',
    );
    expect(await readFile(propertiesFile(), 'utf8')).toBe(
      `# by hand\n${before}\n# end\nupload.prefix=in/\nacl.option=7\n`,
    );
    expect(await settings()).toMatchObject({
      uploadBucket: 'own-bucket',
      uploadPrefix: 'in/',
      shared: true,
      acl: 'bucket-owner-full-control',
    });
  });

  it('adds public keys and keeps existing ones', async () => {
    await registry.save(bob, { publicKeys: [keyLine(1)] });
    await writeFile(at('.ssh/authorized_keys'), `# mine\nbroken line\nrestrict ${keyLine(2)}`);
    await registry.save(bob, { publicKeys: [keyLine(2), keyLine(3), `\n${keyLine(3)}\n`] });
    expect(await readFile(at('.ssh/authorized_keys'), 'utf8')).toBe(
      `# mine\nbroken line\nrestrict ${keyLine(2)}\n${keyLine(3)}\n`,
    );
  });

  it.each([
    [{ uploadOption: 3 as const }, 'key-missing', /option 3/],
    [{ uploadOption: 2 as const }, 'invalid', /line 2: sse\.option=2 needs sse\.kms\.key\.arn/],
    [{ uploadPrefix: 'no-slash' }, 'invalid', /upload\.prefix must end with "\/"/],
    [{ publicKeys: ['-----BEGIN OPENSSH PRIVATE KEY-----'] }, 'invalid', /private key/],
    [{ password: '' }, 'invalid', /password/],
  ])('refuses %j before it writes anything', async (change, kind, hint) => {
    await expect(registry.save(bob, change)).rejects.toMatchObject({
      kind,
      hint: expect.stringMatching(hint),
    });
    expect(await readdir(root)).toEqual([]);
  });

  it('refuses to amend a file with an error, and reports its line', async () => {
    await registry.save(bob, {});
    await appendFile(propertiesFile(), 'sse.optoin=3\n');
    await expect(registry.save(bob, { shared: true })).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringMatching(/user\.properties line 5: unknown setting "sse\.optoin"/),
    });
  });

  it('keeps all parallel changes of one user', async () => {
    await registry.save(bob, {});
    await Promise.all([1, 2, 3, 4, 5].map((seed) => registry.save(bob, { publicKeys: [keyLine(seed)] })));
    expect((await registry.describe(bob))?.publicKeyCount).toBe(5);
  });
});

describe('describing and removing', () => {
  it('returns the users with their problems', async () => {
    expect(await registry.describe(bob)).toBeNull();
    expect(await registry.list()).toEqual([]);
    const key = CustomerKey.fromBytes(randomBytes(32));
    await registry.save(bob, { uploadOption: 3, uploadKey: key, publicKeys: [keyLine(1)] });
    await registry.save(parseUsername('alice'), { password: 'pw', downloads: true });
    await mkdir(join(root, 'home/not-a-user'));
    await mkdir(join(root, 'home/.hidden'));
    await appendFile(at('.ssh/authorized_keys'), 'junk\n');
    expect(await registry.list()).toEqual([
      {
        username: 'alice',
        uploadOption: 1,
        uploadBucket: 'default-bucket',
        uploadPrefix: 'alice/uploads/',
        access: null,
        uploadRights: 'all',
        uploadExclusions: [],
        uploadKeyFingerprint: null,
        syncOption: null,
        syncKeyFingerprint: null,
        publicKeyCount: 0,
        publicKeys: [],
        hasPassword: true,
        loginMethods: 'publickey password',
        loginFrom: null,
        disabled: false,
        expiresMs: null,
        hasTotp: false,
        canLogIn: true,
        downloads: true,
        shared: false,
        local: true,
        localLimitBytes: null,
        localFilesLimit: null,
        problems: [],
      },
      expect.objectContaining({
        username: 'bob',
        uploadKeyFingerprint: key.fingerprint,
        publicKeyCount: 1,
        hasPassword: false,
        problems: [expect.stringMatching(/authorized_keys line 2: /)],
      }),
    ]);
  });

  it('removes a user at once and keeps all files', async () => {
    const key = CustomerKey.fromBytes(randomBytes(32));
    await registry.save(bob, { uploadOption: 3, uploadKey: key, password: 'pw' });
    await writeFile(at('home/bob/local/file'), 'content');
    expect(await settings()).not.toBeNull();
    const kept = await registry.remove(bob);
    expect(kept).toBe(join(root, 'var/lib/sftpgw/removed/bob-20260501T120000005Z'));
    expect(await readFile(join(kept ?? '', '.sftpgateway/sse.key'))).toEqual(Buffer.from(key.reveal()));
    expect(await readFile(join(kept ?? '', 'home/bob/local/file'), 'utf8')).toBe('content');
    expect(await settings()).toBeNull();
    expect(await verify(password('pw'))).toBe(false);
    expect(await registry.remove(bob)).toBeNull();
    await registry.save(bob, {});
    expect(await registry.remove(bob)).toBe(`${kept}-2`);
  });
});

describe('settings', () => {
  it('are null for an unknown user, and follow the file without a restart', async () => {
    expect(await settings()).toBeNull();
    await registry.save(bob, {});
    expect((await settings())?.uploadOption).toBe(1);
    await appendFile(propertiesFile(), 'sse.option=4\n');
    expect((await settings())?.uploadOption).toBe(4);
    expect(await directory.uploadEncryption(call, bob)).toEqual({ kind: 'bucket-default' });
    await appendFile(propertiesFile(), 'sse.kms.key.arn=my-key\nsse.option=2\nsse.sync.option=3\n');
    expect(await directory.uploadEncryption(call, bob)).toEqual({ kind: 'sse-kms', keyArn: 'my-key' });
  });

  it('use the present global bucket; without any bucket the fault names the setting', async () => {
    await registry.save(bob, {});
    bucket = 'another';
    expect((await settings())?.uploadBucket).toBe('another');
    bucket = null;
    await expect(settings()).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringMatching(/upload\.bucket/),
    });
  });

  it('remain the last valid ones if the file has an error, which is logged once per change', async () => {
    await registry.save(bob, { shared: true });
    await settings();
    logged.length = 0;
    await appendFile(propertiesFile(), 'sse.option=9\n');
    for (let round = 0; round < 3; round++)
      expect(await settings()).toMatchObject({ shared: true, uploadOption: 1 });
    expect(await directory.uploadEncryption(call, bob)).toEqual({ kind: 'sse-s3' });
    expect(logged.filter((message) => message.includes('must be 1'))).toEqual([
      expect.stringMatching(/user\.properties line 5: sse\.option must be 1/),
    ]);
    await appendFile(propertiesFile(), 'sse.option=4\n');
    expect(await settings()).toMatchObject({ uploadOption: 4 });
  });

  it('are refused, with file and line, if no earlier version was valid', async () => {
    await registry.save(bob, {});
    await writeFile(propertiesFile(), '# x\nupload.exclusions=*\n');
    await expect(settings()).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringContaining(`${propertiesFile()} line 2: upload.exclusions must be`),
    });
    await expect(directory.uploadEncryption(call, bob)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('may be the whole of an own bucket, but not of the default one', async () => {
    await registry.save(bob, { uploadBucket: 'own-bucket', uploadPrefix: '' });
    expect(await settings()).toMatchObject({ uploadBucket: 'own-bucket', uploadPrefix: '' });
    const refused = { kind: 'invalid', hint: expect.stringContaining('the default bucket is not') };
    await expect(registry.save(bob, { uploadBucket: 'default-bucket' })).rejects.toMatchObject(refused);
    expect(await settings()).toMatchObject({ uploadBucket: 'own-bucket' });
    const eve = parseUsername('eve');
    await expect(registry.save(eve, { uploadPrefix: '' })).rejects.toMatchObject(refused);
    expect(await registry.describe(eve)).toBeNull();
    await registry.save(eve, {});
    await appendFile(join(root, 'home/eve/.sftpgateway/user.properties'), 'upload.prefix=/\n');
    await expect(directory.settings(call, eve)).rejects.toMatchObject(refused);
    expect((await registry.describe(eve))?.problems).toEqual([
      expect.stringContaining('the default bucket is not'),
    ]);
  });

  it('with option 3 need a key file, which the fault names', async () => {
    await registry.save(bob, {});
    await appendFile(propertiesFile(), 'sse.option=3\n');
    await expect(directory.uploadEncryption(call, bob)).rejects.toMatchObject({
      kind: 'key-missing',
      hint: expect.stringContaining(at('.sftpgateway/sse.key')),
    });
    await writeFile(at('.sftpgateway/sse.key'), 'short');
    await expect(directory.uploadEncryption(call, bob)).rejects.toMatchObject({ kind: 'invalid' });
  });
});

describe('logging in', () => {
  it('accepts a public key as long as it is in the file', async () => {
    await registry.save(bob, { publicKeys: [keyLine(1)] });
    expect(await verify(publicKey(keyLine(1)))).toBe(true);
    expect(await verify(publicKey(keyLine(2)))).toBe(false);
    await appendFile(at('.ssh/authorized_keys'), `${keyLine(2)}\n`);
    expect(await verify(publicKey(keyLine(2)))).toBe(true);
    await writeFile(at('.ssh/authorized_keys'), '');
    expect(await verify(publicKey(keyLine(1)))).toBe(false);
  });

  it('respects from= and expiry-time= of the line', async () => {
    await registry.save(bob, {
      publicKeys: [`from="192.0.2.0/24,!192.0.2.66",expiry-time="20260501120001Z" ${keyLine(1)}`],
    });
    expect(await verify(publicKey(keyLine(1)), '192.0.2.1')).toBe(true);
    expect(await verify(publicKey(keyLine(1)), '::ffff:192.0.2.1')).toBe(true);
    expect(await verify(publicKey(keyLine(1)), '192.0.2.66')).toBe(false);
    expect(await verify(publicKey(keyLine(1)), '203.0.113.1')).toBe(false);
    nowMs += 1000;
    expect(await verify(publicKey(keyLine(1)), '192.0.2.1')).toBe(false);
  });

  it('logs an unusable line once, with its number', async () => {
    await registry.save(bob, {});
    await writeFile(at('.ssh/authorized_keys'), `command="/bin/sh" ${keyLine(1)}\n${keyLine(2)}\n`);
    expect(await verify(publicKey(keyLine(1)))).toBe(false);
    expect(await verify(publicKey(keyLine(2)))).toBe(true);
    expect(logged).toEqual([expect.stringMatching(/authorized_keys line 1: a forced command/)]);
  });

  it('accepts only the right password', async () => {
    await registry.save(bob, { password: 'correct horse' });
    expect(await verify(password('correct horse'))).toBe(true);
    expect(await verify(password('wrong'))).toBe(false);
    await registry.save(bob, { password: 'new' });
    expect(await verify(password('new'))).toBe(true);
    expect(await verify(password('correct horse'))).toBe(false);
    expect(await readFile(at('.sftpgateway/password'), 'utf8')).not.toContain('new');
  });

  it('accepts a right password from the networks of login.from only', async () => {
    await registry.save(bob, { password: 'pw', publicKeys: [keyLine(1)] });
    await appendFile(propertiesFile(), 'login.from=192.0.2.0/24\n');
    expect(await verify(password('pw'), '192.0.2.9')).toBe(true);
    expect(await verify(password('pw'), '198.51.100.1')).toBe(false);
    expect(await verify(password('pw'), '192.0.2.9')).toBe(true);
  });

  it('refuses keys and password of a home without user.properties', async () => {
    await registry.save(bob, { password: 'pw', publicKeys: [keyLine(1)] });
    await rm(propertiesFile());
    expect(await verify(password('pw'))).toBe(false);
    expect(await verify(publicKey(keyLine(1)))).toBe(false);
  });

  it('refuses malformed names without a fault', async () => {
    for (const name of ['', '..', '../etc', 'a/b', 'x'.repeat(5000), 'nobody\0']) {
      expect(await verify(publicKey(keyLine(1)), '192.0.2.1', name)).toBe(false);
    }
    expect(await verify(password('x'), 'not an address', '../bob')).toBe(false);
  });

  it('refuses and logs a login if a file is unusable', async () => {
    await registry.save(bob, { password: 'pw', publicKeys: [keyLine(1)] });
    await rm(at('.ssh/authorized_keys'));
    await mkdir(at('.ssh/authorized_keys'));
    await writeFile(at('.sftpgateway/password'), 'not a stored password');
    logged.length = 0;
    expect(await verify(publicKey(keyLine(1)))).toBe(false);
    expect(await verify(password('pw'))).toBe(false);
    expect(logged).toEqual(['cannot check login', 'cannot check login']);
  });

  it('costs the same computation for an unknown user as for a wrong password', async () => {
    await registry.save(bob, { password: 'pw' });
    await registry.save(parseUsername('alice'), { publicKeys: [keyLine(1)] });
    const costs: unknown[] = [];
    for (const name of ['bob', 'nobody', '../x', 'alice']) {
      scryptCalls.length = 0;
      expect(await verify(password('wrong'), '192.0.2.1', name)).toBe(false);
      costs.push(scryptCalls.map(({ N, r, p }) => ({ N, r, p })));
    }
    expect(costs).toEqual(new Array(4).fill([{ N: 1024, r: 8, p: 1 }]));
  });
});

describe.skipIf(process.getuid?.() === 0)('unreadable files', () => {
  it('leave the last valid settings in force', async () => {
    await registry.save(bob, { shared: true });
    await settings();
    await chmod(propertiesFile(), 0o000);
    expect(await settings()).toMatchObject({ shared: true });
    expect(logged).toEqual(['cannot read user settings']);
  });
});
