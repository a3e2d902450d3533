import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CustomerKey, type KeyFingerprint } from '../model/customer-key.js';
import type { Keyring, KeyringCustody, SealedKeyring } from '../model/keyring.js';
import type { UnusedKeyProof } from '../model/ledger.js';
import { newAgeIdentity } from './age.js';
import { type KeyringWorld, keyringWorld } from './testing/keyring-world.js';

let world: KeyringWorld;
let keyring: Keyring & KeyringCustody & SealedKeyring;
beforeEach(async () => {
  world = await keyringWorld();
  keyring = world.open();
});
afterEach(() => world[Symbol.asyncDispose]());

const unowned = { label: '', owner: { kind: 'none' } } as const;
const bob = { kind: 'user', username: 'bob' } as const;
const newKey = (): CustomerKey => CustomerKey.fromBytes(randomBytes(32));
const path = (name: string): string => join(world.keys, name);
const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;
// In production the ledger returns this proof.
const proofOf = (keyId: KeyFingerprint): UnusedKeyProof => ({ keyId, provenMs: 0 }) as UnusedKeyProof;

describe('a key', () => {
  it('is generated with a description, opens in another process, and is readable only by the gateway', async () => {
    const made = await keyring.generate({ label: ' for bob ', owner: bob });
    expect(made).toMatchObject({
      label: 'for bob',
      owner: bob,
      origin: 'generated',
      state: 'active',
      stateChangedMs: null,
      isRecoverable: false,
    });
    const other = world.open();
    expect(await other.describe(made.id)).toEqual(made);
    const key = await other.open(made.id);
    expect(key?.fingerprint).toBe(made.id);
    expect(key?.md5Base64).toBe(made.md5Base64);
    expect((await readdir(world.keys)).sort()).toEqual([`${made.id}.age`, `${made.id}.json`]);
    for (const name of await readdir(world.keys)) expect(await modeOf(path(name))).toBe(0o600);
    expect(await modeOf(world.keys)).toBe(0o700);
    expect(await modeOf(world.identityFile)).toBe(0o600);
    expect(await keyring.problems()).toEqual([]);
  });

  it('is imported byte for byte, and its files do not reveal it', async () => {
    const key = newKey();
    const { id } = await keyring.import(key, { ...unowned, origin: 'imported' });
    expect((await world.open().open(id))?.equals(key)).toBe(true);
    const raw = Buffer.from(key.reveal());
    for (const { bytes } of await keyring.files()) {
      const file = Buffer.from(bytes);
      for (const spelling of [raw, raw.toString('hex'), raw.toString('base64')])
        expect(file.includes(spelling)).toBe(false);
    }
  });

  it('keeps its description when it is imported again, and gains a missing owner or label', async () => {
    const key = newKey();
    const first = await keyring.import(key, { ...unowned, origin: 'found' });
    const filled = await keyring.import(key, { label: 'a', owner: bob, origin: 'imported' });
    expect(filled).toEqual({ ...first, label: 'a', owner: bob });
    expect(await keyring.import(key, { label: 'b', owner: { kind: 'shared' }, origin: 'imported' })).toEqual(
      filled,
    );
    expect(await world.open().list()).toEqual([filled]);
  });

  it('that does not exist is null, and cannot be retired', async () => {
    const { fingerprint } = newKey();
    expect(await keyring.open(fingerprint)).toBeNull();
    expect(await keyring.describe(fingerprint)).toBeNull();
    expect(await keyring.list()).toEqual([]);
    expect(await keyring.problems()).toEqual([]);
    await expect(keyring.retire(fingerprint)).rejects.toMatchObject({ kind: 'not-found' });
    expect(await readdir(world.root)).not.toContain('opt');
  });

  it('still opens after it is retired', async () => {
    const { id } = await keyring.generate(unowned);
    await keyring.retire(id);
    const retired = await world.open().describe(id);
    expect(retired).toMatchObject({ state: 'retired', stateChangedMs: expect.any(Number) });
    await keyring.retire(id);
    expect(await keyring.describe(id)).toEqual(retired);
    expect(await keyring.open(id)).not.toBeNull();
  });

  it('leaves its description when it is destroyed, and cannot be imported again', async () => {
    const key = newKey();
    const { id } = await keyring.import(key, { ...unowned, origin: 'imported' });
    const other = world.open();
    await other.open(id);
    await keyring.destroy(proofOf(id));
    expect(await other.open(id)).toBeNull();
    expect(await readdir(world.keys)).toEqual([`${id}.json`]);
    expect(await other.describe(id)).toMatchObject({ state: 'destroyed', isRecoverable: false });
    await expect(keyring.import(key, { ...unowned, origin: 'imported' })).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect(await keyring.problems()).toEqual([]);
  });

  it('is refused with a label that is too long or has control characters', async () => {
    for (const label of ['a\nb', '\u001b[2J', 'x'.repeat(101)]) {
      await expect(keyring.generate({ ...unowned, label })).rejects.toMatchObject({ kind: 'invalid' });
    }
    expect(await keyring.list()).toEqual([]);
  });
});

