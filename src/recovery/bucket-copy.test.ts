import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newAgeIdentity } from '../keyring/age.js';
import { testEntropy } from '../keyring/testing/keyring-world.js';
import { CustomerKey } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import { parseUsername } from '../model/users.js';
import { opens } from '../users/testing/plain-logins.js';
import { createUsers } from '../users/user-directory.js';
import { createUserRegistry } from '../users/user-registry.js';
import { MemoryStore } from '../vault/testing/memory-store.js';
import { snapshotSigner } from './authenticity.js';
import { CopyBucket } from './copy-bucket.js';
import { readCopyState } from './copy-state.js';
import { findSnapshot } from './find-snapshot.js';
import { unpackSnapshot } from './snapshot.js';
import { bucket, call, Machine } from './testing/machine.js';

const bob = parseUsername('bob');
const alice = parseUsername('alice');

let store: MemoryStore;
let old: Machine;
let fresh: Machine;
beforeEach(async () => {
  store = new MemoryStore({ bucket });
  old = await Machine.make(store);
  fresh = await Machine.make(store);
});
afterEach(async () => {
  await old[Symbol.asyncDispose]();
  await fresh[Symbol.asyncDispose]();
});

const keysInBucket = () => [...store.objects.keys()].map((name) => name.slice(bucket.length + 1)).toSorted();
const snapshotsInBucket = () => keysInBucket().filter((key) => key.includes('/snapshots/'));
const snapshotName = (number: number) =>
  `.sftpgw/snapshots/snapshot-${String(number).padStart(10, '0')}.tar.gz.age`;
const newKey = () => CustomerKey.fromBytes(testEntropy.bytes(32));

async function withUsers(machine: Machine): Promise<readonly CustomerKey[]> {
  const keys = [newKey(), newKey(), newKey()];
  const registry = createUserRegistry(machine.services);
  await machine.write('opt/sftpgw/sftpgateway.properties', 'bucket=bucket\n# mine\n');
  await machine.write('var/lib/sftpgw/host-keys/ssh_host_ed25519_key', 'host key');
  await machine.write('root/.sftpgateway/user.properties', 'sse.sync.option=3\n');
  for (const uploadKey of keys) await registry.save(bob, { uploadOption: 3, uploadKey, password: 'secret' });
  await registry.save(alice, { uploadOption: 1 });
  await registry.createTotp(alice, 'host');
  await machine.write('root/.sftpgateway/sse-sync.key', newKey().reveal());
  return keys;
}

