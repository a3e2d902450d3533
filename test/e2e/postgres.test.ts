import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootPaths } from '../../src/config/paths.js';
import { CuttingProxy } from '../support/cutting-proxy.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { writeLoopbackCa } from '../support/loopback-tls.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const skip = embeddedSkip ?? missing('sftp', 'ssh-keygen', 'ps') ?? postgresMissing();
const rounds = 2;

let server: PostgresServer;
let gateway: Gateway;
let user: TestUser;
let properties: Record<string, string>;

async function prepare(database: string): Promise<Gateway> {
  const prepared = await Gateway.prepare({ s3: null });
  const passwordFile = join(prepared.work, 'database-password');
  writeFileSync(passwordFile, `${server.password}\n`, { mode: 0o600 });
  properties = {
    'database.url': `${server.url(database)}?sslmode=verify-full`,
    'database.password.file': passwordFile,
    'database.ca.file': writeLoopbackCa(prepared.work),
    'database.wait.timeout': '60s',
  };
  prepared.writeProperties(properties);
  return prepared;
}

beforeAll(async () => {
  if (skip !== null) return;
  server = await PostgresServer.start({ isDurable: true });
  gateway = await prepare(await server.createDatabase());
  await gateway.serve();
  user = await gateway.addUser('paula');
});
afterAll(async () => {
  if (skip !== null) return;
  await gateway[Symbol.asyncDispose]();
  await server.stop();
});

async function put(name: string, text: string): Promise<number | null> {
  const source = join(gateway.work, name);
  writeFileSync(source, text);
  return (await user.sftp(`put ${source} /uploads/${name}`)).code;
}

async function get(name: string): Promise<string> {
  const target = join(gateway.work, `${name}.got`);
  await user.sftpOk(`get /uploads/${name} ${target}`);
  return readFileSync(target, 'utf8');
}

async function verify(...flags: readonly string[]): Promise<{ versions: number; findings: number }> {
  const { stdout } = await gateway.cli(['ledger', 'verify', ...flags]);
  return JSON.parse(stdout) as { versions: number; findings: number };
}

