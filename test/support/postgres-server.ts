import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, realpathSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresOptions } from '../../src/database/postgres/connection.js';
import { runOk } from './command.js';
import { freePort } from './free-port.js';
import { loopbackTls } from './loopback-tls.js';
import { findProgram } from './tools.js';
import { eventually } from './wait.js';

/** The user that Debian's package creates. PostgreSQL refuses to run as root. */
const serverUser = 'postgres';
const superuser = 'sftpgw';

/**
 * Ends the server when standard input is closed, however this process ends. Removes its files, unless the line
 * `keep` came first.
 */
const supervisor =
  'dir=$1; shift; "$@" & pid=$!; read line; kill -QUIT $pid 2>/dev/null; wait $pid; [ "$line" = keep ] || rm -rf "$dir"';

/** Returns the directory of PostgreSQL's programs, the newest one; null if there is none. */
function findPrograms(): string | null {
  const initdb = findProgram('initdb');
  if (initdb !== null) return join(realpathSync(initdb), '..');
  try {
    const versions = readdirSync('/usr/lib/postgresql').sort((one, other) => Number(other) - Number(one));
    return versions[0] === undefined ? null : `/usr/lib/postgresql/${versions[0]}/bin`;
  } catch {
    return null;
  }
}

/** Returns the reason to skip a test that needs PostgreSQL, or null. Throws if CI is set and it is not installed. */
export function postgresMissing(): string | null {
  if (findPrograms() !== null) return null;
  if (process.env['CI']) throw new Error('not installed: postgresql');
  return 'not installed: postgresql';
}

/** The options of a server. */
export interface ServerOptions {
  /** Syncs commits to the disk. */
  readonly isDurable?: boolean;
  /** Settings of `postgresql.conf`, as `name=value`. */
  readonly settings?: readonly string[];
  /** The certificate of the server; that of `loopback-tls.ts` by default. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** A free port by default. */
  readonly port?: number;
  /** The server whose copy this one is. It follows it until it is promoted. */
  readonly standbyOf?: PostgresServer;
}

/** A PostgreSQL server in a directory of its own, with a locale that does not sort by bytes. */
export class PostgresServer {
  readonly port: number;
  readonly password: string;
  readonly directory: string;
  readonly #programs: string;
  readonly #owner: { readonly uid: number; readonly gid: number } | null;
  readonly #settings: readonly string[];
  #process: ChildProcess | null = null;
  #databases = 0;

  private constructor(fields: {
    port: number;
    password: string;
    directory: string;
    programs: string;
    owner: { readonly uid: number; readonly gid: number } | null;
    settings: readonly string[];
  }) {
    this.port = fields.port;
    this.password = fields.password;
    this.directory = fields.directory;
    this.#programs = fields.programs;
    this.#owner = fields.owner;
    this.#settings = fields.settings;
  }