describe('two processes', () => {
  it('change a keyring in parallel, and each sees the changes of the others', async () => {
    const others = [keyring, world.open(), world.open()];
    const keys = Array.from({ length: 12 }, newKey);
    await Promise.all(
      keys.flatMap((key) => others.map((one) => one.import(key, { ...unowned, origin: 'imported' }))),
    );
    const expected = keys.map((key) => key.fingerprint).sort();
    for (const one of [...others, world.open()]) {
      expect((await one.list()).map(({ id }) => id).sort()).toEqual(expected);
    }
    expect((await keyring.gatewayRecipient())?.startsWith('age1')).toBe(true);
    expect(await keyring.problems()).toEqual([]);
  });
});

describe('recovery recipients', () => {
  it('open every key, older ones too', async () => {
    const { id } = await keyring.generate(unowned);
    await keyring.addRecoveryRecipient(world.recovery.recipient);
    const later = await keyring.generate(unowned);
    expect((await keyring.list()).map((one) => one.isRecoverable)).toEqual([true, true]);
    // This gateway has only the copied keys and the recovery identity.
    const elsewhere = await keyringWorld();
    await using _ = elsewhere;
    await elsewhere.open().put(await keyring.files());
    expect(await elsewhere.open().adopt(`# mine\n${world.recovery.secret}\n`)).toEqual({
      adopted: [id, later.id].sort(),
      left: [],
    });
    for (const one of [id, later.id]) expect((await elsewhere.open().open(one))?.fingerprint).toBe(one);
    expect(await elsewhere.open().problems()).toEqual([]);
    expect(await elsewhere.open().list()).toEqual(await keyring.list());
  });

  it('edited by hand are reported as a problem until the keyring is repaired', async () => {
    const { id } = await keyring.generate(unowned);
    const file = path('recovery-recipients.txt');
    await writeFile(file, `# the safe\r\n\r\n${world.recovery.recipient}\r\n`, { mode: 0o600 });
    expect(await keyring.recoveryRecipients()).toEqual([world.recovery.recipient]);
    expect(await keyring.problems()).toEqual([
      `${path(`${id}.age`)}: not sealed to ${world.recovery.recipient}`,
    ]);
    expect(await keyring.describe(id)).toMatchObject({ isRecoverable: false });
    expect(await keyring.repair()).toEqual([`sealed the key ${id} to the present recipients`]);
    expect(await keyring.describe(id)).toMatchObject({ isRecoverable: true });
    expect(await keyring.problems()).toEqual([]);
    await rm(file);
    expect((await keyring.problems())[0]).toMatch(/which is no longer a recipient/);
  });

  it('are added once each, and keep the comments of their file', async () => {
    await mkdir(world.keys, { recursive: true });
    const file = path('recovery-recipients.txt');
    await writeFile(file, '# mine', { mode: 0o600 });
    await keyring.addRecoveryRecipient(world.recovery.recipient);
    await keyring.addRecoveryRecipient(` ${world.recovery.recipient}\n`);
    expect(await readFile(file, 'utf8')).toBe(`# mine\n${world.recovery.recipient}\n`);
  });

  it.each([
    ['an empty text', '', /age1 and 58 more/],
    ['an identity', 'AGE-SECRET-KEY-1QQQQ', /is an age identity, which is secret/],
    ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI', /a native age recipient/],
    ['a mistyped recipient', `age1${'q'.repeat(58)}`, /mistyped/],
  ])('cannot be %s', async (_what, text, reason) => {
    await expect(keyring.addRecoveryRecipient(text)).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringMatching(reason),
    });
    expect(await keyring.recoveryRecipients()).toEqual([]);
  });

  it('that are malformed are reported with the line and prevent new keys', async () => {
    await keyring.generate(unowned);
    await writeFile(path('recovery-recipients.txt'), '# one\nage1nonsense\n', { mode: 0o600 });
    const fault = {
      kind: 'corrupt',
      hint: expect.stringMatching(/recovery-recipients\.txt line 2: a recovery/),
    };
    await expect(keyring.generate(unowned)).rejects.toMatchObject(fault);
    expect((await keyring.problems())[0]).toMatch(/recovery-recipients\.txt line 2/);
  });
});

