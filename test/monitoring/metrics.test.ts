import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { counters, gauges, histograms } from '../../src/metrics/descriptions.js';
import { ended, runOk } from '../support/command.js';
import type { TestUser } from '../support/gateway.js';
import { embeddedSkip } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { MonitoredGateway, valueIn } from './monitored-gateway.js';

const skip = embeddedSkip ?? missing('sftp', 'ssh-keygen', 'promtool');

describe.skipIf(skip !== null)(`the metrics of a gateway${skip ? ` (${skip})` : ''}`, () => {
  let monitored: MonitoredGateway;
  let bob: TestUser;

  beforeAll(async () => {
    monitored = await MonitoredGateway.start();
    bob = await monitored.gateway.addUser('bob', ['--sse', '1', '--downloads']);
  });
  afterAll(() => monitored?.[Symbol.asyncDispose]());

  it('have every name that is described, and pass promtool', async () => {
    const text = await monitored.text();
    for (const name of [counters, gauges, histograms].flatMap((described) => Object.keys(described)))
      expect(text).toContain(`# TYPE ${name} `);
    await runOk('promtool', ['check', 'metrics'], { input: text });
    expect(await monitored.value('sftpgw_scrape_failures_total')).toBe(0);
  });

  it('count logins, transfers, bytes and requests', async () => {
    const before = await monitored.text();
    await bob.sftpOk('put /etc/hostname /uploads/a\nget /uploads/a /dev/null');
    const grown = async (name: string, labels: Readonly<Record<string, string>> = {}) =>
      valueIn(await monitored.text(), name, labels) - valueIn(before, name, labels);
    await eventually('the session has ended', async () => (await monitored.value('sftpgw_sessions')) === 0);
    expect(await grown('sftpgw_logins_total', { method: 'publickey', result: 'ok' })).toBe(1);
    expect(await grown('sftpgw_transfers_total', { direction: 'upload', result: 'ok' })).toBe(1);
    expect(await grown('sftpgw_transfers_total', { direction: 'download', result: 'ok' })).toBe(1);
    expect(await grown('sftpgw_transferred_bytes_total', { direction: 'received' })).toBeGreaterThan(0);
    expect(await grown('sftpgw_transferred_bytes_total', { direction: 'sent' })).toBeGreaterThan(0);
    expect(await grown('sftpgw_sftp_request_seconds_count', { request: 'open' })).toBe(2);
    expect(await grown('sftpgw_sftp_request_seconds_count', { request: 'close' })).toBeGreaterThanOrEqual(2);
    expect(await grown('sftpgw_s3_requests_total', { operation: 'put', result: 'ok' })).toBeGreaterThan(0);
    expect(await grown('sftpgw_s3_request_seconds_count', { operation: 'put' })).toBeGreaterThan(0);
    expect(await grown('sftpgw_database_commit_seconds_count')).toBeGreaterThan(0);
    expect(await grown('sftpgw_events_total')).toBeGreaterThan(0);
    expect(await grown('process_cpu_seconds_total')).toBeGreaterThan(0);
    await eventually('the events are in the database', async () => (await grown('sftpgw_audit_rows')) > 0);
  });

  it('count refused logins by method, and bans', async () => {
    const wrong = join(monitored.gateway.work, 'wrong.id');
    await runOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', wrong]);
    const stranger = bob.sshOptions.map((option) => (option === bob.identity ? wrong : option));
    const port = String(monitored.gateway.sftpPort);
    await expect(
      runOk('sftp', ['-q', ...stranger, '-P', port, 'bob@127.0.0.1'], { input: '' }),
    ).rejects.toThrow();
    await eventually('the refusal is counted', async () => {
      const refused = await monitored.value('sftpgw_logins_total', {
        method: 'publickey',
        result: 'refused',
      });
      return refused > 0 && (await monitored.value('sftpgw_refusals_total', { rule: 'login' })) > 0;
    });
    await monitored.gateway.cli(['ban', 'add', '192.0.2.9']);
    expect(await monitored.value('sftpgw_bans')).toBe(1);
  });

  it('show open and parked uploads', async () => {
    const large = join(monitored.gateway.work, 'large');
    writeFileSync(large, randomBytes(12 * 1024 * 1024));
    const slow = [
      ...bob.sshOptions,
      '-q',
      '-b',
      '-',
      '-l',
      '40000',
      '-P',
      String(monitored.gateway.sftpPort),
    ];
    const client = spawn('sftp', [...slow, 'bob@127.0.0.1'], { stdio: ['pipe', 'ignore', 'ignore'] });
    client.stdin.end(`put ${large} /uploads/large\n`);
    const end = ended(client);
    await eventually('the upload is open', async () => {
      const text = await monitored.text();
      const isOpen = valueIn(text, 'sftpgw_open_transfers', { direction: 'upload' }) === 1;
      return isOpen && valueIn(text, 'sftpgw_upload_memory_bytes') > 0;
    });
    expect(await monitored.value('sftpgw_ledger_open_writes')).toBe(1);
    const received = { direction: 'received' };
    const before = await monitored.value('sftpgw_transferred_bytes_total', received);
    await eventually('half of it', async () => {
      const now = await monitored.value('sftpgw_transferred_bytes_total', received);
      return now - before > 7 * 1024 * 1024;
    });
    client.kill('SIGKILL');
    await end;
    await eventually('it is parked', async () => (await monitored.value('sftpgw_parked_uploads')) === 1);
    const text = await monitored.text();
    expect(valueIn(text, 'sftpgw_parked_uploads_bytes')).toBeGreaterThan(0);
    expect(valueIn(text, 'sftpgw_ledger_open_writes')).toBe(0);
    expect(valueIn(text, 'sftpgw_transfers_total', { result: 'interrupted' })).toBe(1);
  });

  it('show mirrored prefixes', async () => {
    await eventually(
      'the first pass',
      async () => (await monitored.value('sftpgw_mirror_prefixes', { result: 'complete' })) > 0,
    );
  });

  it('never have a name of a user or a path', async () => {
    expect(await monitored.text()).not.toMatch(/bob|uploads\/a|\/etc\/hostname/);
  });

  it('are also on the control socket, with the checks', async () => {
    const ask = (path: string) =>
      new Promise<string>((resolve, reject) => {
        const socketPath = join(monitored.gateway.root, 'var/lib/sftpgw/control.sock');
        request({ socketPath, path }, async (answer) => {
          const chunks: Buffer[] = [];
          for await (const chunk of answer) chunks.push(chunk as Buffer);
          resolve(`${answer.statusCode} ${Buffer.concat(chunks).toString('utf8')}`);
        })
          .on('error', reject)
          .end();
      });
    expect(await ask('/metrics')).toMatch(/^200 # HELP/);
    expect(await ask('/healthz')).toBe('200 ok\n');
    expect(await ask('/readyz')).toMatch(/^200 \{"status":"ready","checks":\[/);
  });

  it('need the token for requests that a proxy forwards', async () => {
    const forwarded = { 'x-forwarded-for': '192.0.2.7' };
    expect((await monitored.get('/metrics', forwarded)).status).toBe(401);
    expect(await (await monitored.get('/readyz', forwarded)).json()).toEqual({ status: 'ready' });
    const tokenFile = join(monitored.gateway.root, 'var/lib/sftpgw/metrics.token');
    const token = (await runOk('cat', [tokenFile])).stdout.trim();
    const known = { ...forwarded, authorization: `Bearer ${token}` };
    expect((await monitored.get('/metrics', known)).status).toBe(200);
    expect((await monitored.get('/metrics', { authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await monitored.get('/other')).status).toBe(404);
  });
});
