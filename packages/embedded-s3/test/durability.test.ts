import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { type Credentials, readCredentials } from '../credentials.js';
import { startEmbeddedS3 } from '../server.js';
import { SeededRandom } from '../testing/random.js';
import { bucket, runServer, sdkClient, TestKey } from '../testing/running-server.js';
import { eventually } from '../testing/wait.js';

const root = new URL('../../../', import.meta.url).pathname;
const MiB = 1024 * 1024;
const key = new TestKey();
const Bucket = bucket;
const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'durable-'));
  cleanUps.push(async () => await rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Killable {
  readonly s3: S3Client;
  kill(): Promise<void>;
}

/** Starts a server in a process of its own, which can be killed. */
async function spawnServer(directory: string): Promise<Killable> {
  const loader = new URL('../../../scripts/run-typescript.mjs', import.meta.url).href;
  const script = join(root, 'packages/embedded-s3/testing/serve-until-killed.ts');
  const child: ChildProcess = spawn(process.execPath, ['--import', loader, script, directory], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr?.on('data', (chunk) => {
    complaints += String(chunk);
  });
  const ended = once(child, 'exit');
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  cleanUps.push(kill);
  let printed = '';
  child.stdout?.on('data', (chunk) => {
    printed += String(chunk);
  });
  const line = await eventually('the server says where it is', () => {
    if (child.exitCode !== null) throw new Error(complaints);
    return printed.includes('\n') ? printed : null;
  });
  const { endpoint, ...credentials } = JSON.parse(line) as { endpoint: string } & Credentials;
  const s3 = sdkClient({ endpoint, credentials });
  return {
    s3,
    kill: async () => {
      await kill();
      s3.destroy();
    },
  };
}

/**
 * The possible contents of an object after the kill: the last acknowledged one, or those under way.
 * Null: it may be absent.
 */
type Allowed = Set<string | null>;

const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/**
 * Writers that put, complete, copy and delete, each on names of its own, and record the possible
 * contents of each name.
 */
class Workload {
  readonly allowed = new Map<string, Allowed>();
  acknowledged = 0;
  readonly #random: SeededRandom;
  readonly #pool: Buffer;
  #isStopped = false;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#pool = Buffer.alloc(12 * MiB);
    for (let at = 0; at < this.#pool.length; at += 4)
      this.#pool.writeUInt32LE(random.between(0, 2 ** 32 - 1), at);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(s3: S3Client, writers: number): Promise<void> {
    await Promise.all(Array.from({ length: writers }, (_, writer) => this.#write(s3, writer)));
  }

  async #write(s3: S3Client, writer: number): Promise<void> {
    while (!this.#isStopped) {
      const Key = `w${writer}/${this.#random.between(0, 4)}`;
      const before: Allowed = this.allowed.get(Key) ?? new Set([null]);
      const action = this.#random.pick(['put', 'put', 'put', 'multipart', 'copy', 'delete'] as const);
      const data = this.#data(action === 'multipart' ? 6 * MiB : this.#random.pick([0, 10, 65_536, 300_000]));
      const after: Allowed = new Set([action === 'delete' ? null : digest(data)]);
      this.allowed.set(Key, new Set([...before, ...after]));
      try {
        await this.#act(s3, action, Key, data);
      } catch {
        // Not acknowledged: both contents are correct from here on.
        return;
      }
      this.allowed.set(Key, after);
      this.acknowledged++;
    }
  }

  #data(size: number): Buffer {
    const start = this.#random.between(0, this.#pool.length - size);
    return this.#pool.subarray(start, start + size);
  }

  async #act(s3: S3Client, action: string, Key: string, Body: Buffer): Promise<void> {
    if (action === 'delete') {
      await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    } else if (action === 'multipart') {
      await this.#multipart(s3, Key, Body);
    } else if (action === 'copy') {
      const source = `${Key}-source`;
      this.allowed.set(source, new Set([null, ...(this.allowed.get(source) ?? []), digest(Body)]));
      await s3.send(new PutObjectCommand({ Bucket, Key: source, Body, ...key.trio }));
      this.allowed.set(source, new Set([digest(Body)]));
      await s3.send(
        new CopyObjectCommand({
          Bucket,
          Key,
          CopySource: `${Bucket}/${source}`,
          ...key.copySourceTrio,
          ...key.trio,
        }),
      );
    } else {
      await s3.send(new PutObjectCommand({ Bucket, Key, Body, ...key.trio }));
    }
  }

  async #multipart(s3: S3Client, Key: string, data: Buffer): Promise<void> {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...key.trio }));
    const bodies = [data.subarray(0, 5 * MiB), data.subarray(5 * MiB)];
    const Parts = await Promise.all(
      bodies.map(async (Body, index) => {
        const PartNumber = index + 1;
        const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...key.trio });
        const { ETag, ChecksumCRC32 } = await s3.send(part);
        return { PartNumber, ETag, ChecksumCRC32 };
      }),
    );
    await s3.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...key.trio }),
    );
  }
}

/** Returns every object by its content. Each is read completely, with the key. */
async function readAll(s3: S3Client): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }));
  for (const { Key = '', Size } of Contents ?? []) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...key.trio }));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    expect(bytes.byteLength).toBe(Size);
    found.set(Key, digest(bytes));
  }
  return found;
}

