import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../src/assembly/system.js';
import { noKey } from '../../src/model/encryption.js';
import { createS3ObjectStore, type S3ObjectStore } from '../../src/s3/object-store.js';
import { bodyOf, newCall, writeOptions } from '../conformance/fixtures.js';
import type { FaultProxy } from '../support/fault-proxy.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { isCopy, type ServerWithoutCopies, serversWithoutCopies, startProxy } from '../support/no-copies.js';
import { missing } from '../support/tools.js';

const programs = missing('ssh-keygen', 'sftp');
const MiB = 1024 * 1024;

for (const server of await serversWithoutCopies()) {
  const skip = server.target.skip ?? programs;
  describe.skipIf(skip !== null)(`without copies: ${server.name}${skip ? ` (${skip})` : ''}`, () =>
    describeCopies(server),
  );
}

function describeCopies(server: ServerWithoutCopies): void {
  const { target } = server;
  let proxy: FaultProxy | null = null;
  let gateway: Gateway;
  let bob: TestUser;
  let bucket: string;
  /** Reaches the server itself. */
  let store: S3ObjectStore;
  /** The keys of objects that the test has stored in the clear. */
  const inClear = new Set<string>();

  beforeAll(async () => {
    // Every version is kept, so that a copy in the clear shows even if it was removed at once.
    bucket = await target.makeVersionedBucket();
    const { endpoint, caFile, region, credentials } = target;
    store = createS3ObjectStore({
      endpoint,
      caFile,
      region,
      credentials,
      clock: systemClock,
      entropy: systemEntropy,
    });
    proxy = await startProxy(server);
    const s3 = {
      endpoint: proxy?.endpoint ?? endpoint,
      caFile: proxy === null ? caFile : null,
      region,
      bucket,
    };
    gateway = await Gateway.start({ s3: { ...s3, ...credentials } });
    bob = await gateway.addUser('bob');
    // The check at the start tries the encryption of the users that exist.
    await gateway.end('SIGTERM');
    await gateway.serve();
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await store?.[Symbol.asyncDispose]();
    await target.close();
  });

  const local = (name: string, bytes: Buffer): string => {
    const path = join(gateway.work, name);
    writeFileSync(path, bytes);
    return path;
  };

  async function expectFiles(files: Readonly<Record<string, Buffer>>): Promise<void> {
    for (const [name, bytes] of Object.entries(files)) {
      const back = join(gateway.work, 'back');
      await bob.sftpOk(`get /uploads/${name} ${back}`);
      expect(readFileSync(back).equals(bytes), name).toBe(true);
    }
  }

  /** Every version of every object, also of those removed since, needs a key. */
  async function expectNothingInClear(): Promise<void> {
    const call = newCall();
    const { versions } = await store.listVersions(call, { bucket, prefix: 'bob/' });
    const readable: string[] = [];
    for (const { key, versionId } of versions) {
      if (inClear.has(key)) continue;
      const info = await store.head(call, { bucket, key }, noKey, versionId ?? undefined).catch(() => null);
      if (info !== null) readable.push(key);
    }
    expect(versions.length).toBeGreaterThan(0);
    expect(readable).toEqual([]);
  }

  async function cliOk(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await gateway.cli(args);
    expect(code, `${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
    return stdout;
  }

  it('renames, renames over a file, and extends', async () => {
    const [small, large, end] = [randomBytes(3000), randomBytes(12 * MiB), randomBytes(MiB)];
    await bob.sftpOk(
      [
        `put ${local('small', small)} /uploads/small`,
        `put ${local('large', large)} /uploads/large`,
        'rename /uploads/small "/uploads/a file"',
        'rename /uploads/large /uploads/moved',
        `put ${local('old', Buffer.from('old'))} /uploads/old`,
        'rename "/uploads/a file" /uploads/old',
        `reput ${local('longer', Buffer.concat([large, end]))} /uploads/moved`,
        `put ${local('short', Buffer.from('short'))} /uploads/short`,
        `reput ${local('shorter', Buffer.from('short and its end'))} /uploads/short`,
      ].join('\n'),
    );
    await expectFiles({
      old: small,
      moved: Buffer.concat([large, end]),
      short: Buffer.from('short and its end'),
    });
    await expectNothingInClear();
  });

  it('renames a directory', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 5 }, (_, index) => [`to/sub/${index}`, randomBytes(1000 * index)]),
    );
    const puts = Object.values(files).map(
      (bytes, index) => `put ${local(`f${index}`, bytes)} /uploads/from/sub/${index}`,
    );
    await bob.sftpOk(
      ['mkdir /uploads/from', 'mkdir /uploads/from/sub', ...puts, 'rename /uploads/from /uploads/to'].join(
        '\n',
      ),
    );
    await expectFiles(files);
    expect((await bob.sftp('ls /uploads/from')).code).not.toBe(0);
    await expectNothingInClear();
  });

  it('encrypts a renamed object that another client has stored in the clear', async () => {
    const bytes = randomBytes(5000);
    const key = 'bob/uploads/clear';
    inClear.add(key);
    await store.put(newCall(), { bucket, key }, bodyOf(bytes), writeOptions({ kind: 'bucket-default' }));
    await bob.sftpOk('rename /uploads/clear /uploads/sealed');
    await expectFiles({ sealed: bytes });
    await expectNothingInClear();
  });

  it('copies and moves objects by command', async () => {
    const bytes = randomBytes(7 * MiB);
    await bob.sftpOk(`put ${local('one', bytes)} /uploads/one`);
    const url = (name: string) => `s3://${bucket}/bob/uploads/${name}`;
    await cliOk('object', 'cp', url('one'), url('two'));
    await cliOk('object', 'mv', url('one'), url('three'));
    await expectFiles({ two: bytes, three: bytes });
    expect((await bob.sftp('ls /uploads/one')).code).not.toBe(0);
    await expectNothingInClear();
  });

  it('rotates a key', async () => {
    const files = { r1: randomBytes(100), r2: randomBytes(9 * MiB), r3: Buffer.alloc(0) };
    await bob.sftpOk(
      Object.entries(files)
        .map(([name, bytes]) => `put ${local(name, bytes)} /uploads/${name}`)
        .join('\n'),
    );
    const ids = async () => {
      const listed = JSON.parse(await cliOk('object', 'ls', '-r', `s3://${bucket}/bob/uploads/r`, '--json'));
      return (listed as { encryption: { keyId?: string } }[]).map(({ encryption }) => encryption.keyId);
    };
    const before = await ids();
    await cliOk('key', 'rotate', '--user', 'bob');
    await expectFiles(files);
    const after = await ids();
    expect(after).toHaveLength(3);
    expect(new Set([...before, ...after]).size).toBe(2);
    await expectNothingInClear();
  });

  it('reports the cost at the start and in the doctor', async () => {
    const cost =
      /copies go through the gateway: each rename, append and key rotation transfers every byte twice/;
    expect(gateway.output.split('\n').filter((line) => cost.test(line))).not.toEqual([]);
    const doctor = await gateway.cli(['doctor', '--json']);
    expect(doctor.stdout).toContain('copies-refused');
    expect(doctor.stdout).toMatch(cost);
  });

  it('does not ask the server for a copy that would be visible before its encryption is confirmed', () => {
    const visible = proxy?.seen.filter((seen) => isCopy(seen) && !seen.url.includes('partNumber=')) ?? [];
    expect(visible).toEqual([]);
  });
}
