import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { createKeyLedger } from '../../src/database/ledger/ledger.js';
import { createMirrorState } from '../../src/database/mirror-state/mirror-state.js';
import { CustomerKey } from '../../src/model/customer-key.js';
import { parseUsername } from '../../src/model/users.js';
import { type DoctorFinding, runDoctor } from '../../src/operations/doctor.js';
import { type OpenRoot, openRoot } from '../../src/operations/open-root.js';
import { openRootConfig } from '../../src/operations/root-config.js';
import { FaultProxy, type SeenRequest } from '../support/fault-proxy.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';

for (const target of await s3Targets()) {
  describe.skipIf(target.skip !== null)(
    `the doctor, with ${target.name}${target.skip ? ` (${target.skip})` : ''}`,
    () => {
      let setup: TestSetup;
      beforeAll(() => target.start());
      beforeEach(async () => {
        setup = await TestSetup.healthy(target);
      });
      afterEach(() => setup[Symbol.asyncDispose]());
      afterAll(() => target.close());

      it('finds nothing on a healthy gateway', async () => {
        expect(await setup.findings()).toEqual([]);
      });

      it('checks one user, and reports a user that does not exist', async () => {
        expect(await setup.findings(['bob'])).toEqual([]);
        await expect(setup.findings(['bob', 'bop'])).rejects.toMatchObject({
          kind: 'not-found',
          hint: expect.stringContaining('there is no user bop'),
        });
      });

      // Problems of the machine do not depend on the S3 server, so one target is enough.
      const others = target.kind === 'embedded' ? plantedHere : [];
      const there = plantedThere.filter(({ only }) => only === undefined || only === target.kind);
      it.each([...there, ...others])('finds $code: $name', async ({ code, plant, subject }) => {
        await plant(setup);
        const findings = await setup.findings();
        const found = findings.filter((finding) => finding.code === code);
        expect(found, JSON.stringify(findings)).not.toEqual([]);
        for (const { what, why, whatToDo } of found) {
          expect(what).toMatch(/\.$/);
          expect(why).toMatch(/\.$/);
          expect(whatToDo).not.toBe('');
        }
        if (subject !== undefined) expect(found.map((finding) => finding.subject)).toContain(subject);
      });

      it('names the missing permission', async () => {
        setup.refuse(({ method, url }) => method === 'DELETE' && !url.includes('uploadId'));
        const findings = await setup.findings();
        expect(findings.map(({ what, whatToDo }) => what + whatToDo).join('\n')).toContain('s3:DeleteObject');
      });

      it('removes its test objects', async () => {
        const before = await setup.keys();
        await setup.findings();
        expect(await setup.keys()).toEqual(before);
      });
    },
  );
}

interface Planted {
  readonly code: string;
  readonly name: string;
  readonly subject?: string;
  /** The kind of target, if only one can have the problem. */
  readonly only?: S3Target['kind'];
  readonly plant: (setup: TestSetup) => Promise<void> | void;
}