describe('kill -9', () => {
  it('at random moments loses no acknowledged object and leaves none incomplete', async () => {
    const random = SeededRandom.fromEnvironment();
    console.log(`SFTPGW_TEST_SEED=${random.seed}`);
    const directory = await newDirectory();
    let server = await spawnServer(directory);
    const restart = async () => {
      await server.kill();
      server = await spawnServer(directory);
    };
    const prepared = await readCredentials(directory);
    expect(prepared).not.toBeNull();
    const { CreateBucketCommand } = await import('@aws-sdk/client-s3');
    await server.s3.send(new CreateBucketCommand({ Bucket }));
    const workload = new Workload(random);
    for (let round = 0; round < 6; round++) {
      const running = workload.run(server.s3, 4);
      const acknowledgedBefore = workload.acknowledged;
      await eventually('some work is done', () => workload.acknowledged > acknowledgedBefore + 3);
      // The kill happens at a random moment: this does not wait for anything.
      await delay(random.between(0, 300));
      await restart();
      await running;
      const found = await readAll(server.s3);
      for (const [Key, allowed] of workload.allowed) {
        const held = found.get(Key) ?? null;
        expect(allowed.has(held), `${Key} after round ${round}`).toBe(true);
        // The present content is that at the time of the kill: it is known from here on.
        workload.allowed.set(Key, new Set([held]));
      }
      for (const Key of found.keys()) expect(workload.allowed.has(Key), Key).toBe(true);
    }
    expect(workload.acknowledged).toBeGreaterThan(20);
    await expectNoStrayFiles(server.s3, directory);
  });
});

/** There are as many body files as rows for them: the sweep at start removed the others. */
async function expectNoStrayFiles(s3: S3Client, directory: string): Promise<void> {
  const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }));
  // Objects have one body or, in this workload, the two of a multipart upload; incomplete uploads
  // have up to two.
  const most = 2 * ((Contents?.length ?? 0) + (Uploads?.length ?? 0));
  await eventually('left-over files are swept', async () => {
    const files = (await readdir(join(directory, 'bodies'), { recursive: true })).filter((name) =>
      name.includes('/'),
    );
    return files.length >= (Contents?.length ?? 0) && files.length <= most;
  });
  expect(await readdir(join(directory, 'staging'))).toEqual([]);
}

describe('a directory', () => {
  it('is used by one server: a second is refused, in this process and in another, until the first has ended', async () => {
    const directory = await newDirectory();
    const first = await spawnServer(directory);
    const options = { directory, listen: { host: '127.0.0.1', port: 0 }, region: 'us-east-1' };
    await expect(startEmbeddedS3(options)).rejects.toThrow(`another embedded S3 server uses ${directory}`);
    await first.kill();
    const second = await startEmbeddedS3(options);
    await expect(startEmbeddedS3(options)).rejects.toMatchObject({ name: 'DirectoryInUse' });
    await second.close(1000);
    await (await startEmbeddedS3(options)).close(1000);
  });

  it('keeps its credentials and its objects over a restart', async () => {
    const directory = await newDirectory();
    const first = await runServer({ directory });
    await first.s3.send(new PutObjectCommand({ Bucket, Key: 'x', Body: 'kept' }));
    const { credentials } = first.server;
    await first.server.close(1000);
    expect(await readCredentials(directory)).toEqual(credentials);
    const second = await runServer({ directory });
    const { Body } = await second.s3.send(new GetObjectCommand({ Bucket, Key: 'x' }));
    expect(await Body?.transformToString()).toBe('kept');
    await second.stop();
    expect(await readCredentials(directory)).toBeNull();
  });

  it('is readable only by its owner', async () => {
    const running = await runServer();
    for (const name of ['credentials.json', 'master.key']) {
      expect((await stat(join(running.directory, name))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(running.directory)).mode & 0o077).toBe(0);
    await running.stop();
  });

  it('is not opened without its master key, or with a damaged one, and the error names the file', async () => {
    const directory = await newDirectory();
    const running = await runServer({ directory });
    await running.server.close(1000);
    const path = join(directory, 'master.key');
    const options = { directory, listen: { host: '127.0.0.1', port: 0 }, region: 'us-east-1' };
    const kept = await readFile(path);
    await writeFile(path, kept.subarray(1));
    await expect(startEmbeddedS3(options)).rejects.toThrow(`${path}: expected 32 bytes, found 31`);
    await rm(path);
    await expect(startEmbeddedS3(options)).rejects.toThrow(`${path} is missing`);
    await writeFile(path, kept);
    await (await startEmbeddedS3(options)).close(1000);
    running.s3.destroy();
    running.raw.close();
  });

  it('contains no customer’s key, raw, in hex or in base64', async () => {
    const running = await runServer();
    const canary = new TestKey(Buffer.from('canary key of exactly 32 bytes!!'));
    await running.s3.send(
      new PutObjectCommand({ Bucket, Key: 'x', Body: 'y'.repeat(100_000), ...canary.trio }),
    );
    await running.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'x', ...canary.trio }));
    await running.server.close(1000);
    const forms = [
      Buffer.from(canary.bytes),
      Buffer.from(canary.base64),
      Buffer.from(Buffer.from(canary.bytes).toString('hex')),
    ];
    let read = 0;
    for (const name of await readdir(running.directory, { recursive: true })) {
      const path = join(running.directory, name);
      if (!(await stat(path)).isFile()) continue;
      const bytes = await readFile(path);
      read += bytes.byteLength;
      for (const form of forms) expect(bytes.includes(form), name).toBe(false);
    }
    expect(read).toBeGreaterThan(100_000);
    await running.stop();
  });
});
