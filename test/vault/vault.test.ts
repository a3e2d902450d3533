import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CopyObjectCommand, GetObjectTaggingCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { createKeyLedger } from '../../src/database/ledger/ledger.js';
import { createParkedUploads } from '../../src/database/ledger/parked.js';
import { openDatabase } from '../../src/database/sqlite/open.js';
import { noKey, type WriteEncryption } from '../../src/model/encryption.js';
import { Fault } from '../../src/model/fault.js';
import type { KeyLedger } from '../../src/model/ledger.js';
import type { ObjectRef } from '../../src/model/object-store.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import type { S3StoreOptions } from '../../src/s3/options.js';
import { createVault, type RunningVault } from '../../src/vault/create-vault.js';
import { call, content, keyNamed, mebibyte } from '../../src/vault/testing/vault-world.js';
import type { UploadTarget } from '../../src/vault/vault.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';

const requestBytes = 255 * 1024;
const oldKey = keyNamed('old');
const newKey = keyNamed('new');
const keys = [newKey, oldKey];

/** A vault over a real S3 and the real ledger. */
interface Rig {
  readonly bucket: string;
  readonly store: S3ObjectStore;
  readonly ledger: KeyLedger;
  readonly vault: RunningVault;
  vaultOf(change: { store?: S3ObjectStore; ledger?: KeyLedger }): RunningVault;
  close(): Promise<void>;
}

function storeOver(target: S3Target, more: Partial<S3StoreOptions> = {}): S3ObjectStore {
  const { endpoint, caFile, region, credentials } = target;
  const where = { endpoint, caFile, region, credentials };
  return createS3ObjectStore({ ...where, clock: systemClock, entropy: systemEntropy, ...more });
}

