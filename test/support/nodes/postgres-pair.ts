import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PostgresServer } from '../postgres-server.js';
import { eventually } from '../wait.js';
import type { Certificate } from './certificate.js';

const settings = ['wal_retrieve_retry_interval=500ms', 'max_connections=120'];

/** The ports of a server: PostgreSQL's own, and the one that answers whether it is the primary. */
export interface MemberPorts {
  readonly port: number;
  readonly rolePort: number;
}

/** A PostgreSQL server with a synchronous standby, which can become the primary. */
export class PostgresPair implements AsyncDisposable {
  readonly #certificate: Certificate;
  readonly #roles: Server[] = [];
  #primary: PostgresServer;
  #standby: PostgresServer;
  /** The ports of both, in a fixed order: a failover changes the roles and no port. */
  readonly members: MemberPorts[] = [];

  private constructor(primary: PostgresServer, standby: PostgresServer, certificate: Certificate) {
    this.#primary = primary;
    this.#standby = standby;
    this.#certificate = certificate;
  }

  /** Starts both. Commits wait for the standby. */
  static async start(certificate: Certificate): Promise<PostgresPair> {
    const primary = await PostgresServer.start({ settings, tls: certificate });
    const standby = await PostgresServer.start({ settings, tls: certificate, standbyOf: primary });
    const pair = new PostgresPair(primary, standby, certificate);
    for (const { port } of [primary, standby]) await pair.#addRole(port);
    await pair.#waitForStandby();
    return pair;
  }

  get primary(): PostgresServer {
    return this.#primary;
  }

  /** Kills the primary and promotes the standby. The pair then has no standby until `rebuild`. */
  async failOver(): Promise<void> {
    const old = this.#primary;
    await old.kill('SIGKILL');
    await this.#standby.run('postgres', 'select pg_promote(true, 30)');
    this.#primary = this.#standby;
    this.#standby = old;
  }

  /** Makes a new standby in the place of the old primary. */
  async rebuild(): Promise<void> {
    const { port, directory } = this.#standby;
    rmSync(directory, { recursive: true, force: true });
    const tls = this.#certificate;
    this.#standby = await PostgresServer.start({ settings, tls, port, standbyOf: this.#primary });
    await this.#waitForStandby();
  }

  /** Restarts the primary as after a crash of its processes. */
  async restartPrimary(): Promise<void> {
    await this.#primary.kill('SIGQUIT');
    await this.#primary.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#roles) server.close();
    await this.#standby.stop();
    await this.#primary.stop();
    for (const { directory } of [this.#standby, this.#primary]) {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  /** Answers as Patroni does: 200 if the server with this port is the primary, 503 if not. */
  async #addRole(port: number): Promise<void> {
    const server = createServer((_, response) => {
      response.writeHead(this.#primary.port === port ? 200 : 503).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#roles.push(server);
    this.members.push({ port, rolePort: (server.address() as AddressInfo).port });
  }

  /** Waits until the standby follows, and lets all further commits wait for it. */
  async #waitForStandby(): Promise<void> {
    const state = async (column: string) =>
      (await this.#primary.run('postgres', `select ${column} as value from pg_stat_replication`))[0]?.[
        'value'
      ];
    await eventually('the standby follows', async () => (await state('state')) === 'streaming');
    // It has no standby of its own when it becomes the primary.
    await this.#standby.run('postgres', 'alter system reset synchronous_standby_names');
    await this.#standby.run('postgres', 'select pg_reload_conf()');
    await this.#primary.run('postgres', "alter system set synchronous_standby_names = '*'");
    await this.#primary.run('postgres', 'select pg_reload_conf()');
    await eventually('commits wait for the standby', async () => (await state('sync_state')) === 'sync');
  }
}
