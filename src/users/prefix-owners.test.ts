import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownersOf, type PrefixOwners } from '../model/users/prefix-owners.js';
import { call, keyNamed, quickClock, seededEntropy } from '../vault/testing/vault-world.js';
import { createPrefixOwners } from './prefix-owners.js';
import { testKeys } from './testing/test-keys.js';
import { createUsers } from './user-directory.js';
import { createUserRegistry } from './user-registry.js';

let root: string;
let owners: PrefixOwners;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'prefix-owners-'));
  const directories = {
    homes: join(root, 'home'),
    shared: join(root, 'shared'),
    removed: join(root, 'removed'),
  };
  const { keys } = testKeys(root, call().log);
  const defaults = () => ({ bucket: 'default-bucket' });
  const services = { directories, defaults, keys, clock: quickClock, entropy: seededEntropy('users') };
  owners = createPrefixOwners({
    ...services,
    sharedSettingsDirectory: join(root, 'root'),
    users: createUsers(services).directory,
    registry: createUserRegistry(services),
    call: call(),
  });
});
afterEach(() => rmSync(root, { recursive: true }));

function user(name: string, properties: string): string {
  const directory = join(root, 'home', name, '.sftpgateway');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'user.properties'), properties);
  return directory;
}

async function encryptionAt(key: string, bucket = 'default-bucket') {
  const [owner] = ownersOf(await owners.list(), { bucket, key });
  return owner === undefined ? null : owner.encryption();
}

describe('the owner of a prefix', () => {
  it('sets the encryption, separately for the uploads and downloads of a user', async () => {
    const bob = user('bob', 'sse.option=3\nsse.sync.option=3\nacl.option=7\n');
    writeFileSync(join(bob, 'sse.key'), keyNamed('up').reveal(), { mode: 0o600 });
    writeFileSync(join(bob, 'sse-sync.key'), keyNamed('down').reveal(), { mode: 0o600 });
    expect(await encryptionAt('bob/uploads/a')).toEqual({ kind: 'sse-c', key: keyNamed('up') });
    expect(await encryptionAt('bob/downloads/a')).toEqual({ kind: 'sse-c', key: keyNamed('down') });
    expect(await encryptionAt('bob/a')).toBeNull();
    expect(await encryptionAt('bob/uploads/a', 'another-bucket')).toBeNull();
    const [owner] = ownersOf(await owners.list(), { bucket: 'default-bucket', key: 'bob/uploads/a' });
    expect(owner).toMatchObject({ name: 'the uploads of bob', acl: 'bucket-owner-full-control' });
  });

  it('may have its own bucket and prefix, and the innermost prefix applies', async () => {
    user('ann', 'sse.option=1\nupload.bucket=anns\nupload.prefix=in/\n');
    user('kim', 'sse.option=4\nupload.bucket=anns\nupload.prefix=in/kim/\n');
    expect(await encryptionAt('in/a', 'anns')).toEqual({ kind: 'sse-s3' });
    expect(await encryptionAt('in/kim/a', 'anns')).toEqual({ kind: 'bucket-default' });
  });

  it('throws if the files do not set the encryption, or the key is missing', async () => {
    user('bob', 'sse.option=1\n');
    user('eve', 'sse.option=1\nsse.sync.option=3\n');
    await expect(encryptionAt('bob/downloads/a')).rejects.toThrow(/bob.*does not set sse\.sync\.option/);
    await expect(encryptionAt('eve/downloads/a')).rejects.toMatchObject({ kind: 'key-missing' });
    await expect(encryptionAt('shared/a')).rejects.toThrow(/root\/user\.properties does not set/);
  });

  it.each([
    [1, { kind: 'sse-s3' }],
    [4, { kind: 'bucket-default' }],
  ] as const)(
    'may set downloads to the encryption %i, whatever the uploads have',
    async (option, encryption) => {
      user('bob', `sse.option=2\nsse.kms.key.arn=alias/k\nsse.sync.option=${option}\n`);
      expect(await encryptionAt('bob/downloads/a')).toEqual(encryption);
      expect(await encryptionAt('bob/uploads/a')).toEqual({ kind: 'sse-kms', keyArn: 'alias/k' });
    },
  );

  it('does not encrypt with a KMS key that is not named', async () => {
    user('bob', 'sse.option=1\nsse.sync.option=2\n');
    await expect(encryptionAt('bob/downloads/a')).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringContaining('sse.sync.option=2 needs sse.kms.key.arn'),
    });
  });

  it('is not one whose settings are wrong, and the other owners stay', async () => {
    user('ann', 'sse.option=1\n');
    user('bob', 'sse.option=9\n');
    const names = (await owners.list()).map(({ name, username, prefix, acl }) => [
      name,
      username,
      prefix,
      acl,
    ]);
    expect(names).toEqual([
      ['the uploads of ann', 'ann', 'ann/uploads/', null],
      ['the downloads of ann', 'ann', 'ann/downloads/', null],
      ['the shared directory', null, 'shared/', null],
    ]);
  });

  it('takes the encryption of shared/ from root’s files', async () => {
    mkdirSync(join(root, 'root'));
    writeFileSync(join(root, 'root', 'user.properties'), 'sse.sync.option=2\nsse.kms.key.arn=alias/k\n');
    expect(await encryptionAt('shared/a')).toEqual({ kind: 'sse-kms', keyArn: 'alias/k' });
  });
});
