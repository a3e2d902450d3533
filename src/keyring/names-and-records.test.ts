import { describe, expect, it } from 'vitest';
import { parseKeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { SealedKeyringFile } from '../model/keyring.js';
import { isOpenToOthers, openToOthers, readFault, writeFault } from './disk-fault.js';
import { readKeyFileContent } from './key-file-content.js';
import {
  describeKey,
  type KeyRecord,
  maxLabelLength,
  parseKeyFileName,
  parseKeyLabel,
  parseKeyRecord,
  recordFileName,
  renderKeyRecord,
  sealedFileName,
} from './key-record.js';
import { filesToPut } from './keyring-copy.js';
import { type KeyEntry, type KeyringFiles, recipientsFileName } from './keyring-files.js';

const id = parseKeyFingerprint('0123456789abcdef'.repeat(2));
const otherId = parseKeyFingerprint('fedcba9876543210'.repeat(2));
const invalid = expect.objectContaining({ kind: 'invalid' });
const record: KeyRecord = {
  id,
  md5Base64: Buffer.alloc(16, 1).toString('base64'),
  label: 'a label',
  owner: { kind: 'user', username: 'bob' },
  origin: 'imported',
  createdMs: 1_000,
  state: 'active',
  stateChangedMs: null,
  sealedTo: ['age1a'],
};

describe('a raw key file that holds another form', () => {
  const reasonOf = (text: string): string => {
    const content = readKeyFileContent(Buffer.from(text, 'latin1'));
    return content.kind === 'invalid' ? content.reason : 'a key';
  };
  const hex = 'a1'.repeat(32);
  const base64 = `${'A'.repeat(42)}E=`;

  it.each([
    [hex, 'hexadecimal'],
    [hex.toUpperCase(), 'hexadecimal'],
    [` ${hex}\n`, 'hexadecimal'],
    [`x${hex}`, 'has 65 bytes'],
    [`${hex}x`, 'has 65 bytes'],
    [base64, 'base64'],
    [base64.slice(0, -1), 'base64'],
    [`\n${base64}\n`, 'base64'],
    [`${'_-'.repeat(21)}E`, 'base64'],
    [`!${base64}`, 'has 45 bytes'],
    [`${base64}!`, 'has 45 bytes'],
    ['-----BEGIN X', 'PEM'],
    ['x-----BEGIN X', 'has 13 bytes'],
    ['', 'is empty'],
    ['x', 'has 1 byte;'],
    ['xx', 'has 2 bytes;'],
    [`${'\u0001'.repeat(32)}\n`, 'the last one an unwanted line feed'],
    [`${'\u0001'.repeat(32)}x`, 'has 33 bytes;'],
    [`${'\u0001'.repeat(31)}\n\n`, 'the last one an unwanted line feed'],
    ['\u0001'.repeat(4096), 'has 4096 bytes;'],
    ['\u0001'.repeat(4097), 'more than 4096 bytes'],
  ])('%j: %s', (text, reason) => expect(reasonOf(text)).toContain(reason));

  it('is a key with exactly 32 bytes', () => expect(reasonOf('\u0001'.repeat(32))).toBe('a key'));
});

describe('the description of a key', () => {
  const changed = (change: object) => () =>
    parseKeyRecord(JSON.stringify({ ...JSON.parse(renderKeyRecord(record)), ...change }));

  it.each<object>([
    { format: 2 },
    { format: '1' },
    { id: 'x' },
    { md5: `${record.md5Base64}x` },
    { md5: `x${record.md5Base64}` },
    { md5: 7 },
    { label: 'x'.repeat(maxLabelLength + 1) },
    { label: 7 },
    { owner: null },
    { owner: [] },
    { owner: 'shared' },
    { owner: { kind: 'other' } },
    { owner: { kind: 'user' } },
    { owner: { kind: 'user', username: '' } },
    { owner: { kind: 'user', username: 'a/b' } },
    { owner: { kind: 'user', username: '/ab' } },
    { owner: { kind: 'user', username: 'ab/' } },
    { owner: { kind: 'user', username: 'x'.repeat(33) } },
    { origin: 'stolen' },
    { created: 'yesterday' },
    { created: 7 },
    { state: 'unknown' },
    { stateChanged: 'never' },
    { sealedTo: 'age1a' },
    { sealedTo: [7] },
    { sealedTo: ['age1a', 7] },
    { sealedTo: null },
  ])('is refused with %j', (change) => expect(changed(change)).toThrow(invalid));

  it.each<object>([
    {},
    { owner: { kind: 'shared' } },
    { owner: { kind: 'none' } },
    { owner: { kind: 'user', username: 'x'.repeat(32) } },
    { owner: { kind: 'user', username: 'bob.smith+ftp@example.com' } },
    { owner: { kind: 'user', username: `corp~${'x'.repeat(59)}` } },
    { label: 'x'.repeat(maxLabelLength) },
    { sealedTo: [] },
    { stateChanged: '2026-01-01T00:00:00.000Z', state: 'retired' },
  ])('is accepted with %j', (change) => expect(changed(change)).not.toThrow());

  it.each(['[]', 'null', '7', '"x"', '{', ''])('is not %j', (text) =>
    expect(() => parseKeyRecord(text)).toThrow(invalid),
  );

  it('has a label without control characters and surrounding spaces', () => {
    expect(parseKeyLabel('  a b ')).toBe('a b');
    for (const text of ['a\nb', 'a\u0000', 'a\u200e', 'x'.repeat(101)])
      expect(() => parseKeyLabel(text)).toThrow(invalid);
  });

  it('is recoverable if it is sealed to every recovery recipient, and there is one', () => {
    const recoverable = (recovery: readonly string[]) => describeKey(record, recovery).isRecoverable;
    expect(recoverable([])).toBe(false);
    expect(recoverable(['age1a'])).toBe(true);
    expect(recoverable(['age1a', 'age1b'])).toBe(false);
    expect(describeKey(record, ['age1a'])).not.toHaveProperty('sealedTo');
  });
});

it('recognises the names of the files of a keyring, and no others', () => {
  expect(parseKeyFileName(sealedFileName(id))).toEqual({ id, kind: 'sealed' });
  expect(parseKeyFileName(recordFileName(id))).toEqual({ id, kind: 'record' });
  for (const name of [
    id,
    `${id}.txt`,
    `x${id}.age`,
    `${id}.age.tmp`,
    `../${id}.age`,
    `${id.slice(1)}.age`,
    `${id.toUpperCase()}.age`,
  ])
    expect(parseKeyFileName(name), name).toBeNull();
});

describe('restoring a copy', () => {
  const recordOf = (key: typeof id): SealedKeyringFile => ({
    name: recordFileName(key),
    bytes: Buffer.from(renderKeyRecord({ ...record, id: key })),
  });
  const sealedOf = (key: typeof id): SealedKeyringFile => ({
    name: sealedFileName(key),
    bytes: Buffer.from('age'),
  });
  const recipients: SealedKeyringFile = { name: recipientsFileName, bytes: Buffer.from('age1a\n') };

  async function put(
    copy: readonly SealedKeyringFile[],
    entries: readonly (readonly [typeof id, Partial<KeyEntry>])[] = [],
  ) {
    const files = {
      snapshot: async () => ({ entries: new Map(entries) }),
      path: (name: string) => `/nonexistent/${name}`,
    } as unknown as KeyringFiles;
    const { wanted, leftOut } = await filesToPut(files, copy);
    return { wanted: wanted.map(({ name }) => name), leftOut };
  }

  it('writes recipients first, then descriptions, then sealed files, each in the order of their names', async () => {
    const copy = [sealedOf(otherId), recordOf(otherId), sealedOf(id), recipients, recordOf(id)];
    const wanted = [
      recipientsFileName,
      recordFileName(id),
      recordFileName(otherId),
      sealedFileName(id),
      sealedFileName(otherId),
    ];
    for (const given of [copy, [...copy].reverse()])
      expect(await put(given)).toEqual({ wanted, leftOut: [] });
  });

  it('keeps what the keyring has', async () => {
    const whole = { hasSealedFile: true, record, recordProblem: null };
    expect(await put([recordOf(id), sealedOf(id)], [[id, whole]])).toEqual({
      wanted: [],
      leftOut: [recordFileName(id), sealedFileName(id)],
    });
  });

  it('restores a sealed file that is missing, but not that of a destroyed key', async () => {
    const lost = { hasSealedFile: false, record, recordProblem: null };
    expect((await put([sealedOf(id)], [[id, lost]])).wanted).toEqual([
      recordFileName(id),
      sealedFileName(id),
    ]);
    const destroyed = { ...lost, record: { ...record, state: 'destroyed' as const } };
    expect(await put([sealedOf(id)], [[id, destroyed]])).toEqual({
      wanted: [],
      leftOut: [sealedFileName(id)],
    });
    const unknown = { ...lost, record: null };
    expect((await put([sealedOf(id)], [[id, unknown]])).wanted).toEqual([]);
  });

  it('restores a description that is missing, but not one that is damaged', async () => {
    const bare = { hasSealedFile: true, record: null, recordProblem: null };
    expect((await put([recordOf(id)], [[id, bare]])).wanted).toEqual([recordFileName(id)]);
    expect(
      (await put([recordOf(id)], [[id, { ...bare, recordProblem: new Fault('invalid', 'damaged') }]])).wanted,
    ).toEqual([]);
  });

  it('refuses names and descriptions that a keyring does not have', async () => {
    for (const file of [
      { ...recipients, name: 'other.txt' },
      { ...recipients, name: '../keyring' },
      { ...recordOf(id), bytes: Buffer.from('{}') },
      { ...recordOf(id), name: recordFileName(otherId) },
    ]) {
      await expect(put([file])).rejects.toMatchObject({ kind: 'invalid' });
    }
  });
});

describe('an error of the disk', () => {
  const coded = (code: string) => Object.assign(new Error('x'), { code });

  it.each([
    ['EACCES', 'denied', 'denied'],
    ['EPERM', 'denied', 'denied'],
    ['EROFS', 'unavailable', 'denied'],
    ['EISDIR', 'invalid', 'unavailable'],
    ['ENOENT', 'unavailable', 'not-found'],
    ['ENOTDIR', 'unavailable', 'not-found'],
    ['EIO', 'unavailable', 'unavailable'],
  ])('%s is %s for a read and %s for a write', (code, forRead, forWrite) => {
    const error = coded(code);
    expect(readFault('/f', error)).toMatchObject({ kind: forRead, cause: error });
    expect(writeFault('/f', error)).toMatchObject({ kind: forWrite, cause: error });
  });

  it('names its code, if it has one', () => {
    expect(readFault('/f', coded('EIO')).hint).toBe('/f: cannot be read (EIO)');
    expect(writeFault('/f', new Error('x')).hint).toBe('/f: cannot be written');
    expect(readFault('/f', { code: 'EIO' }).hint).toBe('/f: cannot be read');
    const fault = new Fault('conflict', 'x');
    expect([readFault('/f', fault), writeFault('/f', fault)]).toEqual([fault, fault]);
  });

  it('is not needed to see that others can open a file', () => {
    expect([0o600, 0o700, 0o400].map(isOpenToOthers)).toEqual([false, false, false]);
    expect([0o604, 0o640, 0o601, 0o610].map(isOpenToOthers)).toEqual([true, true, true, true]);
    expect(openToOthers('/f', 0o44, 'key file')).toContain('(mode 0044)');
  });
});