describe('a lost machine', () => {
  it('is recovered with settings, users, their keys and the host keys from bucket and identity', async () => {
    const keys = await withUsers(old);
    await old.initRecovery();
    expect(await old.copy.run(call)).toMatchObject({ kind: 'complete', snapshot: 1, isNewSnapshot: true });
    const before = await createUserRegistry(old.services).list();
    const shared = await old.read('root/.sftpgateway/sse-sync.key');
    const totp = await old.read('home/alice/.sftpgateway/totp.secret');
    await rm(old.world.root, { recursive: true });

    const { keys: imported, restored, found } = await fresh.recover(store, old.world.recovery);
    expect(found).toMatchObject({ isSigned: true, passedOver: [] });
    expect(imported).toEqual({ keys: 4, problems: [] });
    expect(restored).toMatchObject({ users: ['alice', 'bob'], keyFiles: 4, problems: [] });
    expect(await createUserRegistry(fresh.services).list()).toEqual(before);
    const { directory, logins } = createUsers(fresh.services);
    expect((await directory.uploadKeys(call, bob)).map((key) => key.fingerprint)).toEqual(
      keys.map((key) => key.fingerprint).reverse(),
    );
    const password = { kind: 'password', password: 'secret' } as const;
    expect(await opens(logins, call, 'bob', password, '127.0.0.1')).toBe(true);
    expect(await fresh.read('root/.sftpgateway/sse-sync.key')).toEqual(shared);
    expect(await fresh.read('home/alice/.sftpgateway/totp.secret')).toEqual(totp);
    expect(await fresh.read('var/lib/sftpgw/host-keys/ssh_host_ed25519_key')).toEqual(
      Buffer.from('host key'),
    );
    expect(await fresh.read('opt/sftpgw/sftpgateway.properties')).toEqual(
      Buffer.from('bucket=bucket\n# mine\n'),
    );
    const mode = async (path: string) => (await stat(join(fresh.world.root, path))).mode & 0o777;
    expect(await mode('home/bob/.sftpgateway/sse.key')).toBe(0o600);
    expect(await mode('home/bob/.sftpgateway')).toBe(0o700);
    expect(await mode('opt/sftpgw/sftpgateway.properties')).toBe(0o644);
    // The keys now open without the recovery identity, and are still recoverable.
    expect(await fresh.keyring.problems()).toEqual([]);
    expect((await fresh.keyring.list()).every((key) => key.isRecoverable)).toBe(true);
  });

  it('is recovered to the same state after any interruption and repetition', async () => {
    await withUsers(old);
    await old.initRecovery();
    await old.copy.run(call);
    // Interrupts at each request, then after each file. Every run continues on the root that the last
    // one left.
    let reads = 0;
    let interruptions = 0;
    for (let limit = 1; ; limit++) {
      reads = 0;
      store.hooks.before = (operation) => {
        if (operation === 'read' && ++reads > limit) throw new Fault('unavailable', 'S3 is unavailable');
      };
      let files = 0;
      try {
        await fresh.recover(store, old.world.recovery, false, () => {
          if (++files > interruptions - 4) throw new Fault('cancelled', 'interrupted');
        });
        break;
      } catch (error) {
        interruptions += 1;
        expect(error).toMatchObject({ kind: expect.stringMatching(/unavailable|cancelled/) });
        // Every existing user is complete.
        for (const user of await createUserRegistry(fresh.services).list()) expect(user.problems).toEqual([]);
      }
    }
    expect(interruptions).toBeGreaterThan(15);
    store.hooks = {};
    const { keys, restored } = await fresh.recover(store, old.world.recovery);
    expect(keys).toEqual({ keys: 4, problems: [] });
    expect(restored.problems).toEqual([]);
    expect(await createUserRegistry(fresh.services).list()).toEqual(
      await createUserRegistry(old.services).list(),
    );
  });

  it('is recovered without a damaged key, which is reported', async () => {
    const [key] = await withUsers(old);
    await old.initRecovery();
    await old.copy.run(call);
    const name = `.sftpgw/keys/${key?.fingerprint}.age`;
    store.contentOf({ bucket, key: name })?.writeUInt8(0, 200);
    const { keys, restored } = await fresh.recover(store, old.world.recovery);
    expect(keys).toEqual({ keys: 3, problems: [`${name} is damaged`] });
    expect(restored.problems).toEqual([
      `home/bob/.sftpgateway/sse.key.${key?.fingerprint} was not restored: its key ${key?.fingerprint} is not in the copy`,
    ]);
    expect(await createUserRegistry(fresh.services).list()).toHaveLength(2);
  });
});

describe('the snapshot for a recovery', () => {
  it('must be sealed to the identity', async () => {
    await old.initRecovery();
    await old.copy.run(call);
    await expect(fresh.recover(store, await newAgeIdentity())).rejects.toMatchObject({
      kind: 'key-mismatch',
      hint: expect.stringMatching(/this identity does not open any snapshot/),
    });
  });

  it('must exist, or the fault names the bucket', async () => {
    await expect(fresh.recover(store, old.world.recovery)).rejects.toMatchObject({
      kind: 'not-found',
      hint: expect.stringContaining('s3://bucket/.sftpgw/'),
    });
  });

  it('is the newest intact one', async () => {
    await withUsers(old);
    await old.initRecovery();
    await old.copy.run(call);
    await old.write('home/bob/.ssh/authorized_keys', '# later\n');
    await old.copy.run(call);
    const damaged = store.contentOf({ bucket, key: snapshotName(2) });
    damaged?.writeUInt8((damaged.at(-1) ?? 0) ^ 1, damaged.byteLength - 1);
    const { found } = await fresh.recover(store, old.world.recovery);
    expect(found).toMatchObject({ number: 1, passedOver: ['snapshot 2 is damaged'] });
    store.contentOf({ bucket, key: snapshotName(1) })?.fill(0, 0, 5);
    await expect(fresh.recover(store, old.world.recovery)).rejects.toMatchObject({ kind: 'corrupt' });
  });

  it('is never one that another client sealed to the recipient', async () => {
    await withUsers(old);
    await old.initRecovery();
    await old.copy.run(call);
    // The attacker can write to the bucket and knows the recipient, and copies there from their own gateway.
    const attacker = await Machine.make(store);
    await attacker.keyring.addRecoveryRecipient(old.world.recovery.recipient);
    await createUserRegistry(attacker.services).save(parseUsername('mallory'), { uploadOption: 1 });
    await attacker.copy.run(call, { takeOver: true });
    expect(snapshotsInBucket()).toHaveLength(2);
    const { found, restored } = await fresh.recover(store, old.world.recovery);
    expect(found).toMatchObject({ number: 1, passedOver: ['snapshot 2 is not signed with this identity'] });
    expect(restored.users).toEqual(['alice', 'bob']);
    // An old snapshot under a new number is refused too.
    const first = { bucket, key: snapshotName(1) };
    const metadata = store.infoOf(first)?.metadata ?? {};
    await new CopyBucket(store, bucket).create(
      call,
      snapshotName(3),
      store.contentOf(first) ?? Buffer.alloc(0),
      metadata,
    );
    const again = await fresh.recover(store, old.world.recovery, true);
    expect(again.found.passedOver[0]).toMatch(/snapshot 3 has a wrong signature/);
    await attacker[Symbol.asyncDispose]();
  });

  it('may be unsigned, if accepted, for a recipient whose identity was never here', async () => {
    await withUsers(old);
    await old.keyring.addRecoveryRecipient(old.world.recovery.recipient);
    await old.copy.run(call);
    await expect(fresh.recover(store, old.world.recovery)).rejects.toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining('--accept-unsigned'),
    });
    expect((await fresh.recover(store, old.world.recovery, true)).found.isSigned).toBe(false);
  });
});

