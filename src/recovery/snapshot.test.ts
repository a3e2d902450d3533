import { gzipSync } from 'node:zlib';
import { generateX25519Identity } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packTar } from '../files/tar.js';
import { parseKeyFingerprint } from '../model/customer-key.js';
import { isSignedBy, signerOf, signSnapshot, snapshotSigner } from './authenticity.js';
import { packSnapshot, type Snapshot, unpackSnapshot } from './snapshot.js';

const key = parseKeyFingerprint('0123456789abcdef0123456789abcdef');
const snapshot: Snapshot = {
  takenMs: Date.UTC(2026, 10, 9, 10, 15, 30, 123),
  bucket: 'files',
  files: [
    { path: 'opt/sftpgw/sftpgateway.properties', content: Buffer.from('bucket=files\n') },
    { path: 'home/bob/.sftpgateway/user.properties', content: Buffer.from([0, 255, 10]) },
    { path: 'home/bob/.ssh/authorized_keys', content: Buffer.alloc(0) },
  ],
  keyFiles: [{ path: `home/bob/.sftpgateway/sse.key.${key}`, key }],
  keys: [key],
};

it('a snapshot is unpacked unchanged, and equal snapshots give equal bytes', async () => {
  expect(unpackSnapshot(await packSnapshot(snapshot))).toEqual(snapshot);
  expect(await packSnapshot(snapshot)).toEqual(await packSnapshot(structuredClone(snapshot)));
});

it('a snapshot damaged at any byte is never accepted as intact', async () => {
  const packed = await packSnapshot(snapshot);
  fc.assert(
    fc.property(
      fc.integer({ min: 10, max: packed.byteLength - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (at, change) => {
        const damaged = Buffer.from(packed);
        damaged[at] = (damaged[at] ?? 0) ^ change;
        let read: Snapshot | null = null;
        try {
          read = unpackSnapshot(damaged);
        } catch (error) {
          expect(error).toMatchObject({ kind: 'corrupt' });
        }
        if (read !== null) expect(read).toEqual(snapshot);
      },
    ),
  );
});

describe('a snapshot is refused with', () => {
  const manifest = { format: 1, taken: '2026-11-09T10:15:30Z', bucket: 'b', keys: [], keyFiles: [] };
  const packed = async (fields: object, ...paths: readonly string[]) =>
    gzipSync(
      await packTar([
        { name: 'snapshot.json', content: Buffer.from(JSON.stringify(fields)), mode: 0o600, mtimeMs: 0 },
        ...paths.map((path) => ({ name: path, content: Buffer.from('x'), mode: 0o600, mtimeMs: 0 })),
      ]),
    );

  it.each([
    '../../etc/passwd',
    '/etc/passwd',
    'home/../etc/passwd',
    'home/../.sftpgateway/user.properties',
    'home/bob/.ssh/rc',
    'home/bob/.sftpgateway/../../x',
    'home/bob/.sftpgateway/sse.key',
    'opt/sftpgw/keys/0123456789abcdef0123456789abcdef.age',
    'var/lib/sftpgw/keyring-identity',
    'var/lib/sftpgw/snapshot-signers/../x',
    'constructor',
  ])('the file %s', async (path) => {
    const bytes = await packed(manifest, path);
    expect(() => unpackSnapshot(bytes)).toThrowError(/unexpected file/);
  });

  it.each([
    ['another format', { ...manifest, format: 2 }, 'unsupported'],
    ['an invalid time', { ...manifest, taken: 'yesterday' }, 'corrupt'],
    ['invalid key ids', { ...manifest, keys: ['x'] }, 'corrupt'],
    ['a key file elsewhere', { ...manifest, keyFiles: [{ path: 'etc/passwd', key }] }, 'corrupt'],
    ['a list as its description', [], 'unsupported'],
  ])('%s', async (_what, fields, kind) => {
    const bytes = await packed(fields);
    expect(() => unpackSnapshot(bytes)).toThrowError(expect.objectContaining({ kind }));
  });

  it('a missing description, or bytes that are not a tar', async () => {
    const bare = gzipSync(
      await packTar([
        { name: 'home/bob/.ssh/authorized_keys', content: Buffer.alloc(1), mode: 0o600, mtimeMs: 0 },
      ]),
    );
    expect(() => unpackSnapshot(bare)).toThrowError(/no snapshot\.json/);
    expect(() => unpackSnapshot(Buffer.from('not a snapshot'))).toThrowError(/cannot be unpacked/);
  });
});

describe('a signature', () => {
  it('is valid only for its identity, number and bytes', async () => {
    const identity = await generateX25519Identity();
    const signer = snapshotSigner(identity);
    const sealed = Buffer.from('sealed bytes');
    const signature = signSnapshot(signer, 7, sealed);
    expect(isSignedBy(snapshotSigner(identity), 7, sealed, signature)).toBe(true);
    expect(isSignedBy(signer, 8, sealed, signature)).toBe(false);
    expect(isSignedBy(signer, 7, Buffer.from('sealed bytez'), signature)).toBe(false);
    expect(isSignedBy(snapshotSigner(await generateX25519Identity()), 7, sealed, signature)).toBe(false);
    expect(isSignedBy(signer, 7, sealed, '')).toBe(false);
  });

  it('uses a stored key that does not reveal the identity', async () => {
    const identity = await generateX25519Identity();
    const signer = snapshotSigner(identity);
    expect(signerOf(signer.key)).toEqual(signer);
    expect(signerOf(Buffer.alloc(31))).toBeNull();
    expect(Buffer.from(signer.key).toString('hex')).not.toContain(identity.slice(16, 24).toLowerCase());
  });
});