describe.skipIf(skip !== null)(`a gateway on PostgreSQL${skip === null ? '' : ` (${skip})`}`, () => {
  it('stores files, and keeps nothing in a file of its own', async () => {
    expect(await put('first', 'first')).toBe(0);
    expect(await get('first')).toBe('first');
    expect(existsSync(rootPaths(gateway.root).databaseFile)).toBe(false);
    // The gateway itself stores objects too.
    expect(await verify('--json')).toMatchObject({ findings: 0 });
    expect((await gateway.cli(['audit', 'verify'])).code).toBe(0);
  });

  it('shows its password nowhere', async () => {
    const doctor = await gateway.cli(['doctor']);
    const processes = execFileSync('ps', ['-e', '-ww', '-o', 'args'], { encoding: 'utf8' });
    for (const text of [gateway.output, processes, doctor.stdout, doctor.stderr]) {
      expect(text).not.toContain(server.password);
    }
  });

  it('keeps other gateways away from its database', async () => {
    await using other = await Gateway.prepare({ s3: null });
    other.writeProperties(properties);
    const child = other.spawnServe();
    await eventually('the other gateway ends', () => child.exitCode !== null);
    expect(child.exitCode).toBe(6);
    expect(other.output).toMatch(
      /the gateway [0-9a-f]{16} on \S+ uses the PostgreSQL database .*: stop it first/,
    );
  });

  it('gets its password from a file or from its environment, and is refused without it', async () => {
    const { 'database.password.file': _, ...withoutFile } = properties;
    gateway.writeProperties(withoutFile);
    try {
      const refused = await gateway.cli(['ledger', 'verify']);
      expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining('database.password.file')]);
      const env = { ...gateway.environment, SFTPGW_DATABASE_PASSWORD: server.password };
      expect(await gateway.cli(['ledger', 'verify'], { env })).toMatchObject({ code: 0 });
    } finally {
      gateway.writeProperties(properties);
    }
  });

  it('finishes an upload whose connection to PostgreSQL is cut', async () => {
    await gateway.end('SIGTERM');
    await using proxy = await CuttingProxy.start(server.port);
    // The proxy sees the commits of a connection without TLS.
    const [url = ''] =
      properties['database.url']?.replace(`:${server.port}/`, `:${proxy.port}/`).split('?') ?? [];
    gateway.writeProperties({ ...properties, 'database.url': url });
    await gateway.serve();
    const points = ['before commit', 'after commit', 'before commit'] as const;
    for (const [index, point] of points.entries()) {
      const name = `cut-${index}`;
      proxy.cutAt(point);
      expect(await put(name, name.repeat(1_000))).toBe(0);
      expect(proxy.cuts).toBe(index + 1);
      expect(await get(name)).toBe(name.repeat(1_000));
    }
    proxy.cut();
    const waiting = put('cut-off', 'cut off');
    await eventually('the gateway tries to connect', () => proxy.refused > 0);
    proxy.restore();
    expect(await waiting).toBe(0);
    expect(await get('cut-off')).toBe('cut off');
    await gateway.end('SIGTERM');
    gateway.writeProperties(properties);
    await gateway.serve();
  });

  it('loses no upload when PostgreSQL crashes and comes back', async () => {
    const codes: Promise<number | null>[] = [];
    const names: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const index of [0, 1, 2]) {
        const name = `crash-${round}-${index}`;
        names.push(name);
        codes.push(put(name, name.repeat(1_000)));
      }
      await server.kill(round % 2 === 0 ? 'SIGKILL' : 'SIGQUIT');
      await server.restart();
    }
    expect(await Promise.all(codes)).toEqual(names.map(() => 0));
    for (const name of names) expect(await get(name)).toBe(name.repeat(1_000));
    const { versions, findings } = await verify('--read', '--json');
    expect(findings).toBe(0);
    expect(versions).toBeGreaterThanOrEqual(1 + names.length);
  });

  it('warns about a server that may lose commits, at its start and in doctor', async () => {
    await server.run('postgres', 'alter system set full_page_writes = off');
    await server.run('postgres', 'select pg_reload_conf()');
    const doctor = await gateway.cli(['doctor', '--json']);
    expect(JSON.parse(doctor.stdout)).toMatchObject({
      findings: expect.arrayContaining([expect.objectContaining({ code: 'database-unsafe' })]),
    });
    await gateway.end('SIGTERM');
    await gateway.serve();
    expect(gateway.output).toMatch(/full_page_writes.*the database server may lose commits/);
    await server.run('postgres', 'alter system reset full_page_writes');
  });

  it('moves to SQLite and back, with the files and the audit trail', async () => {
    const migrate = (from: string, to: string) =>
      gateway.cli(['database', 'migrate', '--from', from, '--to', to]);
    expect(await migrate('postgres', 'sqlite')).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('stop it'),
    });
    await gateway.end('SIGTERM');
    expect(await migrate('postgres', 'sqlite')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('the checksums agree'),
    });
    const refused = gateway.spawnServe();
    await eventually('the gateway refuses the old side', () => refused.exitCode !== null);
    expect([refused.exitCode, gateway.output]).toEqual([6, expect.stringContaining('remove database.url')]);
    gateway.writeProperties({});
    await gateway.serve();
    expect(await put('on-sqlite', 'on SQLite')).toBe(0);
    expect(await get('first')).toBe('first');
    await gateway.end('SIGTERM');
    gateway.writeProperties(properties);
    expect((await migrate('sqlite', 'postgres')).code).toBe(0);
    await gateway.serve();
    expect(await get('on-sqlite')).toBe('on SQLite');
    expect((await gateway.cli(['audit', 'verify'])).code).toBe(0);
  });
});
