import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectProxy } from '../../../test/support/connect-proxy.js';
import { proxiedHost, proxiedTls, writeProxiedCa } from '../../../test/support/proxied-tls.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import type { Call } from '../../model/call.js';
import { noKey } from '../../model/encryption.js';
import type { Fault } from '../../model/fault.js';
import { createS3ObjectStore, type S3ObjectStore } from '../object-store.js';
import type { S3StoreOptions } from '../options.js';

/* Every way to S3 through a proxy: requests of the SDK, direct requests, and object bytes. */

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const newCall = (signal = new AbortController().signal): Call => ({ id: 'x', signal, log: silent });
const ref = { bucket: 'bucket', key: 'key' };
const content = randomBytes(3 * 1024 * 1024 + 17);

let directory: string;
let caFile: string;
let server: https.Server;
let stores: S3ObjectStore[] = [];
const portOf = () => (server.address() as AddressInfo).port;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-proxied-'));
  caFile = writeProxiedCa(directory);
  server = https.createServer(proxiedTls, (request: http.IncomingMessage, response) => {
    response.setHeader('etag', '"e"');
    response.writeHead(200, { 'content-length': content.byteLength });
    response.end(request.method === 'HEAD' ? undefined : content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  for (const name of ['https_proxy', 'http_proxy', 'all_proxy', 'no_proxy']) {
    vi.stubEnv(name, undefined);
    vi.stubEnv(name.toUpperCase(), undefined);
  }
});
afterEach(async () => {
  for (const store of stores) await store[Symbol.asyncDispose]();
  stores = [];
  vi.unstubAllEnvs();
});

function open(more: Partial<S3StoreOptions> = {}): S3ObjectStore {
  const store = createS3ObjectStore({
    endpoint: `https://${proxiedHost}:9000`,
    region: 'us-east-1',
    caFile,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    clock: systemClock,
    entropy: systemEntropy,
    retry: { maxAttempts: 1 },
    ...more,
  });
  stores.push(store);
  return store;
}

/** A request for each kind of connection. */
function bothWays(store: S3ObjectStore): (() => Promise<unknown>)[] {
  return [() => store.head(newCall(), ref, noKey), () => store.read(newCall(), ref, noKey, null)];
}

async function hashOf(store: S3ObjectStore): Promise<string> {
  const hash = createHash('sha256');
  const body = await store.read(newCall(), ref, noKey, null);
  for await (const piece of body?.bytes ?? []) hash.update(piece);
  return hash.digest('hex');
}

const contentHash = createHash('sha256').update(content).digest('hex');

describe.each([false, true])('through a proxy (with TLS: %j)', (secure) => {
  it.each([null, 'user:p@ss wörd'])(
    'with the credentials %j, both kinds of requests reach S3',
    async (credentials) => {
      await using proxy = await ConnectProxy.start(() => ({ do: 'connect', port: portOf() }), secure);
      proxy.credentials = credentials;
      vi.stubEnv('HTTPS_PROXY', proxy.url);
      const store = open();
      expect((await store.head(newCall(), ref, noKey))?.size).toBe(content.byteLength);
      expect(await hashOf(store)).toBe(contentHash);
      expect(await hashOf(store)).toBe(contentHash);
      // One connection of each kind: the second read uses the first one's.
      expect(proxy.seen).toEqual([`${proxiedHost}:9000`, `${proxiedHost}:9000`]);
    },
  );
});

describe('a proxy', () => {
  const faultOf = async (send: () => Promise<unknown>): Promise<Fault> =>
    send().then(
      () => expect.unreachable('the request should fail'),
      (error: Fault) => error,
    );

  it.each([
    [403, 'denied', 'add the host to NO_PROXY'],
    [407, 'denied', 'does not accept the user name and password in HTTPS_PROXY'],
    [502, 'unavailable', 'cannot connect to s3.gateway.test:9000 (HTTP status 502)'],
    [429, 'unavailable', 'HTTP status 429'],
  ])('that answers %j causes a fault of kind %s that explains it', async (status, kind, text) => {
    await using proxy = await ConnectProxy.start(() => ({ do: 'refuse', status }));
    proxy.credentials = 'user:canary-password';
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    for (const send of bothWays(open())) {
      const fault = await faultOf(send);
      expect(fault).toMatchObject({ kind, hint: expect.stringContaining(text) });
      expect(fault.hint).toContain('the proxy 127.0.0.1:');
      expect(fault.userHint).not.toMatch(/127\.0\.0\.1|s3\.gateway\.test/);
      expect(inspect(fault, { depth: 9 })).not.toContain('canary-password');
    }
  });

  it('that requires credentials is reported with the variable that needs them', async () => {
    await using proxy = await ConnectProxy.start(() => ({ do: 'connect', port: portOf() }));
    const bare = proxy.url;
    proxy.credentials = 'user:secret';
    vi.stubEnv('all_proxy', bare);
    for (const send of bothWays(open()))
      expect(await faultOf(send)).toMatchObject({
        kind: 'denied',
        hint: expect.stringContaining(
          'requires a user name and password (HTTP status 407); add them to the URL in all_proxy',
        ),
      });
  });

  it('that does not answer fails within the timeout for connecting', async () => {
    await using proxy = await ConnectProxy.start(() => ({ do: 'hang' }));
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    for (const send of bothWays(open({ connectTimeoutMs: 200 })))
      expect(await faultOf(send)).toMatchObject({
        kind: 'timed-out',
        hint: expect.stringContaining('did not connect to s3.gateway.test:9000 in time'),
      });
  });

  it('that does not answer is left when the request is cancelled', async () => {
    await using proxy = await ConnectProxy.start(() => ({ do: 'hang' }));
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    const store = open();
    for (const send of [store.head.bind(store), store.read.bind(store)]) {
      const stop = new AbortController();
      const seen = proxy.seen.length;
      const sent = faultOf(() => send(newCall(stop.signal), ref, noKey, null as never));
      await vi.waitFor(() => expect(proxy.seen.length).toBe(seen + 1));
      stop.abort();
      expect(await sent).toMatchObject({ kind: 'cancelled' });
    }
  });

  it('that is not running is reported, and not taken for S3', async () => {
    const proxy = await ConnectProxy.start(() => ({ do: 'hang' }));
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    await proxy[Symbol.asyncDispose]();
    for (const send of bothWays(open()))
      expect(await faultOf(send)).toMatchObject({
        kind: 'unavailable',
        hint: expect.stringMatching(/^the proxy 127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)$/),
      });
  });

  it('is not used for the loopback or a host in NO_PROXY', async () => {
    await using proxy = await ConnectProxy.start(() => ({ do: 'refuse', status: 500 }));
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    expect(await hashOf(open({ endpoint: `https://127.0.0.1:${portOf()}` }))).toBe(contentHash);
    vi.stubEnv('NO_PROXY', 'gateway.test');
    // No name server knows the host, which shows that the gateway asked for it itself.
    for (const send of bothWays(open()))
      expect(await faultOf(send)).toMatchObject({ hint: expect.stringContaining('cannot be resolved') });
    expect(proxy.seen).toEqual([]);
  });

  it('does not replace the check of the certificate of S3', async () => {
    await using proxy = await ConnectProxy.start(() => ({ do: 'connect', port: portOf() }));
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    for (const send of bothWays(open({ endpoint: 'https://other.gateway.test:9000' })))
      expect(await faultOf(send)).toMatchObject({
        kind: 'invalid',
        hint: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
      });
  });

  it('that is not a URL is refused when the client is created', () => {
    vi.stubEnv('HTTPS_PROXY', 'socks5://user:canary-password@proxy:1080');
    expect(() => open()).toThrow('the value of HTTPS_PROXY is not an HTTP proxy');
  });
});
