import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CustomerKey } from '../../src/model/customer-key.js';
import { noKey, type WriteEncryption } from '../../src/model/encryption.js';
import type { ObjectRef } from '../../src/model/object-store.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import { bodyOf, newCall, newKey, sseC, writeOptions } from '../conformance/fixtures.js';
import { runOk } from '../support/command.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { type BucketAccess, gatewayTargets, storeOptions } from '../support/gateway-targets.js';
import { findParamikoPython, missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const programs = missing('sftp', 'ssh-keygen', 'aws');
const paramikoPython = await findParamikoPython();
const plain: WriteEncryption = { kind: 'bucket-default' };

/** Returns a store that writes to the bucket as another client does. */
function storeBehind(access: BucketAccess): S3ObjectStore {
  return createS3ObjectStore(storeOptions(access));
}

/** Returns the files below the gateway's root that contain these bytes. */
function filesWith(gateway: Gateway, needle: string | Buffer): readonly string[] {
  const found: string[] = [];
  for (const entry of readdirSync(gateway.root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && existsSync(path) && readFileSync(path).includes(needle)) found.push(path);
  }
  return found;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A user's downloads: in S3, on disk and over SFTP. */
class Downloads {
  readonly user: TestUser;
  /** The encryption with the key of the user's `sse-sync.key`. */
  readonly own: ReturnType<typeof sseC>;
  readonly #bucket: string;
  readonly #store: S3ObjectStore;

  constructor(user: TestUser, bucket: string, store: S3ObjectStore) {
    this.user = user;
    this.own = sseC(CustomerKey.fromBytes(user.key));
    this.#bucket = bucket;
    this.#store = store;
    writeFileSync(this.settingsFile('sse-sync.key'), user.key, { mode: 0o600 });
  }

  settingsFile(name: string): string {
    return join(this.user.gateway.root, 'home', this.user.name, '.sftpgateway', name);
  }

  set(...lines: readonly string[]): void {
    const all = ['sse.option=1', 'downloads=yes', 'sse.sync.option=3', ...lines, ''];
    writeFileSync(this.settingsFile('user.properties'), all.join('\n'));
  }

  async put(path: string, content: Uint8Array | string, encryption: WriteEncryption): Promise<void> {
    await this.#store.put(newCall(), this.#ref(path), bodyOf(content), writeOptions(encryption));
  }

  async isInS3(path: string): Promise<boolean> {
    return (await this.#store.head(newCall(), this.#ref(path), this.own)) !== null;
  }

  onDisk(path: string): string {
    return join(this.user.gateway.root, 'home', this.user.name, 'home', this.user.name, 'downloads', path);
  }

  /** Returns the names in a directory that OpenSSH's `ls` prints, sorted. */
  async listed(directory: string): Promise<readonly string[]> {
    const start = `/downloads/${directory}/`;
    const lines = (await this.user.sftpOk(`ls -1 /downloads/${directory}`)).split('\n');
    return lines.flatMap((line) => (line.startsWith(start) ? [line.slice(start.length)] : [])).sort();
  }

  #ref(path: string): ObjectRef {
    return { bucket: this.#bucket, key: `${this.user.name}/downloads/${path}` };
  }
}

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  const title = `the downloads of a user in ${target.name}${skip ? ` (${skip})` : ''}`;
  describe.skipIf(skip !== null)(title, () => {
    let gateway: Gateway;
    let access: BucketAccess;
    let store: S3ObjectStore;
    /** The downloads of a user in direct mode, with nothing on disk, and of one with a mirror. */
    let direct: Downloads;
    let mirrored: Downloads;
    let back: string;

    beforeAll(async () => {
      gateway = await target.start({ properties: { 'mirror.interval': '500ms' } });
      access = await target.access(gateway);
      store = storeBehind(access);
      const flags = ['--sse', '1', '--downloads'];
      direct = new Downloads(await gateway.addUser('dora', flags), access.bucket, store);
      direct.set('downloads.mode=direct');
      mirrored = new Downloads(await gateway.addUser('emil', flags), access.bucket, store);
      back = join(gateway.work, 'back');
    });
    afterAll(async () => {
      await store?.[Symbol.asyncDispose]();
      await gateway?.[Symbol.asyncDispose]();
    });

    it('come straight from S3 with downloads.mode=direct, whatever their key, and leave no plaintext on disk', async () => {
      const { user, own } = direct;
      const canary = `canary ${randomBytes(16).toString('hex')}`;
      const replaced = newKey();
      const kept = direct.settingsFile(`sse-sync.key.${replaced.fingerprint}`);
      writeFileSync(kept, replaced.reveal(), { mode: 0o600 });
      await direct.put('mixed/own', `own ${canary}`, own);
      await direct.put('mixed/replaced', `replaced ${canary}`, sseC(replaced));
      await direct.put('mixed/plain', `plain ${canary}`, plain);
      await direct.put('mixed/empty', '', own);
      await direct.put('mixed/foreign', `foreign ${canary}`, sseC(newKey()));
      expect(await direct.listed('mixed')).toEqual(['empty', 'foreign', 'own', 'plain', 'replaced']);
      for (const name of ['own', 'replaced', 'plain']) {
        await user.sftpOk(`get /downloads/mixed/${name} ${back}`);
        expect(readFileSync(back, 'utf8')).toBe(`${name} ${canary}`);
      }
      await user.sftpOk(`get /downloads/mixed/empty ${back}`);
      expect(readFileSync(back).byteLength).toBe(0);
      const refused = await user.sftp(`get /downloads/mixed/foreign ${back}`);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain(own.key.fingerprint);
      expect(refused.stderr).toContain(replaced.fingerprint);
      expect(filesWith(gateway, canary)).toEqual([]);
      expect(readdirSync(direct.onDisk(''))).toEqual([]);
    });

    it('can be read in parts and resumed, also large files', async () => {
      const { user } = direct;
      const bytes = randomBytes(24 * 1024 * 1024);
      const local = join(gateway.work, 'large');
      writeFileSync(local, bytes);
      await direct.put('large', bytes, direct.own);
      await user.sftpOk(`get /downloads/large ${back}`);
      expect(sha256(readFileSync(back))).toBe(sha256(bytes));
      truncateSync(back, 15_234_567);
      await user.sftpOk(`reget /downloads/large ${back}`);
      expect(sha256(readFileSync(back))).toBe(sha256(bytes));
      expect(filesWith(gateway, bytes.subarray(15_000_000, 15_000_032))).toEqual([]);
    });

    it.skipIf(paramikoPython === null)(
      `can be read at random offsets${paramikoPython === null ? ' (not installed: paramiko)' : ''}`,
      async () => {
        const { user } = direct;
        const bytes = randomBytes(24 * 1024 * 1024);
        const local = join(gateway.work, 'random');
        writeFileSync(local, bytes);
        await direct.put('random', bytes, direct.own);
        const script = join(import.meta.dirname, 'random_reads.py');
        const args = [script, String(gateway.sftpPort), user.name, user.identity, '/downloads/random', local];
        const { stdout } = await runOk(paramikoPython ?? '', args, { timeoutMs: 60_000 });
        expect(stdout).toContain('all parts are right');
      },
    );

    it('are listed completely beyond one page of S3’s listing', async () => {
      const names = Array.from({ length: 1_010 }, (_, index) => `n${String(index).padStart(4, '0')}`);
      const waiting = [...names];
      const putNext = async () => {
        for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
          await direct.put(`many/${name}`, name, plain);
      };
      await Promise.all(Array.from({ length: 32 }, putNext));
      expect(await direct.listed('many')).toEqual(names);
    });

    it('are removed from the disk by direct mode and mirrored again without it, without a restart', async () => {
      const { user, own } = mirrored;
      const file = mirrored.onDisk('switched/deep/f');
      const canary = `canary ${randomBytes(16).toString('hex')}`;
      mirrored.set('downloads.mode=mirror');
      await mirrored.put('switched/deep/f', canary, own);
      await eventually('the file is mirrored', () => existsSync(file));
      expect(filesWith(gateway, canary)).toEqual([file]);
      mirrored.set('downloads.mode=direct');
      await user.sftpOk(`get /downloads/switched/deep/f ${back}`);
      expect(readFileSync(back, 'utf8')).toBe(canary);
      await eventually('the directory on disk is empty', () => readdirSync(mirrored.onDisk('')).length === 0);
      expect(filesWith(gateway, canary)).toEqual([]);
      expect(await mirrored.isInS3('switched/deep/f')).toBe(true);
      mirrored.set();
      await eventually('the file is mirrored again', () => existsSync(file));
      expect(readFileSync(file, 'utf8')).toBe(canary);
    });

    it.each(['mirror', 'direct'])(
      'cannot be written, and are removed only with downloads.delete=yes (%s)',
      async (mode) => {
        const downloads = mode === 'mirror' ? mirrored : direct;
        const { user } = downloads;
        const lines = [`downloads.mode=${mode}`, 'shared=yes'];
        downloads.set(...lines);
        await downloads.put('removable/f', 'removable', downloads.own);
        const shared = { bucket: access.bucket, key: `shared/${mode}` };
        await store.put(newCall(), shared, bodyOf('x'), writeOptions(plain));
        const sharedFile = join(gateway.root, 'opt/sftpgw/shared', mode);
        await eventually(
          'the file is listed',
          async () => (await user.sftp('ls /downloads/removable/f')).code === 0,
        );
        await eventually('the shared file is mirrored', () => existsSync(sharedFile));
        expect(existsSync(downloads.onDisk('removable/f'))).toBe(mode === 'mirror');
        const source = join(gateway.work, 'source');
        writeFileSync(source, 'x');
        const refusals = [
          `put ${source} /downloads/new`,
          `put ${source} /downloads/removable/f`,
          'mkdir /downloads/d',
          'rmdir /downloads/removable',
          'rename /downloads/removable/f /downloads/other',
          'chmod 777 /downloads/removable/f',
          `rm /shared/${mode}`,
        ];
        for (const batch of [...refusals, 'rm /downloads/removable/f']) await expectRefused(user, batch);
        downloads.set(...lines, 'downloads.delete=yes');
        for (const batch of refusals) await expectRefused(user, batch);
        expect(await downloads.isInS3('removable/f')).toBe(true);
        await user.sftpOk('rm /downloads/removable/f');
        expect(await downloads.isInS3('removable/f')).toBe(false);
        expect(existsSync(downloads.onDisk('removable')), 'nor its directory').toBe(false);
        expect((await user.sftp('ls /downloads/removable')).code).not.toBe(0);
        expect(existsSync(sharedFile)).toBe(true);
        expect(await store.head(newCall(), shared, noKey)).not.toBeNull();
      },
    );
  });
}

async function expectRefused(user: TestUser, batch: string): Promise<void> {
  const refused = await user.sftp(batch);
  expect(refused.code, batch).not.toBe(0);
  expect(refused.stderr, batch).toMatch(/can only be read/);
}
