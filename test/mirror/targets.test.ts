import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { checksumOf } from '../../src/bytes/running-checksum.js';
import type { GatewayDatabase } from '../../src/database/database.js';
import { createKeyLedger } from '../../src/database/ledger/ledger.js';
import { createParkedUploads } from '../../src/database/ledger/parked.js';
import { createMirrorState } from '../../src/database/mirror-state/mirror-state.js';
import { openDatabase } from '../../src/database/sqlite/open.js';
import { createMirror, type Mirror } from '../../src/mirror/mirror.js';
import type { MirrorSettings } from '../../src/mirror/options.js';
import type { CustomerKey } from '../../src/model/customer-key.js';
import type { WriteEncryption } from '../../src/model/encryption.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import { createVault, type RunningVault } from '../../src/vault/create-vault.js';
import { call, content, keyNamed } from '../../src/vault/testing/vault-world.js';
import { s3Targets } from '../support/s3-targets.js';

const alice = keyNamed('alice');
const bob = keyNamed('bob');
const prefix = 'alice/downloads/';

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(`the mirror of ${target.name}`, () => {
    let root: string;
    let bucket: string;
    let store: S3ObjectStore;
    let database: GatewayDatabase;
    let vault: RunningVault;
    let mirror: Mirror;
    let keys: CustomerKey[];
    let settings: Partial<MirrorSettings>;

    async function start(): Promise<void> {
      store = createS3ObjectStore({
        endpoint: target.endpoint,
        region: target.region,
        caFile: target.caFile,
        credentials: target.credentials,
        clock: systemClock,
        entropy: systemEntropy,
      });
      database = await openDatabase(join(root, 'state', 'db'));
      const ledger = createKeyLedger(database, systemClock, systemEntropy);
      vault = createVault({
        store,
        ledger,
        parked: createParkedUploads(database, systemClock),
        clock: systemClock,
        entropy: systemEntropy,
        scratchDirectory: root,
      });
      mirror = createMirror({
        sources: {
          list: async () => ({
            prefixes: [
              {
                name: 'downloads/alice',
                bucket,
                prefix,
                directory: join(root, 'downloads'),
                keys: async () => keys,
                keysStamp: null,
              },
            ],
            cleared: [],
          }),
        },
        store,
        vault,
        state: createMirrorState(database),
        clock: systemClock,
        entropy: systemEntropy,
        log: call().log,
        settings: () => settings,
      });
    }

    async function stop(): Promise<void> {
      await mirror[Symbol.asyncDispose]();
      await vault[Symbol.asyncDispose]();
      await database.close();
      await store[Symbol.asyncDispose]();
    }

    async function put(
      path: string,
      bytes: Buffer,
      encryption: WriteEncryption,
      mtime?: string,
    ): Promise<void> {
      const body = { chunks: [bytes], byteLength: bytes.byteLength, checksum: checksumOf('crc32c', bytes) };
      const metadata = mtime === undefined ? {} : { mtime };
      const options = { encryption, acl: null, metadata, contentType: null };
      await store.put(call(), { bucket, key: prefix + path }, body, options);
    }

    const run = () => mirror.runOnce('downloads/alice');
    const onDisk = (path: string) => readFile(join(root, 'downloads', path));

    beforeAll(async () => {
      await target.start();
    });
    afterAll(() => target.close());
    beforeEach(async () => {
      root = await mkdtemp(join(tmpdir(), 'mirror-target-'));
      bucket = await target.makeBucket();
      keys = [alice, bob];
      settings = { reserveBytes: 0 };
      await start();
    });
    afterEach(async () => {
      await stop();
      await rm(root, { recursive: true, force: true });
    });

    it('mirrors every encryption, all kinds of names, empty and large objects, and their times', async () => {
      settings = { reserveBytes: 0, rangeBytes: 1024 * 1024, parallelRanges: 3 };
      const large = content(5_000_001);
      await put('alice', Buffer.from('a'), { kind: 'sse-c', key: alice }, '1600000000.25');
      await put('bob', Buffer.from('b'), { kind: 'sse-c', key: bob });
      await put('s3', Buffer.from('s'), { kind: 'sse-s3' });
      await put('plain', Buffer.from('p'), { kind: 'bucket-default' });
      await put('d/empty', Buffer.alloc(0), { kind: 'sse-c', key: alice });
      await put('d/large', large, { kind: 'sse-c', key: alice });
      const names = ['sp ace', 'plus+', 'per%cent', "quote'", 'é\u{1f600}', 'a(b)!*~'];
      for (const name of names) await put(name, Buffer.from(name), { kind: 'sse-c', key: bob });
      expect(await run()).toMatchObject({ result: 'complete', fetched: 12 });
      expect((await onDisk('alice')).toString()).toBe('a');
      expect((await onDisk('bob')).toString()).toBe('b');
      expect((await onDisk('s3')).toString()).toBe('s');
      expect((await onDisk('plain')).toString()).toBe('p');
      expect((await onDisk('d/empty')).byteLength).toBe(0);
      expect((await onDisk('d/large')).equals(large)).toBe(true);
      for (const name of names) expect((await onDisk(name)).toString()).toBe(name);
      expect((await stat(join(root, 'downloads', 'alice'))).mtimeMs).toBe(1600000000250);
      await stop();
      await start();
      expect(await run()).toMatchObject({ result: 'complete', unchanged: 12, fetched: 0 });
    });

    it('reads a listing of several pages, and follows changes and deletions', async () => {
      const count = 1100;
      let next = 0;
      const work = async () => {
        for (let i = next++; i < count; i = next++) {
          await put(`d${i % 7}/f${i}`, Buffer.from(`content ${i}`), { kind: 'sse-c', key: alice });
        }
      };
      await Promise.all(Array.from({ length: 16 }, work));
      expect(await run()).toMatchObject({ result: 'complete', fetched: count });
      expect(await run()).toMatchObject({ result: 'complete', fetched: 0, unchanged: count });
      await put('d0/f0', Buffer.from('changed'), { kind: 'sse-c', key: bob });
      for (let i = 1; i < count; i += 7) await store.remove(call(), { bucket, key: `${prefix}d1/f${i}` });
      expect(await run()).toMatchObject({
        result: 'complete',
        fetched: 1,
        deleted: Math.ceil((count - 1) / 7),
      });
      expect((await onDisk('d0/f0')).toString()).toBe('changed');
      expect(await readdir(join(root, 'downloads'))).toEqual(['d0', 'd2', 'd3', 'd4', 'd5', 'd6']);
    });

    it('reports objects that no key opens, and mirrors the rest', async () => {
      keys = [alice];
      await put('a', Buffer.from('a'), { kind: 'sse-c', key: alice });
      await put('b', Buffer.from('b'), { kind: 'sse-c', key: bob });
      expect(await run()).toMatchObject({ result: 'problems', fetched: 1 });
      const [status] = await mirror.status();
      expect(status?.problems).toMatchObject([
        { kind: 'no-key', path: 'b', text: expect.stringContaining(alice.fingerprint) },
      ]);
      keys = [alice, bob];
      expect(await run()).toMatchObject({ result: 'complete', fetched: 1 });
    });

    it('deletes nothing if the bucket is gone', async () => {
      await put('a', Buffer.from('a'), { kind: 'sse-c', key: alice });
      await run();
      const before = bucket;
      bucket = `${before}-gone`;
      await stop();
      await start();
      expect(await run()).toMatchObject({ result: 'failed', text: expect.stringContaining('-gone') });
      expect((await onDisk('a')).toString()).toBe('a');
      bucket = before;
    });
  });
}