describe('the copy', () => {
  it('is not made without a recovery recipient, or if the setting is off', async () => {
    await withUsers(old);
    expect(await old.copy.run(call)).toEqual({ kind: 'no-recipient' });
    await old.initRecovery();
    old.isWanted = false;
    expect(await old.copy.run(call)).toEqual({ kind: 'off' });
    expect(store.objects.size).toBe(0);
  });

  it('uploads only changes', async () => {
    await withUsers(old);
    await old.initRecovery();
    await old.copy.run(call);
    await old.copy.run(call);
    const puts = store.count('put');
    expect(await old.copy.isOutdated()).toBe(false);
    expect(await old.copy.run(call)).toEqual({
      kind: 'complete',
      changedFiles: 0,
      snapshot: 1,
      isNewSnapshot: false,
    });
    expect(await old.process(store).run(call)).toMatchObject({ changedFiles: 0, isNewSnapshot: false });
    expect(store.count('put')).toBe(puts);

    await old.write('home/bob/.ssh/authorized_keys', '# changed\n');
    expect(await old.copy.isOutdated()).toBe(true);
    expect(await old.copy.run(call)).toMatchObject({ changedFiles: 0, snapshot: 2 });
    await old.keyring.generate({ label: '', owner: { kind: 'none' } });
    expect(await old.copy.isOutdated()).toBe(true);
    expect(await old.copy.run(call)).toMatchObject({ changedFiles: 2, snapshot: 3 });
  });

  it('names who signs it', async () => {
    expect((await old.copy.status()).signers).toEqual([]);
    await old.initRecovery();
    const { name } = snapshotSigner(old.world.recovery.secret);
    expect((await old.copy.status()).signers).toEqual([name]);
  });

  it('is sealed: the bucket has no secret of the root, and S3 receives no customer key', async () => {
    const keys = await withUsers(old);
    await old.initRecovery();
    await old.copy.run(call);
    const signer = snapshotSigner(old.world.recovery.secret);
    const password = await old.read('home/bob/.sftpgateway/password');
    const secrets = [...keys.map((key) => Buffer.from(key.reveal())), Buffer.from(signer.key), password];
    for (const name of keysInBucket()) {
      const content = store.contentOf({ bucket, key: name }) ?? Buffer.alloc(0);
      for (const secret of [...secrets, Buffer.from('host key'), Buffer.from('AGE-SECRET-KEY')]) {
        expect(content.includes(secret)).toBe(false);
      }
      expect(store.encryptionOf({ bucket, key: name })).toEqual({ kind: 'bucket-default' });
    }
    expect(keysInBucket()).not.toContain('.sftpgw/keys/recovery-recipients.txt');
  });

  it('is restored after its objects were removed from the bucket', async () => {
    await withUsers(old);
    await old.initRecovery();
    await old.copy.run(call);
    const all = keysInBucket();
    for (const key of all) await store.remove(call, { bucket, key });
    await old.copy.run(call);
    expect(keysInBucket()).toEqual(all);
  });

  it('imports raw key files into the keyring first', async () => {
    const keys = await withUsers(old);
    await old.initRecovery();
    await old.copy.run(call);
    for (const { fingerprint } of keys) {
      expect(await old.keyring.describe(fingerprint)).toMatchObject({
        owner: { kind: 'user', username: 'bob' },
      });
    }
  });
});