async function rigOver(target: S3Target): Promise<Rig> {
  const bucket = await target.makeBucket();
  const directory = await mkdtemp(join(tmpdir(), 'vault-e2e-'));
  const store = storeOver(target);
  const database = await openDatabase(join(directory, 'ledger.sqlite'));
  const ledger = createKeyLedger(database, systemClock, systemEntropy);
  const vaultOf: Rig['vaultOf'] = (change) =>
    createVault({
      store,
      ledger,
      parked: createParkedUploads(database, systemClock),
      clock: systemClock,
      entropy: systemEntropy,
      scratchDirectory: join(directory, 'scratch'),
      limits: { reorderWindowBytes: mebibyte },
      ...change,
    });
  const vault = vaultOf({});
  const close = async () => {
    await vault[Symbol.asyncDispose]();
    await database.close();
    await store[Symbol.asyncDispose]();
    await target.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { bucket, store, ledger, vault, vaultOf, close };
}

function targetAt(
  ref: ObjectRef,
  encryption: WriteEncryption,
  mtimeSeconds: number | null = null,
): UploadTarget {
  return { ref, encryption, acl: null, actor: 'alice', mtimeSeconds };
}

async function upload(vault: RunningVault, target: UploadTarget, bytes: Buffer, backwards = false) {
  await using writer = await vault.openUpload(call(), target);
  const offsets: number[] = [];
  for (let at = 0; at < bytes.byteLength; at += requestBytes) offsets.push(at);
  if (backwards) offsets.reverse();
  await Promise.all(offsets.map((at) => writer.write(at, [bytes.subarray(at, at + requestBytes)])));
  return await writer.commit(call());
}

/** Reads like OpenSSH, with 64 requests in parallel. */
async function download(vault: RunningVault, ref: ObjectRef): Promise<Buffer> {
  await using reader = await vault.openReader(call(), ref, keys);
  if (reader === null) throw new Error(`${ref.key} is not there`);
  const pieces: Buffer[] = [];
  const next = { at: 0 };
  const worker = async () => {
    for (let at = next.at; at < reader.info.size; at = next.at) {
      next.at += requestBytes;
      pieces[at / requestBytes] = Buffer.concat((await reader.read(call(), at, requestBytes)) ?? []);
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  return Buffer.concat(pieces);
}

for (const target of await s3Targets()) {
  const title = target.skip === null ? target.name : `${target.name} (skipped: ${target.skip})`;
  describe.skipIf(target.skip !== null)(`the vault over ${title}`, () => {
    let rig: Rig;
    beforeAll(async () => {
      rig = await rigOver(target);
    });
    afterAll(() => rig?.close());

    it.each([
      ['an empty file', 0, false],
      ['a small file', 4096, false],
      ['a file of one part', 8 * mebibyte, false],
      ['a file of several parts', 21 * mebibyte + 7, false],
      ['a file that arrives backwards', 12 * mebibyte + 7, true],
    ])('keeps %s as it was written', async (name, size, backwards) => {
      const ref = { bucket: rig.bucket, key: `kept/${name}` };
      const bytes = content(size);
      const written = await upload(
        rig.vault,
        targetAt(ref, { kind: 'sse-c', key: newKey }, 1_700_000_000),
        bytes,
        backwards,
      );
      expect((await download(rig.vault, ref)).equals(bytes)).toBe(true);
      const description = await rig.vault.describe(call(), ref, keys);
      expect(description).toMatchObject({
        mtimeSeconds: 1_700_000_000,
        info: { size, etag: written.etag, metadata: { mtime: '1700000000' } },
      });
      const [row] = await rig.ledger.candidates(ref);
      expect(row).toMatchObject({ state: 'confirmed', sealedWith: { fingerprint: newKey.fingerprint } });
    });

    it('opens objects that were overwritten with another key, or moved, with the key that the ledger names', async () => {
      const from = { bucket: rig.bucket, key: 'moves/from' };
      const to = { bucket: rig.bucket, key: 'moves/to' };
      await upload(rig.vault, targetAt(from, { kind: 'sse-s3' }), content(100));
      await upload(rig.vault, targetAt(from, { kind: 'sse-c', key: oldKey }, 1000), content(9 * mebibyte));
      expect((await download(rig.vault, from)).equals(content(9 * mebibyte))).toBe(true);
      expect(await rig.vault.move(call(), from, keys, targetAt(to, { kind: 'sse-c', key: newKey }))).toBe(
        true,
      );
      expect(await rig.vault.describe(call(), from, keys)).toBeNull();
      expect((await download(rig.vault, to)).equals(content(9 * mebibyte))).toBe(true);
      expect(await rig.vault.describe(call(), to, [newKey])).toMatchObject({ mtimeSeconds: 1000 });
      await expect(rig.vault.describe(call(), to, [oldKey])).rejects.toMatchObject({ kind: 'key-mismatch' });
      await rig.vault.remove(call(), to, 'alice');
      expect(await rig.vault.openReader(call(), to, keys)).toBeNull();
    });

    it('removes a copy that S3 made without the key, which S3 alone would keep', async () => {
      const from = { bucket: rig.bucket, key: 'downgrade/from' };
      const to = { bucket: rig.bucket, key: 'downgrade/to' };
      const plain = { bucket: rig.bucket, key: 'downgrade/plain' };
      await upload(rig.vault, targetAt(from, { kind: 'sse-c', key: oldKey }), content(5000));
      // Sends only the source's key: everyone who can read the bucket can read the copy.
      await target.client().send(
        new CopyObjectCommand({
          Bucket: plain.bucket,
          Key: plain.key,
          CopySource: `${from.bucket}/${from.key}`,
          CopySourceSSECustomerAlgorithm: 'AES256',
          CopySourceSSECustomerKey: oldKey.reveal() as unknown as string,
        }),
      );
      expect(await rig.store.head(call(), plain, noKey)).toMatchObject({ size: 5000 });
      const forgetful = Object.assign(Object.create(rig.store), {
        copy: (...[one, source, copy, options]: Parameters<S3ObjectStore['copy']>) =>
          rig.store.copy(one, source, copy, { ...options, encryption: { kind: 'bucket-default' } }),
      }) as S3ObjectStore;
      const vault = rig.vaultOf({ store: forgetful });
      const move = vault.move(call(), from, keys, targetAt(to, { kind: 'sse-c', key: newKey }));
      await expect(move).rejects.toMatchObject({ kind: 'corrupt' });
      expect(await rig.store.head(call(), to, noKey)).toBeNull();
      expect(await rig.vault.describe(call(), from, [oldKey])).toMatchObject({ info: { size: 5000 } });
    });

    it.each(['of one part', 'above the single copy'])('re-encrypts an object %s in place', async (name) => {
      const ref = { bucket: rig.bucket, key: `rekeyed/${name}` };
      const bytes = content(name === 'of one part' ? 5000 : 11 * mebibyte);
      const small = storeOver(target, {
        singleCopyLimitBytes: 10 * mebibyte,
        copyPartBytes: 5 * mebibyte,
      });
      const vault = rig.vaultOf({ store: small });
      const { etag } = await upload(vault, targetAt(ref, { kind: 'sse-c', key: oldKey }, 1000), bytes);
      const tagging = { TagSet: [{ Key: 'a b', Value: 'é+1' }] };
      await target
        .client()
        .send(new PutObjectTaggingCommand({ Bucket: ref.bucket, Key: ref.key, Tagging: tagging }));
      const encryption = { kind: 'sse-c', key: newKey } as const;
      const to = { ...targetAt(ref, encryption), onlyIfMatches: etag };
      await vault.copy(call(), { ref, keys, ifMatch: etag }, to);
      expect((await download(vault, ref)).equals(bytes)).toBe(true);
      expect(await vault.describe(call(), ref, [newKey])).toMatchObject({ mtimeSeconds: 1000 });
      const kept = await target
        .client()
        .send(new GetObjectTaggingCommand({ Bucket: ref.bucket, Key: ref.key }));
      expect(kept.TagSet).toEqual(expect.arrayContaining(tagging.TagSet));
      const [row] = await rig.ledger.candidates(ref);
      expect(row?.sealedWith).toMatchObject({ fingerprint: newKey.fingerprint });
      await small[Symbol.asyncDispose]();
    });

    it('leaves nothing at S3 of an upload that is aborted', async () => {
      const ref = { bucket: rig.bucket, key: 'given-up' };
      {
        await using writer = await rig.vault.openUpload(
          call(),
          targetAt(ref, { kind: 'sse-c', key: newKey }),
        );
        await writer.write(0, [content(9 * mebibyte)]);
      }
      expect(await rig.store.listUploads(call(), rig.bucket, '')).toEqual([]);
      expect(await rig.ledger.candidates(ref)).toEqual([]);
    });

    it('settles at the next start what a killed process left: an object without a confirmed row, and an unfinished upload', async () => {
      const landed = { bucket: rig.bucket, key: 'dead/landed' };
      const unfinished = { bucket: rig.bucket, key: 'dead/unfinished' };
      const dead = async () => {
        throw new Fault('bug', 'the process has died');
      };
      const ledger = Object.assign(Object.create(rig.ledger), {
        begin: rig.ledger.begin.bind(rig.ledger),
        candidates: rig.ledger.candidates.bind(rig.ledger),
        attachUpload: dead,
        confirm: dead,
        confirmSoon: async () => ({ saved: dead() }),
        abandon: dead,
      }) as KeyLedger;
      const store = Object.assign(Object.create(rig.store), {
        put: rig.store.put.bind(rig.store),
        abortUpload: dead,
        beginUpload: async (...given: Parameters<S3ObjectStore['beginUpload']>) => {
          const begun = await rig.store.beginUpload(...given);
          begun.park();
          return Object.assign(begun, { abort: dead });
        },
      }) as S3ObjectStore;
      const dying = rig.vaultOf({ ledger, store });
      const encryption = { kind: 'sse-c', key: newKey } as const;
      // A small new file is acknowledged before its confirmation is durable.
      await upload(dying, targetAt(landed, encryption), content(5000));
      await expect(upload(dying, targetAt(unfinished, encryption), content(9 * mebibyte))).rejects.toThrow(
        'died',
      );
      expect((await rig.store.listUploads(call(), rig.bucket, 'dead/')).length).toBe(1);
      const report = await rig.vaultOf({}).settlePending(call(), { keysOf: async () => keys });
      expect(report).toEqual({ confirmed: 1, abandoned: 1, abortedUploads: 1, problems: [] });
      expect(await rig.store.listUploads(call(), rig.bucket, 'dead/')).toEqual([]);
      const [row] = await rig.ledger.candidates(landed);
      expect(row).toMatchObject({ state: 'confirmed', confirmation: { size: 5000 } });
    });
  });
}