/** Problems of S3 or of the connection to it. */
const plantedThere: readonly Planted[] = [
  {
    code: 'bucket-missing',
    name: 'the bucket does not exist',
    plant: (setup) => setup.setting('bucket', 'sftpgw-test-not-there'),
  },
  {
    code: 'sse-c-blocked',
    name: 'the bucket blocks SSE-C',
    subject: 'user bob',
    only: 'embedded',
    plant: (setup) => setup.block(),
  },
  {
    code: 'endpoint-in-clear',
    name: 'keys would go over plain http',
    plant: (setup) => setup.setting('endpoint', 'http://s3.example.test'),
  },
  {
    code: 's3-away',
    name: 'the endpoint refuses connections',
    plant: (setup) => setup.setting('endpoint', 'http://127.0.0.1:1'),
  },
  {
    code: 'access-denied',
    name: 'listing is not allowed',
    plant: (setup) => setup.refuse(({ method, url }) => method === 'GET' && url.includes('list-type')),
  },
  {
    code: 'access-denied',
    name: 'the secret access key is wrong',
    plant: () => void vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not-the-secret'),
  },
  {
    code: 'access-denied',
    name: 'reading lifecycle rules is not allowed',
    plant: (setup) => setup.refuse(({ url }) => url.includes('lifecycle')),
  },
  {
    code: 'clock-off',
    name: 'the clock is twenty minutes off',
    plant: (setup) => setup.shiftDates(20 * 60_000),
  },
  {
    code: 'checksums-refused',
    name: 'the server refuses checksums',
    plant: (setup) =>
      setup.answer(
        ({ method, headers }) =>
          method === 'PUT' && Object.keys(headers).some((name) => name.startsWith('x-amz-checksum-crc32')),
        400,
        'InvalidRequest',
      ),
  },
  {
    code: 'tags-refused',
    name: 'writing tags is not allowed',
    plant: (setup) => setup.refuse(({ headers }) => headers['x-amz-tagging'] !== undefined),
  },
  {
    code: 'server-not-true',
    name: 'the server accepts the key and does not use it',
    plant: (setup) => setup.dropKeyHeaders(),
  },
  {
    code: 'versioning-suspended',
    name: 'versioning is suspended',
    plant: (setup) => setup.versioning('Suspended'),
  },
  {
    code: 'versions-keep-old-keys',
    name: 'versioning is on and nothing expires older versions',
    plant: (setup) => setup.versioning('Enabled'),
  },
  {
    code: 'no-rule-for-unfinished-uploads',
    name: 'nothing aborts unfinished uploads',
    plant: (setup) =>
      setup.answer(({ url }) => url.includes('lifecycle'), 404, 'NoSuchLifecycleConfiguration'),
  },
];

/** Problems of the machine. */
const plantedHere: readonly Planted[] = [
  {
    code: 'key-file-open',
    name: 'other accounts can read a key file',
    subject: 'user bob',
    plant: (setup) => chmodSync(setup.userFile('sse.key'), 0o644),
  },
  {
    code: 'key-file-invalid',
    name: 'a key file holds 33 bytes',
    subject: 'user bob',
    plant: (setup) => writeFileSync(setup.userFile('sse.key'), randomBytes(33)),
  },
  {
    code: 'upload-key-unusable',
    name: 'an upload with that key file fails',
    subject: 'user bob',
    plant: (setup) => writeFileSync(setup.userFile('sse.key'), randomBytes(33)),
  },
  {
    code: 'key-file-missing',
    name: 'the key file is missing',
    subject: 'user bob',
    plant: (setup) => rmSync(setup.userFile('sse.key')),
  },
  {
    code: 'key-file-needless',
    name: 'the keyring has the key of a replaced key file',
    subject: 'user bob',
    plant: (setup) => setup.replaceKey(),
  },
  {
    code: 'user-files',
    name: 'a line of user.properties is wrong',
    subject: 'user bob',
    plant: (setup) => appendFileSync(setup.userFile('user.properties'), '\nupload.dropbox=perhaps\n'),
  },
  {
    code: 'no-login',
    name: 'a user has neither a password nor a public key',
    subject: 'user bob',
    plant: (setup) => rmSync(setup.userFile('password')),
  },
  {
    code: 'secret-open',
    name: 'other accounts can read a host key',
    plant: (setup) => setup.file('var/lib/sftpgw/host-keys/ssh_host_ed25519_key', 'secret', 0o644),
  },
  {
    code: 'no-recovery-recipient',
    name: 'the keys exist only on this machine',
    plant: (setup) => setup.forgetRecovery(),
  },
  {
    code: 'key-not-recoverable',
    name: 'a key is not sealed to a recovery recipient',
    plant: (setup) => setup.addRecipientBehindTheKeyring(),
  },
  {
    code: 'bucket-copy-behind',
    name: 'a key is not in the copy yet',
    plant: (setup) => setup.generateKey(),
  },
  {
    code: 'bucket-copy-off',
    name: 'copying to the bucket is switched off',
    plant: (setup) => setup.setting('keyring.bucket.copy', 'no'),
  },
  {
    code: 'keyring-file',
    name: 'a sealed key is damaged',
    plant: (setup) => setup.damageSealedKey(),
  },
  {
    code: 'key-unknown',
    name: 'the key of an object is missing',
    plant: (setup) => setup.addWrite({ settled: true }),
  },
  {
    code: 'writes-unsettled',
    name: 'a write has been open for hours',
    plant: (setup) => setup.addWrite({ settled: false }),
  },
  {
    code: 'download-key-unknown',
    name: 'no key opens a download',
    subject: 'downloads of bob',
    plant: (setup) => setup.mirrorProblem(),
  },
  {
    code: 'disk-full',
    name: 'the disk has less free space than the reserve',
    plant: (setup) => setup.setting('mirror.reserve', '60TiB'),
  },
];

