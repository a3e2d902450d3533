import { cpSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { rootPaths } from '../../src/config/paths.js';
import { type ForeignS3, Gateway, TestUser } from './gateway.js';
import { writeLoopbackCa } from './loopback-tls.js';
import { PostgresServer } from './postgres-server.js';
import type { S3Target } from './s3-targets.js';

/** Files of the state directory that belong to one gateway. */
const ownFiles = new Set(['node-id', 'lock', 'audit', 'control.sock', 'files.sock', 'bucket-copy.json']);

/** A node as `sftpgw cluster status` shows it. */
export interface ShownNode {
  readonly id: string;
  readonly state: string;
}

/** Two gateways that share a database and a bucket, with one user. */
export class Cluster implements AsyncDisposable {
  readonly directory: string;
  readonly server: PostgresServer;
  readonly database: string;
  readonly first: Gateway;
  readonly second: Gateway;
  readonly user: TestUser;
  readonly userOfSecond: TestUser;
  readonly #target: S3Target;

  private constructor(
    target: S3Target,
    parts: Pick<Cluster, 'directory' | 'server' | 'database' | 'first' | 'second' | 'user'>,
  ) {
    const { directory, server, database, first, second, user } = parts;
    this.#target = target;
    this.directory = directory;
    this.server = server;
    this.database = database;
    this.first = first;
    this.second = second;
    this.user = user;
    this.userOfSecond = new TestUser(second, user.name, user.identity, user.key, user.keyFile);
  }

  /** Starts PostgreSQL and both gateways. `properties` are those of both; `ofSecond` replaces some of the second one. */
  static async start(
    target: S3Target,
    properties: Readonly<Record<string, string>> = {},
    ofSecond: Readonly<Record<string, string>> = {},
  ): Promise<Cluster> {
    const server = await PostgresServer.start();
    return await Cluster.startOn(server, await server.createDatabase(), target, properties, ofSecond);
  }

  /** Does the same on a database that exists. The cluster stops its server. */
  static async startOn(
    server: PostgresServer,
    database: string,
    target: S3Target,
    properties: Readonly<Record<string, string>>,
    ofSecond: Readonly<Record<string, string>>,
  ): Promise<Cluster> {
    const directory = mkdtempSync(join(tmpdir(), 'sftpgw-cluster-'));
    const bucket = await target.makeBucket();
    const prepare = (more: Readonly<Record<string, string>>) =>
      Gateway.prepare({
        s3: s3Of(target, bucket),
        properties: {
          'database.url': server.url(database),
          cluster: 'yes',
          'webhooks.allow.private': '127.0.0.0/8',
          'webhooks.ca.file': writeLoopbackCa(directory),
          ...more,
        },
        env: { SFTPGW_DATABASE_PASSWORD: server.password },
      });
    const first = await prepare(properties);
    await first.serve();
    const user = await first.addUser('clara');
    const second = await prepare({ ...properties, ...ofSecond });
    const cluster = new Cluster(target, { directory, server, database, first, second, user });
    cluster.copyRoot();
    await second.serve();
    return cluster;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.first[Symbol.asyncDispose]();
    await this.second[Symbol.asyncDispose]();
    await this.server.stop();
    await this.#target.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The S3 server of both, with their bucket. */
  get s3(): ForeignS3 {
    const path = rootPaths(this.first.root).propertiesFile;
    return s3Of(this.#target, /^bucket=(.*)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? '');
  }

  /** Gives the second gateway the users and keys of the first one. */
  copyRoot(): void {
    copyRoot(this.first, this.second);
  }

  /** Returns the nodes as the second gateway sees them. */
  async nodes(): Promise<readonly ShownNode[]> {
    const { stdout } = await this.second.cli(['cluster', 'status', '--json']);
    return (JSON.parse(stdout) as { nodes: ShownNode[] }).nodes;
  }

  /** Checks that the ledger and the bucket agree. */
  async verify(): Promise<void> {
    const { code, stdout, stderr } = await this.second.cli(['ledger', 'verify', '--read', '--json']);
    expect(`${code} ${stderr}`).toMatch(/^0 /);
    expect(JSON.parse(stdout)).toMatchObject({ findings: 0 });
  }

  /** Returns the object keys of unfinished writes. */
  async pending(): Promise<readonly string[]> {
    const query = "select object_key from sealed_object where state = 'intended'";
    return (await this.server.run(this.database, query)).map((row) => String(row['object_key']));
  }

  async put(as: TestUser, name: string, content: Buffer): Promise<void> {
    const source = join(this.directory, name);
    writeFileSync(source, content);
    await as.sftpOk(`put ${source} /uploads/${name}`);
  }

  async get(as: TestUser, name: string): Promise<Buffer> {
    const to = join(this.directory, `${name}.got`);
    await as.sftpOk(`get /uploads/${name} ${to}`);
    return readFileSync(to);
  }
}

/** Gives a gateway the users and keys of another one. */
export function copyRoot(from: Gateway, to: Gateway): void {
  const { stateDirectory, propertiesFile } = rootPaths(from.root);
  cpSync(from.root, to.root, {
    recursive: true,
    filter: (path) => {
      const isOwn = path.startsWith(`${stateDirectory}/`) && ownFiles.has(basename(path));
      // The links to the shared directory name the root.
      return !isOwn && path !== propertiesFile && !lstatSync(path).isSymbolicLink();
    },
  });
}

function s3Of({ endpoint, caFile, region, credentials }: S3Target, bucket: string): ForeignS3 {
  return { endpoint, caFile, region, bucket, ...credentials };
}
