import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/wait.js';
import { recordingLogger, testClock, testEntropy } from '../sftp/testing/test-logger.js';
import { type MonitoringEndpoint, startMonitoringEndpoint } from './monitoring-endpoint.js';

const token = 'a-token-of-a-monitoring-system';

describe('the endpoint for metrics', () => {
  let directory: string;
  let endpoint: MonitoringEndpoint;
  let scraping = 0;
  let release: () => void = () => undefined;
  let released: Promise<void>;

  const get = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${endpoint.address.port}${path}`, init);
  const start = (tokenFile: string) =>
    startMonitoringEndpoint({
      host: '127.0.0.1',
      port: 0,
      tokenFile,
      monitoring: {
        contentType: 'text/plain; version=0.0.4',
        scrape: async () => {
          scraping += 1;
          await released;
          return 'sftpgw_sessions 1\n';
        },
        readiness: async () => ({
          isReady: false,
          checks: [
            { name: 's3', isOk: false, kind: 'unavailable', reason: 'S3 refuses connections', ageMs: 1500 },
            { name: 'disk', isOk: true, kind: null, reason: null, ageMs: 0 },
          ],
        }),
      },
      log: recordingLogger([]),
      clock: testClock,
      entropy: testEntropy,
    });

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'monitoring-'));
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
    released = Promise.resolve();
    scraping = 0;
    endpoint = await start(tokenFile);
  });
  afterEach(async () => {
    release();
    await endpoint[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  it('answers the metrics and the checks to clients on this machine', async () => {
    const metrics = await get('/metrics');
    expect([metrics.status, await metrics.text()]).toEqual([200, 'sftpgw_sessions 1\n']);
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    const ready = await get('/readyz');
    expect([ready.status, ready.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
    expect(await ready.json()).toMatchObject({
      status: 503,
      detail: 'these checks fail: s3',
      checks: [
        { name: 's3', ok: false, kind: 'unavailable', reason: 'S3 refuses connections', ageSeconds: 1.5 },
        { name: 'disk', ok: true, ageSeconds: 0 },
      ],
    });
  });

  it.each([
    ['x-forwarded-for', '192.0.2.7'],
    ['forwarded', 'for=192.0.2.7'],
    ['via', '1.1 proxy'],
  ])('shows clients behind a proxy (%s) no reasons without the token', async (name, value) => {
    const headers = { [name]: value };
    expect((await get('/metrics', { headers })).status).toBe(401);
    const answer = await get('/readyz', { headers });
    expect(answer.status).toBe(503);
    expect(Object.keys((await answer.json()) as object).sort()).toEqual([
      'requestId',
      'status',
      'title',
      'type',
    ]);
    const known = { ...headers, authorization: `Bearer ${token}` };
    expect((await get('/metrics', { headers: known })).status).toBe(200);
    expect((await get('/readyz', { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  });

  it('bounds the scrapes that run in parallel', async () => {
    released = new Promise((resolve) => {
      release = resolve;
    });
    const running = Array.from({ length: 4 }, () => get('/metrics'));
    await eventually('four scrapes', () => scraping === 4);
    expect((await get('/metrics')).status).toBe(503);
    expect((await get('/healthz')).status).toBe(200);
    release();
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await get('/metrics')).status).toBe(200);
  });

  it('refuses other paths and methods', async () => {
    expect((await get('/')).status).toBe(404);
    const posted = await get('/metrics', { method: 'POST', body: 'x' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('does not start with a token that other accounts can read', async () => {
    const open = join(directory, 'open');
    writeFileSync(open, `${token}\n`);
    chmodSync(open, 0o644);
    await expect(start(open)).rejects.toMatchObject({ kind: 'invalid' });
  });
});