describe('snapshots', () => {
  it('of two parallel processes never replace each other, and the last has the last state', async () => {
    await withUsers(old);
    await old.initRecovery();
    await old.copy.run(call);
    const both = [old.process(store), old.process(store)];
    for (let round = 0; round < 5; round++) {
      await old.write('home/bob/.ssh/authorized_keys', `# ${round}\n`);
      await Promise.all(both.map((copy) => copy.run(call)));
    }
    const { snapshot } = await findSnapshot(call, new CopyBucket(store, bucket), old.world.recovery, false);
    const keys = snapshot.files.find(({ path }) => path === 'home/bob/.ssh/authorized_keys');
    expect(Buffer.from(keys?.content ?? []).toString()).toBe('# 4\n');
  });

  it('that begin before another one is written are read again', async () => {
    await old.initRecovery();
    await old.copy.run(call);
    const other = old.process(store);
    let isFirst = true;
    store.hooks.before = async (operation, ref) => {
      if (operation !== 'put' || ref.key !== snapshotName(2) || !isFirst) return;
      isFirst = false;
      // Meanwhile another process has read a later state and written it.
      await old.write('root/.sftpgateway/user.properties', '# later\n');
      expect(await other.run(call)).toMatchObject({ snapshot: 2, isNewSnapshot: true });
    };
    await old.write('root/.sftpgateway/user.properties', '# earlier\n');
    await old.copy.run(call);
    const { snapshot } = await findSnapshot(call, new CopyBucket(store, bucket), old.world.recovery, false);
    expect(Buffer.from(snapshot.files.at(-1)?.content ?? []).toString()).not.toContain('earlier');
  });

  it('of another gateway stop the copy until a take-over, which stops the other gateway', async () => {
    await old.initRecovery();
    await old.copy.run(call);
    await fresh.initRecovery(old.world.recovery);
    await fresh.write('root/.sftpgateway/user.properties', '# mine\n');
    await expect(fresh.copy.run(call)).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('--take-over'),
    });
    expect(await fresh.copy.run(call, { takeOver: true })).toMatchObject({ snapshot: 2 });
    expect(await fresh.copy.run(call)).toMatchObject({ kind: 'complete', isNewSnapshot: false });
    await expect(old.copy.run(call)).rejects.toMatchObject({ kind: 'conflict' });
  });

  it('are continued by gateways that share their identity and their database', async () => {
    await old.initRecovery();
    // The first gateway had the bucket alone.
    await old.copy.run(call);
    const shared = old.process(store, { isShared: true });
    expect(await shared.run(call)).toMatchObject({ snapshot: 2, isNewSnapshot: true });
    expect(await shared.run(call)).toMatchObject({ snapshot: 2, isNewSnapshot: false });
    const stateFile = `${old.stateFile}-of-another-machine`;
    const other = old.process(store, { isShared: true, stateFile });
    expect(await other.run(call)).toMatchObject({ snapshot: 3 });
    expect(await shared.run(call)).toMatchObject({ snapshot: 4 });
  });

  it('are pruned to the last five', async () => {
    const nowMs = Date.UTC(2026, 10, 9);
    store = new MemoryStore({ bucket, nowMs: () => nowMs });
    old.copy = old.process(store);
    await old.initRecovery();
    for (let number = 1; number <= 9; number++) {
      await old.write('root/.sftpgateway/user.properties', `# ${number}\n`);
      await old.copy.run(call);
    }
    // Each run prunes the snapshots that it found at its start.
    expect(snapshotsInBucket()).toEqual([4, 5, 6, 7, 8, 9].map(snapshotName));
  });
});

it('a failure is recorded until the next success', async () => {
  await old.initRecovery();
  store.hooks.before = () => {
    throw new Fault('unavailable', 'S3 is unavailable');
  };
  await expect(old.copy.run(call)).rejects.toMatchObject({ kind: 'unavailable' });
  expect(await readCopyState(old.stateFile)).toMatchObject({
    completeMs: null,
    failure: { text: 'S3 is unavailable' },
  });
  store.hooks = {};
  await old.copy.run(call);
  expect(await readCopyState(old.stateFile)).toMatchObject({ completeMs: expect.any(Number), failure: null });
});

it('the snapshot opens with the gateway’s own identity too', async () => {
  await old.initRecovery();
  await old.keyring.generate({ label: '', owner: { kind: 'none' } });
  await old.copy.run(call);
  const { unseal, parseAgeIdentity } = await import('../keyring/age.js');
  const own = await parseAgeIdentity(await readFile(old.world.identityFile, 'utf8'));
  const opened = await unseal(store.contentOf({ bucket, key: snapshotName(1) }) ?? Buffer.alloc(0), own);
  expect(opened.kind === 'opened' && unpackSnapshot(opened.bytes).bucket).toBe(bucket);
});
