import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultProxy } from '../support/fault-proxy.js';
import type { TestUser } from '../support/gateway.js';
import { type S3Target, s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import { MonitoredGateway, valueIn } from './monitored-gateway.js';

const withoutTools = missing('sftp', 'ssh-keygen');

interface Answer {
  readonly status: number;
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly kind?: string;
    readonly reason?: string;
  }[];
}

for (const target of (await s3Targets()).filter(({ kind }) => kind === 'embedded')) {
  const skip = target.skip ?? withoutTools;
  describe.skipIf(skip !== null)(`the readiness of a gateway${skip ? ` (${skip})` : ''}`, () =>
    describeReadiness(target),
  );
}

function describeReadiness(target: S3Target): void {
  let proxy: FaultProxy;
  let monitored: MonitoredGateway;
  let database: string;
  let bob: TestUser;

  const ready = async (): Promise<Answer> => {
    const answer = await monitored.get('/readyz');
    return { ...((await answer.json()) as Omit<Answer, 'status'>), status: answer.status };
  };
  const failing = async (check: string) => {
    const { status, checks } = await ready();
    const found = checks.find(({ name, ok }) => name === check && !ok);
    return status === 503 && found !== undefined ? found : null;
  };
  const passes = () => eventually('ready', async () => (await ready()).status === 200);

  beforeAll(async () => {
    const bucket = await target.makeBucket();
    proxy = await FaultProxy.start(target.endpoint, target.caFile);
    const s3 = {
      endpoint: proxy.endpoint,
      caFile: null,
      region: target.region,
      bucket,
      ...target.credentials,
    };
    monitored = await MonitoredGateway.start(s3);
    database = join(monitored.gateway.root, 'var/lib/sftpgw/sftpgw.db');
    bob = await monitored.gateway.addUser('bob', ['--sse', '1']);
    await passes();
  });
  afterAll(async () => {
    await monitored?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
  });

  it('fails while S3 is unavailable, and recovers', async () => {
    await proxy.refuse();
    const check = await eventually('not ready', () => failing('s3'));
    expect(check).toMatchObject({ kind: 'unavailable' });
    expect((await monitored.get('/healthz')).status).toBe(200);
    const shown = await (await monitored.get('/readyz', { 'x-forwarded-for': '192.0.2.7' })).json();
    expect(shown).not.toHaveProperty('checks');
    expect(shown).not.toHaveProperty('detail');
    expect(await monitored.value('sftpgw_check_ok', { check: 's3' })).toBe(0);
    await proxy.listen();
    await passes();
  });

  it('fails while S3 does not answer, and recovers', async () => {
    proxy.decide = () => ({ do: 'hang' });
    await eventually('not ready', () => failing('s3'));
    proxy.decide = () => ({ do: 'pass' });
    await passes();
  });

  it('fails while another program locks the database, and recovers', async () => {
    const other = new Database(database);
    other.exec('begin immediate');
    const check = await eventually('not ready', () => failing('database'));
    expect(check.reason).toContain('locked');
    other.exec('rollback');
    other.close();
    await passes();
  });

  it('fails while the database is damaged, until it is restored and the gateway starts again', async () => {
    const other = new Database(database);
    other.pragma('wal_checkpoint(truncate)');
    other.close();
    const header = readFileSync(database).subarray(0, 100);
    writeFileSync(database, Buffer.alloc(100, 0x55), { flag: 'r+' });
    const check = await eventually('not ready', () => failing('database'));
    expect(check.kind).toBe('corrupt');
    expect((await monitored.get('/healthz')).status).toBe(200);
    await monitored.gateway.end('SIGKILL');
    writeFileSync(database, header, { flag: 'r+' });
    await monitored.gateway.serve();
    await passes();
  });

  it('counts requests that are sent again', async () => {
    let isFirst = true;
    proxy.decide = ({ method }) => {
      if (method !== 'PUT' || !isFirst) return { do: 'pass' };
      isFirst = false;
      return { do: 'answer', status: 503, body: '<Error><Code>ServiceUnavailable</Code></Error>' };
    };
    await bob.sftpOk('put /etc/hostname /uploads/a');
    proxy.decide = () => ({ do: 'pass' });
    const text = await monitored.text();
    expect(valueIn(text, 'sftpgw_s3_retries_total', { operation: 'put' })).toBe(1);
    const refused = { operation: 'put', result: 'throttled' };
    expect(valueIn(text, 'sftpgw_s3_requests_total', refused)).toBe(1);
  });

  it('fails before a drain', async () => {
    const large = join(monitored.gateway.work, 'large');
    writeFileSync(large, Buffer.alloc(4 * 1024 * 1024));
    const upload = bob.sftp(`put ${large} /uploads/large`, {}, ['-l', '8000']);
    await eventually('an open upload', async () => (await monitored.value('sftpgw_open_transfers')) === 1);
    const end = monitored.gateway.end('SIGTERM');
    await eventually('not ready', () => failing('drain'));
    expect((await monitored.get('/healthz')).status).toBe(200);
    expect(await end).toBe(0);
    await upload;
  });
}