/** A root with one SSE-C user and its own bucket, behind a proxy that can inject faults. */
class TestSetup implements AsyncDisposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'sftpgw-doctor-'));
  readonly #target: S3Target;
  readonly #proxy: FaultProxy;
  readonly #bucket: string;
  readonly #settings: Record<string, string>;

  private constructor(target: S3Target, proxy: FaultProxy, bucket: string) {
    this.#target = target;
    this.#proxy = proxy;
    this.#bucket = bucket;
    this.#settings = { bucket, region: target.region, endpoint: proxy.endpoint, 'mirror.reserve': '1MiB' };
  }

  static async healthy(target: S3Target): Promise<TestSetup> {
    vi.stubEnv('AWS_ACCESS_KEY_ID', target.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', target.credentials.secretAccessKey);
    const proxy = await FaultProxy.start(target.endpoint, target.caFile);
    const setup = new TestSetup(target, proxy, await target.makeBucket());
    setup.#writeSettings();
    await setup.#allowLifecycle();
    const administration = await openRootConfig(setup.#root);
    await administration.registry.save(parseUsername('bob'), {
      uploadOption: 3,
      uploadKey: CustomerKey.fromBytes(randomBytes(32)),
      password: 'a password for bob',
      downloads: true,
    });
    await administration.close();
    await setup.#at(async ({ keyring, bucketCopy, call }) => {
      await keyring.generate({ label: 'spare', owner: { kind: 'none' } });
      await keyring.addRecoveryRecipient(await identityToRecipient(await generateIdentity()));
      await bucketCopy.run(call);
    });
    return setup;
  }

  async findings(users: readonly string[] | null = null): Promise<readonly DoctorFinding[]> {
    return await this.#at((operations) =>
      runDoctor(operations, { users, scope: 'auto', onCheck: () => undefined }),
    );
  }

  /** Returns the keys of the objects in the bucket. */
  async keys(): Promise<readonly string[]> {
    const request = { bucket: this.#bucket, prefix: '', delimiter: null };
    const page = await this.#at(({ store, call }) => store.list(call, request));
    return page.objects.map(({ key }) => key);
  }

  async #at<T>(work: (operations: OpenRoot) => Promise<T>): Promise<T> {
    await using operations = await openRoot(this.#root, new AbortController().signal);
    return await work(operations);
  }

  async replaceKey(): Promise<void> {
    const administration = await openRootConfig(this.#root);
    const uploadKey = CustomerKey.fromBytes(randomBytes(32));
    await administration.registry.save(parseUsername('bob'), { uploadKey });
    await administration.close();
    // Reading the user's keys imports them into the keyring.
    await this.#at(({ users, call }) => users.uploadKeys(call, parseUsername('bob')));
  }

  forgetRecovery(): void {
    rmSync(join(this.#root, 'opt/sftpgw/keys/recovery-recipients.txt'));
  }

  async addRecipientBehindTheKeyring(): Promise<void> {
    const path = 'opt/sftpgw/keys/recovery-recipients.txt';
    appendFileSync(join(this.#root, path), `${await identityToRecipient(await generateIdentity())}\n`);
  }

  async generateKey(): Promise<void> {
    await this.#at(({ keyring }) => keyring.generate({ label: '', owner: { kind: 'none' } }));
  }

  async damageSealedKey(): Promise<void> {
    const { id } = await this.#at(({ keyring }) => keyring.generate({ label: '', owner: { kind: 'none' } }));
    truncateSync(join(this.#root, `opt/sftpgw/keys/${id}.age`), 100);
  }

  /** Adds a ledger row for a write three hours ago, with an unknown key. */
  async addWrite({ settled }: { readonly settled: boolean }): Promise<void> {
    await this.#at(async ({ database }) => {
      const clock = { ...systemClock, nowMs: () => Date.now() - 3 * 3_600_000 };
      const ledger = createKeyLedger(database, clock, systemEntropy);
      const { fingerprint, md5Base64: keyMd5Base64 } = CustomerKey.fromBytes(randomBytes(32));
      const id = await ledger.intend({
        ref: { bucket: this.#bucket, key: 'bob/uploads/file' },
        sealedWith: { kind: 'sse-c', fingerprint, keyMd5Base64 },
        actor: 'bob',
        requestId: 'r',
      });
      const confirmation = { size: 1, checksum: null, etag: '"e"', versionId: null, mtimeSeconds: null };
      if (settled) await ledger.confirm(id, confirmation);
    });
  }

  async mirrorProblem(): Promise<void> {
    await this.#at(async ({ database }) => {
      await createMirrorState(database).saveRecord('downloads/bob', {
        origin: `${this.#bucket}/bob/downloads/`,
        emptySeenMs: null,
        status: {
          name: 'downloads/bob',
          bucket: this.#bucket,
          prefix: 'bob/downloads/',
          directory: '/nowhere',
          objects: 0,
          bytes: 0,
          lastPass: null,
          completeMs: null,
          problemCount: 1,
          problems: [{ kind: 'no-key', path: 'file', size: 1, text: 'no available key opens it' }],
        },
      });
    });
  }

  setting(name: string, value: string): void {
    this.#settings[name] = value;
    this.#writeSettings();
  }

  file(path: string, content: string, mode: number): void {
    const whole = join(this.#root, path);
    mkdirSync(dirname(whole), { recursive: true, mode: 0o700 });
    writeFileSync(whole, content);
    chmodSync(whole, mode);
  }

  userFile(name: string): string {
    return join(this.#root, 'home/bob/.sftpgateway', name);
  }

  refuse(matches: (request: SeenRequest) => boolean): void {
    this.answer(matches, 403, 'AccessDenied');
  }

  answer(matches: (request: SeenRequest) => boolean, status: number, code: string): void {
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>planted</Message></Error>`;
    this.#proxy.decide = (request) => (matches(request) ? { do: 'answer', status, body } : { do: 'pass' });
  }

  shiftDates(byMs: number): void {
    this.#proxy.decide = () => ({
      do: 'change-headers',
      headers: { date: new Date(Date.now() + byMs).toUTCString() },
    });
  }

  dropKeyHeaders(): void {
    const headers = {
      'x-amz-server-side-encryption-customer-algorithm': null,
      'x-amz-server-side-encryption-customer-key-md5': null,
    };
    this.#proxy.decide = () => ({ do: 'change-headers', headers });
  }

  async block(): Promise<void> {
    await this.#target.client().send(
      new PutBucketEncryptionCommand({
        Bucket: this.#bucket,
        ServerSideEncryptionConfiguration: {
          Rules: [
            {
              ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' },
              BlockedEncryptionTypes: { EncryptionType: ['SSE-C'] },
            },
          ],
        },
      }),
    );
  }

  async versioning(status: 'Enabled' | 'Suspended'): Promise<void> {
    const send = (Status: 'Enabled' | 'Suspended') =>
      this.#target
        .client()
        .send(new PutBucketVersioningCommand({ Bucket: this.#bucket, VersioningConfiguration: { Status } }));
    await send('Enabled');
    if (status === 'Suspended') await send(status);
  }

  /** Adds the lifecycle rule of a healthy bucket, if the server supports such rules. */
  async #allowLifecycle(): Promise<void> {
    const command = new PutBucketLifecycleConfigurationCommand({
      Bucket: this.#bucket,
      LifecycleConfiguration: {
        Rules: [
          {
            ID: 'unfinished',
            Status: 'Enabled',
            Filter: { Prefix: '' },
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 3 },
          },
        ],
      },
    });
    await this.#target
      .client()
      .send(command)
      .catch((error: unknown) => {
        if (this.#target.kind !== 'embedded') throw error;
      });
  }

  #writeSettings(): void {
    const lines = Object.entries(this.#settings).map(([name, value]) => `${name}=${value}\n`);
    this.file('opt/sftpgw/sftpgateway.properties', lines.join(''), 0o600);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    vi.unstubAllEnvs();
    await this.#proxy[Symbol.asyncDispose]();
    rmSync(this.#root, { recursive: true, force: true });
  }
}
