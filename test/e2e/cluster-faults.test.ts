import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.js';
import { CuttingProxy } from '../support/cutting-proxy.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { embeddedSkip, s3Targets } from '../support/s3-targets.js';
import { requestBytes, SftpClient } from '../support/sftp-client.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const skip = embeddedSkip ?? missing('sftp', 'ssh', 'ssh-keygen') ?? postgresMissing();
/** How long a node is paused or cut off, in milliseconds. It is dead after ten seconds. */
const outageMs = 15_000;
/** Max time in milliseconds until a node that was declared dead has noticed that. */
const noticedMs = 15_000;

/** Uploads one small file after the other, and records those whose CLOSE was answered with OK. */
class Uploader implements AsyncDisposable {
  readonly #as: TestUser;
  readonly #prefix: string;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly acknowledged = new Map<string, Buffer>();
  failures = 0;

  constructor(as: TestUser, prefix: string) {
    this.#as = as;
    this.#prefix = prefix;
    this.#running = this.#run();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let number = 0;
    while (!this.#stop.signal.aborted) {
      try {
        await using client = await SftpClient.connect(this.#as);
        while (!this.#stop.signal.aborted) {
          number += 1;
          const name = `${this.#prefix}-${number}`;
          const content = randomBytes(1_000 + number);
          const flags = { write: true, create: true, truncate: true };
          const handle = await client.open(`/uploads/${name}`, flags);
          await client.write(handle, 0, content);
          await client.ok({ type: 'close', handle });
          this.acknowledged.set(name, content);
        }
      } catch {
        this.failures += 1;
      }
    }
  }
}

describe.skipIf(skip !== null)(
  `faults of two gateways on one database${skip === null ? '' : ` (${skip})`}`,
  () => {
    let cluster: Cluster;
    let first: Gateway;
    let second: Gateway;
    let user: TestUser;
    let userOfSecond: TestUser;
    /** In front of the database of the second one. */
    let proxy: CuttingProxy;

    beforeAll(async () => {
      const [target] = await s3Targets();
      if (target === undefined) throw new Error('there is no S3 server');
      const server = await PostgresServer.start();
      const database = await server.createDatabase();
      proxy = await CuttingProxy.start(server.port);
      const ofSecond = server.url(database).replace(`:${server.port}/`, `:${proxy.port}/`);
      const properties = { 'database.wait.timeout': '8s' };
      cluster = await Cluster.startOn(server, database, target, properties, { 'database.url': ofSecond });
      ({ first, second, user, userOfSecond } = cluster);
    });
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]();
      await proxy?.[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      await eventually('both are live', async () =>
        (await cluster.nodes()).every(({ state }) => state === 'live'),
      );
    });

    /** Begins a file of several parts and leaves it open. */
    async function beginLarge(client: SftpClient, name: string): Promise<Uint8Array> {
      const flags = { write: true, create: true, truncate: true };
      const handle = await client.open(`/uploads/${name}`, flags);
      const bytes = randomBytes(requestBytes);
      for (let index = 0; index < 80; index += 1) await client.write(handle, index * requestBytes, bytes);
      return handle;
    }

    /** Checks that each acknowledged file is stored, and that the ledger agrees with the bucket. */
    async function check(uploaders: readonly Uploader[]): Promise<void> {
      await using client = await SftpClient.connect(user);
      for (const { acknowledged } of uploaders) {
        expect(acknowledged.size).toBeGreaterThan(0);
        for (const [name, content] of acknowledged) {
          expect((await client.readFile(`/uploads/${name}`)).equals(content), name).toBe(true);
        }
      }
      await eventually('no write is unfinished', async () => (await cluster.pending()).length === 0);
      await cluster.verify();
    }

    async function during(ms: number, what: string): Promise<void> {
      const began = performance.now();
      await eventually(what, () => performance.now() - began > ms, ms + 10_000);
    }

    async function exits(node: Gateway): Promise<void> {
      await eventually('it has noticed', () => /declared dead/.test(node.output), noticedMs);
      await eventually('it has ended', () => !isRunning(node.pid), noticedMs);
      expect(await node.end('SIGTERM')).toBe(6);
    }

    it('lose no acknowledged file while one is paused, which then stops', async () => {
      await using ofA = new Uploader(user, 'paused-a');
      await using ofB = new Uploader(userOfSecond, 'paused-b');
      const uploaders = [ofA, ofB];
      await using client = await SftpClient.connect(user);
      const handle = await beginLarge(client, 'paused');
      await using ofSecond = await SftpClient.connect(userOfSecond);
      await eventually('both upload', () => uploaders.every(({ acknowledged }) => acknowledged.size > 0));
      process.kill(first.pid, 'SIGSTOP');
      const before = ofB.acknowledged.size;
      await eventually('the other one uploads', () => ofB.acknowledged.size > before, outageMs);
      const began = performance.now();
      // The other one waits for the node that has the upload until it is dead.
      const path = Buffer.from('/uploads/paused');
      await expect(ofSecond.attributes({ type: 'stat', path })).rejects.toThrow(
        /No such file|does not exist/,
      );
      const waitedMs = performance.now() - began;
      expect(waitedMs).toBeLessThan(16_500);
      await during(outageMs - waitedMs, 'the pause');
      process.kill(first.pid, 'SIGCONT');
      await expect(client.ok({ type: 'close', handle })).rejects.toThrow();
      await exits(first);
      await cluster.put(userOfSecond, 'paused', Buffer.from('again'));
      await first.serve();
      for (const uploader of uploaders) await uploader.stop();
      expect((await cluster.get(user, 'paused')).toString()).toBe('again');
      await check(uploaders);
    });

    it('lose no acknowledged file when PostgreSQL is restarted', async () => {
      await using ofA = new Uploader(user, 'restart-a');
      await using ofB = new Uploader(userOfSecond, 'restart-b');
      const uploaders = [ofA, ofB];
      await using client = await SftpClient.connect(user);
      const handle = await beginLarge(client, 'restarted');
      await eventually('both upload', () => uploaders.every(({ acknowledged }) => acknowledged.size > 5));
      for (let time = 0; time < 2; time += 1) {
        await cluster.server.kill('SIGQUIT');
        await cluster.server.restart();
        const before = uploaders.map(({ acknowledged }) => acknowledged.size);
        await eventually('both upload again', () =>
          uploaders.every(({ acknowledged }, index) => acknowledged.size > (before[index] ?? 0) + 5),
        );
      }
      await client.ok({ type: 'close', handle });
      for (const uploader of uploaders) await uploader.stop();
      expect(uploaders.map(({ failures }) => failures)).toEqual([0, 0]);
      await check(uploaders);
    });

    it('lose no acknowledged file when one is cut off from PostgreSQL, which then stops', async () => {
      await using ofA = new Uploader(user, 'cut-a');
      await using ofB = new Uploader(userOfSecond, 'cut-b');
      const uploaders = [ofA, ofB];
      await using client = await SftpClient.connect(userOfSecond);
      const handle = await beginLarge(client, 'cut');
      await eventually('both upload', () => uploaders.every(({ acknowledged }) => acknowledged.size > 5));
      proxy.cut();
      const before = uploaders[0]?.acknowledged.size ?? 0;
      await expect(client.ok({ type: 'close', handle })).rejects.toThrow();
      await during(outageMs, 'the outage');
      expect(uploaders[0]?.acknowledged.size).toBeGreaterThan(before);
      proxy.restore();
      await exits(second);
      await second.serve();
      for (const uploader of uploaders) await uploader.stop();
      await check(uploaders);
    });
  },
);

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
