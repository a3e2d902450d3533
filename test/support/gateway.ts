import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type CommandOptions, ended, type Finished, run, runOk } from './command.js';
import { freePort } from './free-port.js';
import { sharedDatabase, testEngine } from './test-database.js';
import { eventually } from './wait.js';

const project = resolve(import.meta.dirname, '../..');
/** The built `sftpgw` program. */
export const mainScript = join(project, 'dist/bin/sftpgw.js');

/** The number of processes of each gateway in this run: `SFTPGW_TEST_WORKERS`. One by default. */
const testWorkers = process.env['SFTPGW_TEST_WORKERS'];

/** A bucket on an S3 server other than the embedded one. */
export interface ForeignS3 {
  readonly endpoint: string;
  readonly caFile: string | null;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
}

/** The S3 server and the settings of a test gateway. */
export interface GatewayOptions {
  /** The S3 server; null starts the embedded one in the same process. */
  readonly s3: ForeignS3 | null;
  /** More settings for sftpgateway.properties. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly logLevel?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The address for SFTP; 127.0.0.1 by default. */
  readonly host?: string;
  /** A program with arguments that runs the gateway's command, at each start. */
  readonly through?: readonly string[];
}

export interface ServeOptions {
  /** RLIMIT_NOFILE of the process. */
  readonly maxOpenFiles?: number;
  /** A program with arguments that runs the gateway's command. */
  readonly through?: readonly string[];
}

/** A gateway as an administrator runs it: a child process with its own root and ports. */
export class Gateway implements AsyncDisposable {
  readonly root: string;
  readonly work: string;
  readonly #options: GatewayOptions;
  #child: ChildProcess | null = null;
  #output = '';
  /** The variables of a database on a server, in a run over PostgreSQL. */
  #database: NodeJS.ProcessEnv = {};
  sftpPort = 0;
  s3Port = 0;

  private constructor(options: GatewayOptions) {
    this.#options = options;
    const base = mkdtempSync(join(tmpdir(), 'sftpgw-test-'));
    this.root = join(base, 'root');
    this.work = join(base, 'work');
    mkdirSync(this.root);
    mkdirSync(this.work);
  }