describe('the keyring reports by path, and does not overwrite,', () => {
  const contents = async (): Promise<readonly string[]> =>
    Promise.all(
      (await readdir(world.keys)).sort().map(async (name) => `${name} ${await readFile(path(name), 'hex')}`),
    );

  it.each([
    ['truncated', (bytes: Buffer) => bytes.subarray(0, -1)],
    [
      'changed in its content',
      (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1) === 0 ? 1 : 0])]),
    ],
    [
      'changed in its header',
      (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('--- ', '--- A'), 'latin1'),
    ],
    ['empty', () => Buffer.alloc(0)],
    ['not an age file', () => Buffer.from('hello')],
  ])('a sealed file that is %s', async (_how, damage) => {
    const { id } = await keyring.generate(unowned);
    const file = path(`${id}.age`);
    await writeFile(file, damage(await readFile(file)));
    const before = await contents();
    const fresh = world.open();
    await expect(fresh.open(id)).rejects.toMatchObject({
      kind: 'corrupt',
      hint: expect.stringContaining(file),
    });
    expect(await fresh.problems()).toEqual([expect.stringContaining(file)]);
    await fresh.addRecoveryRecipient(world.recovery.recipient);
    await fresh.repair();
    expect((await contents()).filter((line) => line.startsWith(id))).toEqual(before);
  });

  it('a sealed file with the name of another key', async () => {
    const [a, b] = [await keyring.generate(unowned), await keyring.generate(unowned)];
    await cp(path(`${a.id}.age`), path(`${b.id}.age`));
    await expect(world.open().open(b.id)).rejects.toMatchObject({
      kind: 'corrupt',
      hint: expect.stringMatching(`${b.id}.age: it holds another key, ${a.id}`),
    });
  });

  it('a missing sealed file, until the key is imported again', async () => {
    const key = newKey();
    const { id } = await keyring.import(key, { label: 'a', owner: bob, origin: 'imported' });
    await rm(path(`${id}.age`));
    await expect(world.open().open(id)).rejects.toMatchObject({
      kind: 'corrupt',
      hint: expect.stringMatching(/only its description/),
    });
    expect(await keyring.problems()).toEqual([expect.stringMatching(/only its description/)]);
    expect(await world.open().import(key, { ...unowned, origin: 'found' })).toMatchObject({
      label: 'a',
      owner: bob,
    });
    expect((await world.open().open(id))?.equals(key)).toBe(true);
  });

  it.each([
    ['not JSON', 'hello', /not JSON/],
    ['of a later format', '{"format":2}', /its format is 2; this version reads 1/],
    ['of another key', null, /it describes another key, [0-9a-f]{32}/],
  ])('a description that is %s', async (_what, text, reason) => {
    const { id } = await keyring.generate(unowned);
    const other = await keyring.generate(unowned);
    const file = path(`${id}.json`);
    await writeFile(file, text ?? (await readFile(path(`${other.id}.json`))));
    const before = await contents();
    const fresh = world.open();
    const fault = { kind: 'corrupt', hint: expect.stringMatching(reason) };
    await expect(fresh.describe(id)).rejects.toMatchObject(fault);
    await expect(fresh.retire(id)).rejects.toMatchObject(fault);
    expect((await fresh.list()).map((one) => one.id)).toEqual([other.id]);
    expect(await fresh.problems()).toEqual([expect.stringContaining(file)]);
    expect((await fresh.open(id))?.fingerprint).toBe(id);
    await fresh.repair();
    expect(await contents()).toEqual(before);
  });

  it('a keyring from another machine', async () => {
    const { id } = await keyring.generate(unowned);
    const theirs = await readFile(world.identityFile);
    const elsewhere = await keyringWorld();
    await using _ = elsewhere;
    await elsewhere.open().generate(unowned);
    await cp(elsewhere.identityFile, world.identityFile);
    const fresh = world.open();
    const before = await contents();
    await expect(fresh.open(id)).rejects.toMatchObject({
      kind: 'key-missing',
      hint: expect.stringMatching(/: not sealed to age1.*this keyring is another gateway's/),
    });
    const mine = await fresh.generate(unowned);
    expect((await contents()).filter((line) => !line.startsWith(mine.id))).toEqual(before);
    expect((await fresh.problems())[0]).toContain(`${id}.age`);
    expect(await fresh.adopt(world.recovery.secret)).toEqual({ adopted: [], left: [id] });
    expect(await fresh.adopt(theirs.toString())).toEqual({ adopted: [id], left: [] });
    expect((await world.open().open(id))?.fingerprint).toBe(id);
    expect(await world.open().problems()).toEqual([]);
  });

  it('a missing identity beside existing keys, and does not generate one', async () => {
    const { id } = await keyring.generate(unowned);
    const key = await keyring.open(id);
    await rm(world.identityFile);
    const fresh = world.open();
    const fault = {
      kind: 'key-missing',
      hint: expect.stringContaining(`${world.identityFile} is missing`),
    };
    await expect(fresh.open(id)).rejects.toMatchObject(fault);
    await expect(fresh.generate(unowned)).rejects.toMatchObject(fault);
    expect(await fresh.describe(id)).toMatchObject({ id });
    expect(await fresh.gatewayRecipient()).toBeNull();
    await expect(stat(world.identityFile)).rejects.toMatchObject({ code: 'ENOENT' });
    // A process that has opened the key can still use it.
    expect(await keyring.open(id)).toBe(key);
  });

  it('an identity file without an identity', async () => {
    await keyring.generate(unowned);
    const { secret } = await newAgeIdentity();
    for (const text of [
      '',
      'hello',
      secret.slice(0, -1),
      `${secret.slice(0, -1)}${secret.endsWith('Q') ? 'P' : 'Q'}`,
    ]) {
      await writeFile(world.identityFile, text);
      const fault = await world
        .open()
        .generate(unowned)
        .catch((error: unknown) => error);
      expect(fault).toMatchObject({ kind: 'corrupt', hint: expect.stringContaining(world.identityFile) });
      if (text.length > 5) expect(JSON.stringify(fault)).not.toContain(text.slice(20, 40));
    }
  });

  it('files that others can read, and files that do not belong to a keyring', async () => {
    const { id } = await keyring.generate(unowned);
    await chmod(world.keys, 0o755);
    await chmod(path(`${id}.age`), 0o640);
    await chmod(world.identityFile, 0o644);
    await writeFile(path('notes'), '');
    expect(await world.open().problems()).toEqual([
      expect.stringMatching(/keyring-identity: .* \(mode 0644\); run: chmod 600/),
      expect.stringMatching(/keys: the keyring is open to others \(mode 0755\); run: chmod 700/),
      expect.stringMatching(/notes: not a file of the keyring/),
      expect.stringMatching(/\.age: .* \(mode 0640\); run: chmod 600/),
    ]);
  });
});

