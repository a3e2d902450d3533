import { chmod, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '../model/call.js';
import { CustomerKey, type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import type { KeyOwner, KeyState } from '../model/keyring.js';
import type { UnusedKeyProof } from '../model/ledger.js';
import { newAgeIdentity, sealTo } from './age.js';
import { createAuditSigner } from './audit-signer.js';
import { GatewayIdentity } from './gateway-identity.js';
import { createKeyFiles, keyFileProblems } from './key-files.js';
import type { KeyRecord } from './key-record.js';
import type { KeyEntry } from './keyring-files.js';
import { KeyringLock } from './keyring-lock.js';
import { OwnerIndex } from './owner-index.js';
import { type KeyringWorld, keyringWorld, testClock, testEntropy } from './testing/keyring-world.js';

let world: KeyringWorld;
beforeEach(async () => {
  world = await keyringWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const unowned = { label: '', owner: { kind: 'none' } } as const;
const newKey = () => CustomerKey.fromBytes(testEntropy.bytes(32));
const fileOf = (id: KeyFingerprint, extension: 'age' | 'json') => join(world.keys, `${id}.${extension}`);

describe('the keys of an owner', () => {
  const idOf = (digit: number) => parseKeyFingerprint(String(digit).repeat(32));
  function entry(
    digit: number,
    owner: KeyOwner,
    change: { readonly createdMs?: number; readonly state?: KeyState; readonly hasSealedFile?: boolean } = {},
  ): readonly [KeyFingerprint, KeyEntry] {
    const { createdMs = 0, state = 'active', hasSealedFile = true } = change;
    const id = idOf(digit);
    const record: KeyRecord = {
      id,
      md5Base64: '',
      label: '',
      owner,
      origin: 'generated',
      createdMs,
      state,
      stateChangedMs: null,
      sealedTo: [],
    };
    return [id, { id, record, recordProblem: null, hasSealedFile }];
  }
  const bob: KeyOwner = { kind: 'user', username: 'bob' };
  const indexOf = (entries: readonly (readonly [KeyFingerprint, KeyEntry])[]) =>
    new OwnerIndex({
      entries: new Map(entries),
      unknownFiles: [],
      hasLeftovers: false,
      hasSealedFiles: true,
    });
  const idsOf = (index: OwnerIndex, owner: KeyOwner) => index.of(owner).ids.map((id) => Number(id[0]));

  it('are active before retired, newer before older, and those of the same time by their ids', () => {
    const index = indexOf([
      entry(1, bob, { createdMs: 1 }),
      entry(2, bob, { createdMs: 3, state: 'retired' }),
      entry(3, bob, { createdMs: 2 }),
      entry(4, bob, { createdMs: 2 }),
      entry(5, bob, { createdMs: 9, state: 'destroyed' }),
      entry(6, bob, { createdMs: 4, state: 'retired' }),
    ]);
    expect(idsOf(index, bob)).toEqual([4, 3, 1, 6, 2]);
  });

  it('are not those of another owner, and none of an unknown one', () => {
    const index = indexOf([
      entry(1, bob),
      entry(2, { kind: 'user', username: 'shared' }),
      entry(3, { kind: 'shared' }),
      entry(4, { kind: 'none' }),
      [idOf(5), { id: idOf(5), record: null, recordProblem: null, hasSealedFile: true }],
    ]);
    expect(idsOf(index, { kind: 'shared' })).toEqual([3]);
    expect(idsOf(index, { kind: 'none' })).toEqual([4]);
    expect(idsOf(index, { kind: 'user', username: 'shared' })).toEqual([2]);
    expect(index.of({ kind: 'user', username: 'eve' })).toEqual({ ids: [], stamp: '' });
  });

  it('have another stamp after every change of them, and only of them', () => {
    const others = entry(9, { kind: 'shared' });
    const stamps = [
      [entry(1, bob)],
      [entry(1, bob, { state: 'retired' })],
      [entry(1, bob, { hasSealedFile: false })],
      [entry(1, bob), entry(2, bob)],
      [entry(2, bob)],
    ].map((entries) => indexOf(entries).of(bob).stamp);
    expect(new Set(stamps).size).toBe(stamps.length);
    expect(indexOf([entry(1, bob), others]).of(bob).stamp).toBe(stamps[0]);
  });

  it('are found in a keyring, after each change too', async () => {
    const keyring = world.open();
    expect((await keyring.byOwner()).of(bob).ids).toEqual([]);
    const { id } = await keyring.generate({ label: '', owner: bob });
    await keyring.generate(unowned);
    const before = (await keyring.byOwner()).of(bob);
    expect(before.ids).toEqual([id]);
    expect(await keyring.byOwner()).toBe(await keyring.byOwner());
    await keyring.retire(id);
    expect((await keyring.byOwner()).of(bob).stamp).not.toBe(before.stamp);
  });
});

describe('the signer of the audit trail', () => {
  const bytes = Buffer.from('the head of the trail');

  it('signs with a key of the gateway’s identity, which others cannot use', async () => {
    const [mine, theirs] = [await newAgeIdentity(), await newAgeIdentity()];
    const signer = createAuditSigner({ read: async () => mine });
    const signature = await signer.sign(bytes);
    if (signature === null) throw new Error('no signature');
    expect(Buffer.from(signature.publicKey, 'base64url')).toHaveLength(32);
    expect(Buffer.from(signature.signature, 'base64url')).toHaveLength(64);
    expect(await signer.isOwn(bytes, signature)).toBe(true);
    expect(await createAuditSigner({ read: async () => mine }).isOwn(bytes, signature)).toBe(true);
    expect(await signer.isOwn(Buffer.from('another head'), signature)).toBe(false);
    const other = createAuditSigner({ read: async () => theirs });
    expect(await other.isOwn(bytes, signature)).toBe(false);
    const forged = await other.sign(bytes);
    if (forged === null) throw new Error('no signature');
    expect(await signer.isOwn(bytes, forged)).toBe(false);
    expect(await signer.isOwn(bytes, { ...forged, publicKey: signature.publicKey })).toBe(false);
    expect(mine.secret).not.toContain(signature.publicKey);
  });

  it('signs nothing without an identity', async () => {
    const signer = createAuditSigner({ read: async () => null });
    expect(await signer.sign(bytes)).toBeNull();
    expect(await signer.isOwn(bytes, { publicKey: '', signature: '' })).toBe(false);
  });
});

describe('a keyring after a crash', () => {
  it('describes a key that has only its sealed file, at the next list, description or repair', async () => {
    for (const look of ['list', 'describe', 'repair', 'byOwner'] as const) {
      const keyring = world.open();
      const { id } = await keyring.generate({ label: 'mine', owner: { kind: 'shared' } });
      await rm(fileOf(id, 'json'));
      const other = world.open();
      if (look === 'list') expect((await other.list()).map((key) => key.id)).toContain(id);
      else if (look === 'describe') expect(await other.describe(id)).toMatchObject({ id });
      else if (look === 'byOwner') expect((await other.byOwner()).of({ kind: 'none' }).ids).toContain(id);
      else expect(await other.repair()).toEqual([`wrote a new description of the key ${id}`]);
      expect(await other.describe(id)).toMatchObject({
        label: '',
        owner: { kind: 'none' },
        origin: 'found',
        state: 'active',
        stateChangedMs: null,
      });
      expect((await other.open(id))?.fingerprint).toBe(id);
    }
  });

  it('removes partial files, and the sealed file of a destroyed key', async () => {
    const keyring = world.open();
    const { id } = await keyring.generate(unowned);
    const kept = await keyring.generate(unowned);
    const sealed = await readFile(fileOf(id, 'age'));
    await keyring.destroy({ keyId: id } as UnusedKeyProof);
    await writeFile(fileOf(id, 'age'), sealed, { mode: 0o600 });
    const other = world.open();
    expect(await other.problems()).toEqual([expect.stringContaining('the key was destroyed')]);
    expect(await other.open(id)).toBeNull();
    expect(await other.repair()).toEqual([`removed the destroyed key ${id}`]);
    expect(await readdir(world.keys)).not.toContain(`${id}.age`);
    expect(await other.repair()).toEqual([]);
    expect((await other.open(kept.id))?.fingerprint).toBe(kept.id);
  });

  it('seals keys again that are not sealed to the present recipients', async () => {
    const keyring = world.open();
    const { id } = await keyring.generate(unowned);
    await keyring.addRecoveryRecipient(world.recovery.recipient);
    const recipients = join(world.keys, 'recovery-recipients.txt');
    await writeFile(recipients, '# none any more\n', { mode: 0o600 });
    const other = world.open();
    expect(await other.problems()).toEqual([
      expect.stringMatching(
        new RegExp(`${id}\\.age: sealed to ${world.recovery.recipient}, which is no longer`),
      ),
    ]);
    expect(await other.repair()).toEqual([`sealed the key ${id} to the present recipients`]);
    expect(await other.problems()).toEqual([]);
    expect(await other.repair()).toEqual([]);
  });

  it('does not touch a key that it cannot open', async () => {
    const keyring = world.open();
    const { id } = await keyring.generate(unowned);
    const stranger = await newAgeIdentity();
    const theirs = await sealTo([stranger.recipient], testEntropy.bytes(32));
    await writeFile(fileOf(id, 'age'), theirs, { mode: 0o600 });
    await rm(fileOf(id, 'json'));
    const other = world.open();
    expect(await other.repair()).toEqual([]);
    expect(await readFile(fileOf(id, 'age'))).toEqual(Buffer.from(theirs));
    expect(await other.list()).toEqual([]);
    expect(await other.problems()).toEqual(
      expect.arrayContaining([
        expect.stringContaining('not sealed to'),
        expect.stringContaining('no description'),
      ]),
    );
  });
});

describe('the problems of a keyring', () => {
  it('are found without opening every key, if a bound is given', async () => {
    const keyring = world.open();
    const ids = (await Promise.all(Array.from({ length: 6 }, () => keyring.generate(unowned))))
      .map(({ id }) => id)
      .toSorted();
    for (const id of ids) await writeFile(fileOf(id, 'age'), 'damaged', { mode: 0o600 });
    const damaged = async (max?: number) =>
      (await world.open().problems(max)).flatMap((text) => /([0-9a-f]{32})\.age/.exec(text)?.[1] ?? []);
    expect((await damaged()).toSorted()).toEqual(ids);
    expect(await damaged(2)).toEqual([ids[0], ids[3]]);
    expect(await damaged(4)).toEqual([ids[0], ids[2], ids[4]]);
    expect(await damaged(100)).toHaveLength(6);
    // A file that is missing is found in any case.
    await rm(fileOf(ids[1] as KeyFingerprint, 'age'));
    expect((await world.open().problems(1)).join('\n')).toContain(`${ids[1]}.age`);
  });

  it('include every file and directory that others can open, and files that are not its own', async () => {
    const keyring = world.open();
    const { id } = await keyring.generate(unowned);
    await keyring.addRecoveryRecipient(world.recovery.recipient);
    expect(await keyring.problems()).toEqual([]);
    await writeFile(join(world.keys, 'b'), '');
    await writeFile(join(world.keys, 'a'), '');
    const recipients = join(world.keys, 'recovery-recipients.txt');
    for (const path of [fileOf(id, 'age'), fileOf(id, 'json'), recipients, world.identityFile])
      await chmod(path, 0o640);
    await chmod(world.keys, 0o755);
    const problems = await world.open().problems();
    expect(problems).toEqual([
      expect.stringContaining(`${world.identityFile}: this gateway identity is open`),
      expect.stringContaining(`${world.keys}: the keyring is open to others (mode 0755)`),
      expect.stringContaining(`${join(world.keys, 'a')}: not a file of the keyring`),
      expect.stringContaining(`${join(world.keys, 'b')}: not a file of the keyring`),
      expect.stringContaining(fileOf(id, 'age')),
      expect.stringContaining(fileOf(id, 'json')),
      expect.stringContaining(recipients),
    ]);
  });

  it('are none of an empty root', async () => {
    expect(await world.open().problems()).toEqual([]);
    expect(await world.open().list()).toEqual([]);
    expect(await world.open().files()).toEqual([]);
  });
});

describe('a key of the keyring', () => {
  it('gets a missing label or owner when it is imported again, and keeps those that it has', async () => {
    const keyring = world.open();
    const key = newKey();
    const bob = { kind: 'user', username: 'bob' } as const;
    await keyring.import(key, { ...unowned, origin: 'found' });
    const record = async () => await keyring.describe(key.fingerprint);
    await keyring.import(key, { label: '', owner: bob, origin: 'imported' });
    expect(await record()).toMatchObject({ label: '', owner: bob, origin: 'found' });
    await keyring.import(key, { label: 'mine', owner: { kind: 'shared' }, origin: 'imported' });
    expect(await record()).toMatchObject({ label: 'mine', owner: bob });
    const { ctimeNs } = await stat(fileOf(key.fingerprint, 'json'), { bigint: true });
    await keyring.import(key, { label: 'other', owner: bob, origin: 'imported' });
    expect(await record()).toMatchObject({ label: 'mine', owner: bob });
    // Nothing is written if nothing is missing.
    expect((await stat(fileOf(key.fingerprint, 'json'), { bigint: true })).ctimeNs).toBe(ctimeNs);
  });

  it('is listed by its age, then by its id', async () => {
    const keyring = world.open();
    const made = [];
    for (let at = 0; at < 4; at += 1) made.push(await keyring.generate(unowned));
    const expected = made.toSorted((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
    expect((await keyring.list()).map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
  });

  it('that changes its state keeps the rest of its description, and does so once', async () => {
    const keyring = world.open();
    const made = await keyring.generate({ label: 'x', owner: { kind: 'shared' } });
    await keyring.retire(made.id);
    const retired = await keyring.describe(made.id);
    expect(retired).toEqual({ ...made, state: 'retired', stateChangedMs: expect.any(Number) });
    await keyring.destroy({ keyId: made.id } as UnusedKeyProof);
    const destroyed = await keyring.describe(made.id);
    expect(destroyed).toMatchObject({ state: 'destroyed', label: 'x' });
    await keyring.destroy({ keyId: made.id } as UnusedKeyProof);
    expect(await keyring.describe(made.id)).toEqual(destroyed);
    await keyring.retire(made.id);
    expect((await keyring.describe(made.id))?.state).toBe('destroyed');
  });
});

describe('the gateway’s identity', () => {
  it('is generated once, for its owner alone, in the format of age-keygen', async () => {
    const identity = new GatewayIdentity(world.identityFile);
    expect(await identity.read()).toBeNull();
    expect(await identity.modeProblem()).toBeNull();
    const made = await identity.readOrMake();
    expect(await identity.readOrMake()).toEqual(made);
    expect(await identity.read()).toBe(await identity.read());
    expect(await readFile(world.identityFile, 'utf8')).toBe(
      `# public key: ${made.recipient}\n${made.secret}\n`,
    );
    expect((await stat(world.identityFile)).mode & 0o777).toBe(0o600);
    expect(await identity.modeProblem()).toBeNull();
    await chmod(world.identityFile, 0o644);
    expect(await new GatewayIdentity(world.identityFile).modeProblem()).toContain('chmod 600');
  });

  it('is not generated where it cannot be written', async () => {
    await mkdir(join(world.identityFile, '..'), { recursive: true });
    await rm(join(world.identityFile, '..'), { recursive: true });
    await writeFile(join(world.identityFile, '..'), '');
    await expect(new GatewayIdentity(world.identityFile).readOrMake()).rejects.toMatchObject({
      name: expect.any(String),
    });
  });
});

describe('raw key files', () => {
  const path = () => join(world.root, 'sse.key');
  function logOf(): { readonly log: Logger; readonly lines: string[] } {
    const lines: string[] = [];
    const warn = (message: string) => void lines.push(message);
    const log: Logger = { debug: warn, info: warn, warn, error: warn, child: () => log };
    return { log, lines };
  }

  it('with a weak key are logged once per change', async () => {
    const { log, lines } = logOf();
    const files = createKeyFiles(log);
    await writeFile(path(), Buffer.alloc(32, 7), { mode: 0o600 });
    await files.load(path());
    await files.load(path());
    expect(lines).toEqual(['key file with a weak key']);
    await writeFile(path(), Buffer.alloc(32, 8));
    await files.load(path());
    expect(lines).toHaveLength(2);
    expect((await keyFileProblems(path())).map(({ kind }) => kind)).toEqual(['weak-key']);
  });

  it('that cannot be read are logged once, until they can be', async () => {
    const { log, lines } = logOf();
    const files = createKeyFiles(log);
    const key = newKey();
    await mkdir(path());
    expect(await files.loadAll(path())).toEqual([]);
    expect(await files.loadAll(path())).toEqual([]);
    expect(lines).toEqual(['cannot read key file']);
    expect((await keyFileProblems(path())).map(({ kind }) => kind)).toEqual(['unreadable']);
    await rm(path(), { recursive: true });
    await writeFile(path(), key.reveal(), { mode: 0o600 });
    expect((await files.loadAll(path())).map(({ fingerprint }) => fingerprint)).toEqual([key.fingerprint]);
    await rm(path());
    await mkdir(path());
    await files.loadAll(path());
    expect(lines).toEqual(['cannot read key file', 'cannot read key file']);
  });

  it('have the problems of their content and of their permissions, and none if they are missing', async () => {
    const kinds = async () => (await keyFileProblems(path())).map(({ kind }) => kind);
    expect(await kinds()).toEqual([]);
    await writeFile(path(), 'not a key', { mode: 0o600 });
    expect(await kinds()).toEqual(['no-key']);
    await chmod(path(), 0o644);
    expect(await kinds()).toEqual(['no-key', 'open-to-others']);
    await writeFile(path(), newKey().reveal());
    expect(await kinds()).toEqual(['open-to-others']);
    await chmod(path(), 0o600);
    expect(await kinds()).toEqual([]);
  });

  it('keep a replaced key with a later time than the keys replaced before, even with a wrong clock', async () => {
    const { log } = logOf();
    const files = createKeyFiles(log);
    const keys = [newKey(), newKey(), newKey()] as const;
    for (const key of keys.slice(0, 2)) await files.store(path(), key);
    // Some milliseconds are less on the disk than in the double that sets them.
    const future = Math.trunc(Date.now() / 1000) + 86_400;
    for (let ms = 0; ms < 10; ms += 1) {
      await utimes(`${path()}.${keys[0].fingerprint}`, future + ms / 1000, future + ms / 1000);
      await rm(`${path()}.${keys[1].fingerprint}`, { force: true });
      await writeFile(path(), keys[1].reveal(), { mode: 0o600 });
      await files.store(path(), keys[2]);
      expect([ms, ...(await files.loadAll(path())).map(({ fingerprint }) => fingerprint)]).toEqual([
        ms,
        keys[2].fingerprint,
        keys[1].fingerprint,
        keys[0].fingerprint,
      ]);
    }
  });

  it('return each key once, and ignore other files beside them', async () => {
    const { log, lines } = logOf();
    const files = createKeyFiles(log);
    const key = newKey();
    await writeFile(path(), key.reveal(), { mode: 0o600 });
    await writeFile(`${path()}.${key.fingerprint}`, key.reveal(), { mode: 0o600 });
    for (const name of [`${path()}.old`, `${path()}.${'0'.repeat(33)}`, `${path()}x.${'0'.repeat(32)}`])
      await writeFile(name, 'ignored');
    expect(await files.loadAll(path())).toHaveLength(1);
    expect(lines).toEqual([]);
  });
});

describe('the lock of a keyring', () => {
  it('is held by one piece of work at a time, also after one that failed', async () => {
    const lock = new KeyringLock(join(world.root, 'var/lib/sftpgw/x.lock'), testClock);
    const order: string[] = [];
    const work = (name: string, fails = false) =>
      lock.hold(async () => {
        order.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        order.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const [a, b, c] = [work('a'), work('b', true), work('c')];
    await expect(b).rejects.toThrow('b');
    expect([await a, await c]).toEqual(['a', 'c']);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('is waited for up to 30 seconds, then the work of the other process is named', async () => {
    const path = join(world.root, 'var/lib/sftpgw/x.lock');
    let nowMs = 0;
    let sleeps = 0;
    const clock = {
      nowMs: () => nowMs,
      monotonicMs: () => nowMs,
      sleep: async (ms: number) => {
        expect(ms).toBe(10);
        sleeps += 1;
        // Most of the waits are skipped.
        nowMs += 5_000;
      },
    };
    const holder = new KeyringLock(path, testClock);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = () => {};
    const isHeld = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const holding = holder.hold(async () => {
      begun();
      await held;
    });
    await isHeld;
    const waiting = new KeyringLock(path, clock, 'copying keys').hold(async () => 'done');
    await expect(waiting).rejects.toMatchObject({
      kind: 'conflict',
      hint: expect.stringContaining('another process has been copying keys'),
    });
    expect(sleeps).toBe(7);
    release();
    await holding;
    expect(await new KeyringLock(path, clock).hold(async () => 'done')).toBe('done');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});
