import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { generateX25519Identity } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signerOf, snapshotSigner } from './authenticity.js';
import { type CopyState, readCopyState, writeCopyState } from './copy-state.js';
import { saveSigner } from './signer-files.js';
import { signerDirectory, snapshotPath } from './snapshot-paths.js';

const state: CopyState = {
  gateway: '0123456789abcdef',
  bucket: 'files',
  snapshot: 7,
  snapshotDigest: 'ab',
  files: { 'x.age': 'cd' },
  completeMs: 1_000,
  failure: null,
};

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-copy-state-'));
  path = join(directory, 'var/lib/state.json');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const modeOf = async (name: string) => (await stat(name)).mode & 0o777;

describe('the record of a copy', () => {
  it('is read as it was written, and only its owner may read it', async () => {
    expect(await readCopyState(path)).toBeNull();
    await writeCopyState(path, state);
    expect(await readCopyState(path)).toMatchObject(state);
    expect(await modeOf(path)).toBe(0o600);
    expect(await modeOf(dirname(path))).toBe(0o700);
    expect(await readFile(path, 'utf8')).toMatch(/\}\n$/);
  });

  it.each([
    ['not JSON', '{"gateway"'],
    ['a number', '7'],
    ['of another format', JSON.stringify({ ...state, format: 2 })],
    ['without a format', JSON.stringify(state)],
    ['without a gateway', JSON.stringify({ ...state, format: 1, gateway: undefined })],
    ['with a number as its gateway', JSON.stringify({ ...state, format: 1, gateway: 1234567890123456 })],
    ['with a short gateway', JSON.stringify({ ...state, format: 1, gateway: '0123456789abcde' })],
    ['with a long gateway', JSON.stringify({ ...state, format: 1, gateway: '0123456789abcdef0' })],
    ['with a prefixed gateway', JSON.stringify({ ...state, format: 1, gateway: 'x0123456789abcdef' })],
  ])('counts as lost if it is %s', async (_, text) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    expect(await readCopyState(path)).toBeNull();
  });

  it('is unavailable, not lost, if it cannot be read or written', async () => {
    await mkdir(path, { recursive: true });
    await expect(readCopyState(path)).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(writeCopyState(path, state)).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('the signer of snapshots', () => {
  it('is stored for its owner alone, under its name and without the identity', async () => {
    const identity = await generateX25519Identity();
    const { name, key } = snapshotSigner(identity);
    await saveSigner(directory, identity);
    const file = `${signerDirectory}/${name}`;
    expect(snapshotPath(file)).toEqual({ kind: 'signer' });
    const stored = await readFile(join(directory, file));
    expect(signerOf(stored)).toEqual({ name, key });
    expect(await modeOf(join(directory, file))).toBe(0o600);
    expect(await modeOf(join(directory, signerDirectory))).toBe(0o700);
  });

  it('is not made from another text, and not stored where it cannot be', async () => {
    await expect(saveSigner(directory, 'AGE-SECRET-KEY-1')).rejects.toMatchObject({ kind: 'invalid' });
    await mkdir(dirname(join(directory, signerDirectory)), { recursive: true });
    await writeFile(join(directory, signerDirectory), 'not a directory');
    await expect(saveSigner(directory, await generateX25519Identity())).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});
