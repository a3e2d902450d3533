import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

/** Returns the URL that the console has logged last. */
function consoleUrl({ output }: Gateway): string | null {
  const found = [...output.matchAll(/"address":"(http:[^"]+)","url":null,"msg":"console is listening"/g)];
  return found.at(-1)?.[1] ?? null;
}

/** Returns the pid of the console's process, a child of the gateway. */
function consolePid(gateway: Gateway): number | null {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = / (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) \S/, ''))?.[1];
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (Number(parent) === gateway.pid && command.includes('lib/console.js')) return Number(name);
    } catch {
      // The process has ended.
    }
  }
  return null;
}

describe('the console’s process', () => {
  let gateway: Gateway;
  let bob: TestUser;
  let url: string;
  let admin: ApiClient;
  let operator: ApiClient;

  beforeAll(async () => {
    gateway = await Gateway.start({
      s3: null,
      logLevel: 'debug',
      env: { SFTPGW_CONSOLE_LISTEN: '127.0.0.1:0' },
    });
    bob = await gateway.addUser('bob');
    url = await eventually('the console listens', () => consoleUrl(gateway));
    admin = ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'admin');
    operator = ApiClient.onConsole(url, await tokenOf('operator'));
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  async function tokenOf(role: string): Promise<string> {
    const flags = ['--label', role, '--role', role, '--expires', '1h'];
    const created = await gateway.cli(['admin', 'token', 'create', ...flags]);
    expect(created).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sftpgw_[\w-]{43}\n$/) });
    return created.stdout.trim();
  }

  it('accepts a token until it is revoked, with its role, and no person that the client names', async () => {
    const token = await tokenOf('viewer');
    const viewer = ApiClient.onConsole(url, token);
    const headers = { 'x-sftpgw-role': 'admin', 'x-sftpgw-person': 'root', 'x-sftpgw-scope': 'tokens' };
    expect(await viewer.request('GET', '/api/me', { headers })).toMatchObject({
      status: 200,
      json: { name: 'token viewer', role: 'viewer', scope: null },
    });
    expect(await viewer.request('GET', '/api/tokens', { headers })).toMatchObject({ status: 403 });
    const { json } = await admin.request('GET', '/api/tokens');
    const { items } = json as { readonly items: readonly { readonly id: string; readonly label: string }[] };
    const id = items.find(({ label }) => label === 'viewer')?.id ?? '';
    expect(await gateway.cli(['admin', 'token', 'revoke', id])).toMatchObject({ code: 0 });
    expect(await viewer.request('GET', '/api/me')).toMatchObject({ status: 401 });
    expect(
      await new ApiClient({ host: '127.0.0.1', port: new URL(url).port }, {}).request('GET', '/api/me'),
    ).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
    });
    expect(readFileSync(join(gateway.root, 'var/lib/sftpgw/sftpgw.db')).includes(token)).toBe(false);
    expect(gateway.output).not.toContain(token);
  });

  it('answers /healthz and /readyz, forwards nothing else, and has a strict policy', async () => {
    const health = await operator.request('GET', '/healthz');
    expect(health).toMatchObject({ status: 200 });
    expect(health.headers['content-security-policy']).toMatch(/default-src 'self'.*frame-ancestors 'none'/);
    expect(health.headers['content-security-policy']).not.toContain('unsafe');
    expect(health.headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' });
    expect(await operator.request('GET', '/readyz')).toMatchObject({ status: 200 });
    for (const path of [
      '/internal/ready',
      '/api/../internal/ready',
      '/api/%2e%2e/internal/ready',
      '/..%2f..%2fetc/passwd',
    ]) {
      expect(await operator.request('GET', path)).toMatchObject({ status: 404 });
    }
  });

  it('passes an upload and a download on, decrypted, and never lets a browser render them', async () => {
    const content = randomBytes(20_000_000);
    const query = `bucket=sftpgw&key=${encodeURIComponent('bob/uploads/<script>"\r\n.html')}`;
    const stored = await operator.request('PUT', `/api/objects/content?${query}`, {
      body: content,
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(stored).toMatchObject({ status: 200, json: { size: content.length } });
    const fetched = await operator.request('GET', `/api/objects/content?${query}`);
    expect(fetched.status).toBe(200);
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(fetched.bytes)).toBe(digest(content));
    expect(fetched.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'content-disposition': `attachment; filename="_script____.html"; filename*=UTF-8''%3Cscript%3E%22__.html`,
    });
    expect(await operator.request('GET', `/api/objects/info?${query}`)).toMatchObject({
      json: { encryption: { kind: 'sse-c' }, size: content.length },
    });
    const viewer = ApiClient.onConsole(url, await tokenOf('viewer'));
    expect(await viewer.request('GET', `/api/objects/content?${query}`)).toMatchObject({ status: 403 });
  });

  it('stores nothing if the client of an upload disconnects', async () => {
    const { port } = new URL(url);
    const token = await tokenOf('operator');
    const before = gateway.output.split('"checkToken"').length;
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `PUT /api/objects/content?bucket=sftpgw&key=bob/uploads/half HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/octet-stream\r\ncontent-length: 1000000\r\n\r\n`,
    );
    await new Promise<void>((resolve) => socket.write(randomBytes(100_000), () => resolve()));
    await eventually('the gateway has the token', () => gateway.output.split('"checkToken"').length > before);
    socket.destroy();
    const found = await operator.request('GET', '/api/objects/info?bucket=sftpgw&key=bob/uploads/half');
    expect(found).toMatchObject({ status: 404 });
  });

  it('has none of the gateway’s environment, and SFTP continues when it is killed; it is started again', async () => {
    const pid = await eventually('the process exists', () => consolePid(gateway));
    const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .map((line) => line.split('=')[0])
      .filter((name) => name !== '');
    expect(names).toEqual(['SFTPGW_CONSOLE_OPTIONS']);
    process.kill(pid, 'SIGKILL');
    await bob.sftpOk('mkdir /uploads/after\nls /uploads');
    const next = await eventually('it is started again', () => {
      const found = consoleUrl(gateway);
      return found === url ? null : found;
    });
    expect(await ApiClient.onConsole(next, await tokenOf('viewer')).request('GET', '/api/me')).toMatchObject({
      status: 200,
    });
    const again = await eventually('the process exists', () => consolePid(gateway));
    await gateway.end('SIGKILL');
    await eventually('it ends with the gateway', () => {
      try {
        process.kill(again, 0);
        return false;
      } catch {
        return true;
      }
    });
    await gateway.serve();
    url = await eventually('the console listens', () => consoleUrl(gateway));
  });
});