  /** Creates a server and starts it. */
  static async start(options: ServerOptions = {}): Promise<PostgresServer> {
    const { isDurable = false, settings = [], tls: certificate = loopbackTls, standbyOf } = options;
    const programs = findPrograms();
    if (programs === null) throw new Error('not installed: postgresql');
    const owner = process.getuid?.() === 0 ? await accountOf(serverUser) : null;
    const directory = await mkdtemp(join(tmpdir(), 'pg-'));
    const password = standbyOf?.password ?? randomBytes(12).toString('hex');
    const files = { password: password, 'server.crt': certificate.cert, 'server.key': certificate.key };
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(directory, name), text, { mode: 0o600 });
      if (owner !== null) await chown(join(directory, name), owner.uid, owner.gid);
    }
    await chmod(directory, 0o700);
    if (owner !== null) await chown(directory, owner.uid, owner.gid);
    const port = options.port ?? (await freePort());
    const tls = ['ssl=on', `ssl_cert_file=${directory}/server.crt`, `ssl_key_file=${directory}/server.key`];
    const own = [`fsync=${isDurable ? 'on' : 'off'}`, 'shared_buffers=32MB', ...tls, ...settings];
    const server = new PostgresServer({ port, password, directory, programs, owner, settings: own });
    if (standbyOf === undefined) await server.#initialise();
    else await server.#copy(standbyOf);
    await server.restart();
    return server;
  }

  /** Starts the server again after `kill`. */
  async restart(): Promise<void> {
    const settings = [
      `port=${this.port}`,
      'listen_addresses=127.0.0.1,127.0.0.2',
      `unix_socket_directories=${this.directory}`,
      ...this.#settings,
    ].flatMap((setting) => ['-c', setting]);
    const program = [join(this.#programs, 'postgres'), '-D', join(this.directory, 'data'), ...settings];
    const child = spawn('sh', ['-c', supervisor, 'sh', this.directory, ...program], {
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      ...(this.#owner ?? {}),
    });
    child.unref();
    child.stdin?.on('error', () => undefined);
    (child.stdin as unknown as { unref?(): void }).unref?.();
    this.#process = child;
    await eventually('PostgreSQL answers', () =>
      this.run('postgres', 'select 1').then(
        () => true,
        () => false,
      ),
    );
  }

  /** Kills the server like a crash of its machine: all its processes, without a checkpoint. */
  async kill(signal: 'SIGKILL' | 'SIGQUIT' = 'SIGKILL'): Promise<void> {
    const [pid = ''] = (await readFile(join(this.directory, 'data', 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), signal);
    await this.#end('keep\n');
  }

  /** Ends the server and removes its files. */
  async stop(): Promise<void> {
    await this.#end('');
  }

  /** Creates an empty database, or a copy of `template`, and returns its name. */
  async createDatabase(template?: string): Promise<string> {
    this.#databases += 1;
    const name = `test${this.#databases}`;
    await this.run(
      'postgres',
      `create database ${name}${template === undefined ? '' : ` template ${template}`}`,
    );
    return name;
  }

  /** Runs SQL as the superuser, on a connection of its own, and returns the rows. */
  async run(database: string, sql: string): Promise<readonly Record<string, unknown>[]> {
    const client = await this.connect(database);
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Connects as the superuser. The caller ends the connection. */
  async connect(database: string): Promise<pg.Client> {
    const client = new pg.Client({ ...this.#login(), database });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** The address of a database, as the setting `database.url`. `at` is another address of the server. */
  url(database: string, at = `127.0.0.1:${this.port}`): string {
    return `postgres://${superuser}@${at}/${database}`;
  }

  /** The options of a database on the Unix socket, which needs no password. */
  options(database: string, changed: Partial<PostgresOptions> = {}): PostgresOptions {
    return {
      address: { host: this.directory, port: this.port, database, user: superuser, isTls: false },
      password: async () => this.password,
      caFile: null,
      maxConnections: 4,
      waitMs: 10_000,
      statementTimeoutMs: 30_000,
      ...changed,
    };
  }

  async #initialise(): Promise<void> {
    const options = [
      '-D',
      join(this.directory, 'data'),
      '-U',
      superuser,
      '-N',
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
    ];
    // A database with a language's order shows whether the gateway asks for the order of bytes.
    const order = ['--locale-provider=icu', '--icu-locale=en-US'];
    const login = [
      '--auth-local=trust',
      '--auth-host=scram-sha-256',
      '--pwfile',
      join(this.directory, 'password'),
    ];
    const all = [...options, ...order, ...login];
    await this.#program('initdb', all);
  }

  /** Copies a running server, and follows it from the start on. */
  async #copy({ port, password }: PostgresServer): Promise<void> {
    const from = `host=127.0.0.1 port=${port} user=${superuser} password=${password}`;
    const to = join(this.directory, 'data');
    await this.#program('pg_basebackup', ['-D', to, '-d', from, '-R', '-X', 'stream', '-c', 'fast']);
  }

  async #program(name: string, args: readonly string[]): Promise<void> {
    const program = join(this.#programs, name);
    if (this.#owner === null) await runOk(program, args, { cwd: '/' });
    else {
      const { uid, gid } = this.#owner;
      const as = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
      await runOk('setpriv', [...as, program, ...args], { cwd: '/' });
    }
  }

  #login() {
    return { host: '127.0.0.1', port: this.port, user: superuser, password: this.password };
  }

  async #end(line: string): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.ref();
    child.stdin?.end(line);
    await exited;
  }
}

async function accountOf(name: string): Promise<{ readonly uid: number; readonly gid: number }> {
  const line = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .find((each) => each.startsWith(`${name}:`));
  const [, , uid = '', gid = ''] = line?.split(':') ?? [];
  if (uid === '') throw new Error(`no account ${name}`);
  return { uid: Number(uid), gid: Number(gid) };
}