describe('the files of a copy', () => {
  it('do not replace existing files', async () => {
    const { id } = await keyring.generate(unowned);
    await keyring.addRecoveryRecipient(world.recovery.recipient);
    const copy = await keyring.files();
    expect(copy.map(({ name }) => name)).toEqual(['recovery-recipients.txt', `${id}.age`, `${id}.json`]);
    await keyring.retire(id);
    expect([...(await keyring.put(copy))].sort()).toEqual(copy.map(({ name }) => name).sort());
    expect(await keyring.describe(id)).toMatchObject({ state: 'retired' });
    await rm(path(`${id}.age`));
    expect(await keyring.put(copy)).toEqual(['recovery-recipients.txt', `${id}.json`]);
    expect(await world.open().open(id)).not.toBeNull();
    await keyring.repair();
    expect(await keyring.describe(id)).toMatchObject({ state: 'retired', isRecoverable: true });
    expect(await keyring.problems()).toEqual([]);
    await keyring.destroy(proofOf(id));
    await keyring.put(copy);
    expect(await keyring.open(id)).toBeNull();
  });

  it.each(['../x', 'a.age', 'keyring-identity'])('cannot be named %s', async (name) => {
    await expect(keyring.put([{ name, bytes: Buffer.from('x') }])).rejects.toMatchObject({ kind: 'invalid' });
    await expect(stat(world.keys)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

it('a listener is called after each durable change, and may throw', async () => {
  const seen: number[] = [];
  const stop = keyring.onChange(() => {
    seen.push(seen.length);
    throw new Error('listener');
  });
  const { id } = await keyring.generate(unowned);
  await keyring.retire(id);
  await keyring.retire(id);
  await keyring.list();
  await world.open().generate(unowned);
  expect(seen).toHaveLength(2);
  expect(world.logged).toContain('keyring listener failed');
  stop();
  await keyring.generate(unowned);
  expect(seen).toHaveLength(2);
});