  /** Creates a root with its settings, without starting the gateway. */
  static async prepare(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options);
    gateway.sftpPort = await freePort();
    gateway.s3Port = await freePort();
    if (testEngine === 'postgres' && options.properties?.['database.url'] === undefined) {
      gateway.#database = await sharedDatabase();
    }
    if (options.s3 !== null || options.properties !== undefined) {
      gateway.writeProperties(options.properties ?? {});
    }
    return gateway;
  }

  static async start(options: GatewayOptions): Promise<Gateway> {
    const gateway = await Gateway.prepare(options);
    await gateway.serve();
    return gateway;
  }

  /** Writes sftpgateway.properties: these settings, and those of an S3 server that is not embedded. */
  writeProperties(values: Readonly<Record<string, string>>): void {
    const path = join(this.root, 'opt/sftpgw/sftpgateway.properties');
    mkdirSync(dirname(path), { recursive: true });
    const settings = { ...foreignProperties(this.#options.s3), ...values };
    const text = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    writeFileSync(path, text.join(''));
  }

  /** Starts the process and waits for its `ready` line. */
  async serve(options: ServeOptions = {}): Promise<void> {
    const child = this.spawnServe(options);
    await eventually('the gateway is ready', () => {
      if (child.exitCode !== null) throw new Error(`serve exited with ${child.exitCode}\n${this.#output}`);
      return /^ready: /m.test(this.#output);
    });
  }

  /** Starts the process without waiting for anything. */
  spawnServe({ maxOpenFiles, through = this.#options.through ?? [] }: ServeOptions = {}): ChildProcess {
    this.#output = '';
    const listen = `${this.#options.host ?? '127.0.0.1'}:${this.sftpPort}`;
    const args = [mainScript, 'serve', '--root', this.root, '--sftp-listen', listen];
    if (this.#options.s3 === null) args.push('--embedded', '--s3-listen', `127.0.0.1:${this.s3Port}`);
    args.push('--log-level', this.#options.logLevel ?? 'info');
    const command = [...through, process.execPath, ...args];
    if (maxOpenFiles !== undefined)
      command.unshift('sh', '-c', `ulimit -n ${maxOpenFiles} && exec "$@"`, 'sh');
    const [program = '', ...rest] = command;
    const child = spawn(program, rest, {
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.#output += chunk.toString('utf8');
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#child = child;
    return child;
  }

  /** Everything that the running process has printed and logged so far. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the gateway is not running');
    return pid;
  }

  /** Resolves with the exit code of the running process, or the signal that ended it. */
  async ended(): Promise<number | NodeJS.Signals> {
    const child = this.#child;
    if (child === null) throw new Error('the gateway is not running');
    if (child.exitCode === null && child.signalCode === null) await ended(child);
    return child.exitCode ?? child.signalCode ?? 0;
  }

  /** Sends the signal and returns the exit code of the process, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
    const end = ended(child);
    child.kill(signal);
    const [code, by] = await end;
    return code ?? by;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
    rmSync(dirname(this.root), { recursive: true, force: true });
  }

  /** The environment of the gateway and its commands. */
  get environment(): NodeJS.ProcessEnv {
    // Many gateways run in parallel, and few tests need the console.
    const env: NodeJS.ProcessEnv = {
      SFTPGW_CONSOLE_LISTEN: 'off',
      ...(testWorkers === undefined ? {} : { SFTPGW_WORKERS: testWorkers }),
      ...process.env,
      ...this.#database,
      ...this.#options.env,
    };
    for (const name of Object.keys(env)) if (name.startsWith('AWS_')) delete env[name];
    const s3 = this.#options.s3;
    if (s3 !== null) {
      env['AWS_ACCESS_KEY_ID'] = s3.accessKeyId;
      env['AWS_SECRET_ACCESS_KEY'] = s3.secretAccessKey;
      env['AWS_DEFAULT_REGION'] = s3.region;
    }
    return { ...env, ...this.#options.env };
  }

  /** Runs `sftpgw` with these arguments on this root. */
  cli(args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
    return run(process.execPath, [mainScript, ...args, '--root', this.root], {
      env: this.environment,
      ...options,
    });
  }

  /**
   * Adds a user with an SSH key, as an administrator would. Without flags the user gets SSE-C with a new key.
   */
  async addUser(name: string, flags: readonly string[] | null = null): Promise<TestUser> {
    const identity = join(this.work, `${name}.id`);
    await runOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', identity]);
    const key = randomBytes(32);
    const keyFile = join(this.work, `${name}.key`);
    writeFileSync(keyFile, key);
    chmodSync(keyFile, 0o600);
    const base64File = join(this.work, `${name}.key.b64`);
    writeFileSync(base64File, `${key.toString('base64')}\n`);
    const chosen = flags ?? ['--sse', '3', '--sse-key-file', base64File];
    const added = await this.cli(['user', 'add', name, '--public-key-file', `${identity}.pub`, ...chosen]);
    if (added.code !== 0)
      throw new Error(`user add exited with ${added.code}\n${added.stdout}${added.stderr}`);
    return new TestUser(this, name, identity, key, keyFile);
  }
}

/** A user of a test gateway, with the credentials for the login and the objects. */
export class TestUser {
  readonly gateway: Gateway;
  readonly name: string;
  readonly identity: string;
  readonly key: Buffer;
  readonly keyFile: string;
  /** The port of a load balancer; null for that of the gateway. */
  readonly #through: number | null;

  constructor(
    gateway: Gateway,
    name: string,
    identity: string,
    key: Buffer,
    keyFile: string,
    through: number | null = null,
  ) {
    this.gateway = gateway;
    this.name = name;
    this.identity = identity;
    this.key = key;
    this.keyFile = keyFile;
    this.#through = through;
  }

  /** Returns the same user, who connects to another port of this machine. */
  through(port: number): TestUser {
    return new TestUser(this.gateway, this.name, this.identity, this.key, this.keyFile, port);
  }

  get port(): number {
    return this.#through ?? this.gateway.sftpPort;
  }

  /** Options that make an OpenSSH client log in to this gateway as this user without prompts. */
  get sshOptions(): string[] {
    return [
      ...['-i', this.identity, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'],
      ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
    ];
  }

  /** Runs a batch of OpenSSH `sftp` commands, one per line. `flags` are those of `sftp`. */
  sftp(batch: string, options: CommandOptions = {}, flags: readonly string[] = []): Promise<Finished> {
    const args = ['-q', ...flags, '-b', '-', ...this.sshOptions, '-P', String(this.port)];
    return run('sftp', [...args, `${this.name}@127.0.0.1`], { input: `${batch}\n`, ...options });
  }

  /** Like `sftp`, but throws an error with the output if a command fails. */
  async sftpOk(batch: string, options: CommandOptions = {}): Promise<string> {
    const finished = await this.sftp(batch, options);
    if (finished.code !== 0) {
      throw new Error(`sftp exited with ${finished.code}\n${finished.stdout}${finished.stderr}`);
    }
    return finished.stdout;
  }
}

function foreignProperties(s3: ForeignS3 | null): Record<string, string> {
  if (s3 === null) return {};
  return {
    bucket: s3.bucket,
    endpoint: s3.endpoint,
    region: s3.region,
    ...(s3.caFile === null ? {} : { 'endpoint.ca.file': s3.caFile }),
  };
}

/** Returns the URL at which the console of a gateway listens, as it has logged it last. */
export function consoleUrl(gateway: Gateway): Promise<string> {
  return eventually('the console listens', () => {
    const lines = gateway.output.matchAll(/"address":"(http:[^"]+)".*"msg":"console is listening"/g);
    return [...lines].at(-1)?.[1] ?? null;
  });
}
