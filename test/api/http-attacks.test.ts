import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../src/endpoints/operations.js';
import { TotpSecret } from '../../src/users/logins/totp.js';
import { ApiClient, pathOf } from '../support/api-client.js';
import { Gateway } from '../support/gateway.js';
import { Browser } from '../support/http-browser.js';
import { answersTo, heldConnection } from '../support/raw-http.js';
import { passwordLogin } from '../support/ssh-logins.js';
import { eventually } from '../support/wait.js';

const origin = 'https://sftpgw.example.com';
const passphrase = 'correct horse battery staple';

describe('the console', () => {
  let gateway: Gateway;
  let url: string;
  let port: number;
  let admin: ApiClient;
  let alice: Browser;
  let viewerToken: string;
  /** Connections of clients that send nothing more. */
  let held: readonly Promise<string>[];

  beforeAll(async () => {
    gateway = await Gateway.start({
      s3: null,
      properties: {
        'console.url': origin,
        'console.proxy.from': '127.0.0.1',
        // Three wrong passphrases.
        'sftp.ban.after': '15',
        'sftp.ban.exempt': '127.0.0.1',
      },
      env: { SFTPGW_CONSOLE_LISTEN: '127.0.0.1:0', SFTPGW_FILES_ENABLED: 'yes' },
    });
    url = await eventually(
      'the console listens',
      () => /"address":"(http:[^"]+)".*"msg":"console is listening"/.exec(gateway.output)?.[1] ?? null,
    );
    port = Number(new URL(url).port);
    held = ['', 'GET /api/me HT', 'GET /api/me HTTP/1.1\r\nhost: x\r\nx-a: '].flatMap((text) =>
      Array.from({ length: 20 }, () => heldConnection(port, text)),
    );
    admin = ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'admin');
    const body = { label: 'viewer', role: 'viewer', expiresInSeconds: 3600 };
    const { json } = await admin.request('POST', '/api/tokens', { body });
    viewerToken = String((json as { readonly secret: string }).secret);
    await admin.request('POST', '/api/users', { body: { username: 'bob', password: 'long password 1' } });
    alice = new Browser(url);
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  it('begins a session with a new cookie, which only this host over TLS can set and send', async () => {
    const { stdout } = await gateway.cli(['admin', 'init', 'alice']);
    const token = stdout.trim().split('#')[1];
    // Another person has set a cookie in this browser.
    const planted = 'A'.repeat(43);
    alice.cookies.set('__Host-sftpgw', planted);
    const { ticket, totp } = await alice.json('POST', '/api/welcome', { token });
    const code = TotpSecret.parse((totp as { readonly secret: string }).secret).codeAt(Date.now());
    await alice.json('POST', '/api/welcome/finish', { token, ticket, passphrase, code });
    expect(alice.setCookies).toEqual([
      expect.stringMatching(/^__Host-sftpgw=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/),
    ]);
    expect(alice.cookies.get('__Host-sftpgw')).not.toBe(planted);
    expect(await alice.json('GET', '/api/me')).toMatchObject({ name: 'alice', role: 'admin' });
    // The name without the prefix, which a page of another host of the domain can set, is not read.
    const other = new Browser(url);
    other.cookies.set('sftpgw', alice.cookies.get('__Host-sftpgw') ?? '');
    expect(await other.request('GET', '/api/me')).toMatchObject({ status: 401 });
  });

  it('refuses each operation that changes something if the page of another site may have sent it', async () => {
    const changing = operations.filter(({ method, path }) => method !== 'GET' && path.startsWith('/api/'));
    expect(changing.length).toBeGreaterThan(50);
    const done: string[] = [];
    for (const operation of changing) {
      const { method, example, takes } = operation;
      const body = takes === 'bytes' ? Buffer.from('x') : example.body;
      const path = pathOf(operation, example.parameters, example.query);
      for (const forged of [{ 'x-sftpgw-csrf': '' }, { 'sec-fetch-site': 'cross-site' }]) {
        const { status, json } = await alice.request(method, path, body, { 'if-match': '*', ...forged });
        const { detail = '' } = (json ?? {}) as { readonly detail?: string };
        if (status !== 403 || !/x-sftpgw-csrf|another site/.test(detail))
          done.push(`${operation.id}: ${status}`);
      }
    }
    expect(done).toEqual([]);
  });

  it('sends headers with each answer that forbid frames, foreign code and guesses of the type', async () => {
    const document = (await alice.request('GET', '/')).bytes.toString();
    const asset = /\/assets\/[\w.-]+/.exec(document)?.[0] ?? '';
    const paths = ['/', '/login', '/users/bob', asset, '/files/', '/files/page.js', '/files/api/session'];
    paths.push('/healthz', '/readyz', '/api/me', '/api/users', '/api/nothing', '/nothing', '/assets/nothing');
    for (const path of paths) {
      const { headers, status } = await alice.request('GET', path, undefined, {
        origin: 'https://evil.example',
      });
      const policy = headers['content-security-policy'] ?? '';
      expect([path, policy]).toEqual([path, expect.stringMatching(/^default-src '(?:self|none)'/)]);
      expect([path, policy]).not.toEqual([path, expect.stringMatching(/unsafe|data:|https?:|\*/)]);
      expect([path, policy]).toEqual([path, expect.stringMatching(/frame-ancestors 'none'|sandbox/)]);
      expect({ path, ...headers }).toMatchObject({
        path,
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(headers['x-powered-by'] ?? headers['server']).toBeUndefined();
      if (path.startsWith('/api/')) expect([path, headers['cache-control']]).toEqual([path, 'no-store']);
      if (status === 200 && !path.includes('api') && !path.endsWith('.js')) {
        const page = (await alice.request('GET', path)).bytes.toString();
        expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bon\w+=|javascript:|\bstyle=/i);
      }
    }
  });

  it('serves no file outside its pages', async () => {
    const ups = ['..', '%2e%2e', '%2E.', '.%2e', '..%00', '%252e%252e', '..;', '%c0%ae%c0%ae', '....'];
    const separators = ['/', '%2f', '\\', '%5c', '//'];
    const starts = ['', '/assets', '/files', '/files/api', '/api'];
    const targets = ['etc/passwd', 'package.json', 'pages.json', 'index.html', '.git/config'];
    const attempts = starts.flatMap((start) =>
      ups.flatMap((up) =>
        separators.flatMap((separator) =>
          targets.map((target) => `${start}/${`${up}${separator}`.repeat(start === '' ? 6 : 3)}${target}`),
        ),
      ),
    );
    attempts.push(
      '//etc/passwd',
      '/assets//etc/passwd',
      '/files//etc/passwd',
      '/assets/',
      '/assets',
      '/.env',
    );
    attempts.push('http://127.0.0.1/etc/passwd', 'file:///etc/passwd', '/files/..', '*', '/assets/%00', '/%');
    const secret = /root:x:|"workspaces"|first-run","|repositoryformatversion/;
    const wrong: string[] = [];
    for (let at = 0; at < attempts.length; at += 100) {
      const paths = attempts.slice(at, at + 100);
      const text = paths.map(
        (path) => `GET ${path} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.30\r\n\r\n`,
      );
      for (const { status, body } of await answersTo(port, text.join(''))) {
        if (secret.test(body) || status >= 500 || (status === 200 && !/<html|<!doctype/i.test(body))) {
          wrong.push(`${status} ${body.slice(0, 100)}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('passes no request on that a client hides in the body of another one', async () => {
    const hidden = [
      'DELETE /api/users/bob HTTP/1.1',
      ...['host: x', 'x-sftpgw-person: eve', 'x-sftpgw-role: admin', 'if-match: *', '', ''],
    ].join('\r\n');
    const chunked = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
    const framings: readonly (readonly [headers: string, body: string])[] = [
      ['transfer-encoding: chunked', chunked],
      [`content-length: ${hidden.length}`, hidden],
      [`content-length: ${hidden.length}\r\ntransfer-encoding: chunked`, chunked],
      [`transfer-encoding: chunked\r\ncontent-length: ${chunked.length}`, chunked],
      ['transfer-encoding: xchunked', chunked],
      ['transfer-encoding: identity', hidden],
      [`content-length: 0\r\ncontent-length: ${hidden.length}`, hidden],
      [`content-length: +${hidden.length}`, hidden],
      ['transfer-encoding: chunked\r\nconnection: transfer-encoding', chunked],
    ];
    const seen = new Set<number>();
    for (const method of ['GET', 'DELETE', 'POST', 'PATCH', 'PUT']) {
      for (const path of ['/api/me', '/api/login', '/api/users/nobody', '/files/api/session']) {
        for (const [headers, body] of framings) {
          const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${viewerToken}\r\nif-match: *\r\nx-sftpgw-csrf: 1`;
          const answers = await answersTo(port, `${head}\r\n${headers}\r\n\r\n${body}`);
          for (const { status } of answers) seen.add(status);
        }
      }
    }
    expect([...seen].filter((status) => status >= 500)).toEqual([]);
    expect(await admin.request('GET', '/api/users/bob')).toMatchObject({ status: 200 });
    const { json } = await admin.request('GET', '/api/audit?user=eve');
    expect(json).toMatchObject({ items: [] });
  });

  it('answers bytes that are not HTTP with an error or the end of the connection', async () => {
    const get = 'GET /api/me HTTP/1.1\r\nhost: x\r\n';
    const malformed = [
      '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'GET /api/me\r\n\r\n',
      'GET  /api/me HTTP/1.1\r\n\r\n',
      'GET /api/me HTTP/9.9\r\nhost: x\r\n\r\n',
      'TRACE /api/me HTTP/1.1\r\nhost: x\r\n\r\n',
      'CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: x\r\n\r\n',
      'get /api/me HTTP/1.1\r\nhost: x\r\n\r\n',
      `${get}no colon\r\n\r\n`,
      `${get}x-a: 1\r\n folded\r\n\r\n`,
      `${get}x-a: a\u0000b\r\n\r\n`,
      `${get}x a: b\r\n\r\n`,
      `${get}x-a: ${'a'.repeat(100_000)}\r\n\r\n`,
      `${get}${Array.from({ length: 3_000 }, (_, at) => `x-${at}: a\r\n`).join('')}\r\n`,
      `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
      `POST /api/login HTTP/1.1\r\nhost: x\r\nx-sftpgw-csrf: 1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
      `POST /api/login HTTP/1.1\r\nhost: x\r\nx-sftpgw-csrf: 1\r\ncontent-length: -1\r\n\r\n`,
      `GET /api/me HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n`,
      `${get}authorization: Bearer ${'é'.repeat(40)}\r\n\r\n`,
    ];
    for (const text of malformed) {
      for (const { status } of await answersTo(port, text)) {
        expect([text.slice(0, 60), status]).toEqual([
          text.slice(0, 60),
          expect.toSatisfy((s) => s >= 400 && s < 500),
        ]);
      }
    }
    expect(await alice.json('GET', '/api/me')).toMatchObject({ name: 'alice' });
  });

  it('slows guesses at tokens, and counts guesses at passphrases with those of SFTP', async () => {
    const guesser = new Browser(url, { 'x-forwarded-for': '203.0.113.20' });
    const guess = (browser: Browser) =>
      browser.request('GET', '/api/me', undefined, { authorization: `Bearer sftpgw_${'x'.repeat(43)}` });
    const statuses: number[] = [];
    for (let count = 0; count < 25; count++) statuses.push((await guess(guesser)).status);
    expect(statuses).toEqual([...Array(20).fill(401), ...Array(5).fill(429)]);
    expect(await guess(new Browser(url, { 'x-forwarded-for': '203.0.113.21' }))).toMatchObject({
      status: 401,
    });

    const login = { username: 'bob', password: 'long password 1', from: '127.0.0.66' };
    const attacker = new Browser(url, { 'x-forwarded-for': login.from });
    for (let count = 0; count < 3; count++) {
      const body = { name: 'alice', passphrase: `wrong ${count}` };
      expect(await attacker.request('POST', '/api/login', body)).toMatchObject({ status: 401 });
    }
    expect(await passwordLogin(gateway.sftpPort, login)).not.toMatch(/^(?:accepted|refused)$/);
    expect(await passwordLogin(gateway.sftpPort, { ...login, from: '127.0.0.67' })).toBe('accepted');
  });

  it('ends connections that send their headers too slowly, and serves the others meanwhile', async () => {
    expect(await alice.json('GET', '/api/me')).toMatchObject({ name: 'alice' });
    const heard = await Promise.all(held);
    expect(heard.length).toBe(60);
    for (const text of heard) expect(text).toMatch(/^(?:$|HTTP\/1\.1 408)/);
  });

  it('leaves no secret in the log', () => {
    for (const secret of [passphrase, viewerToken, ...alice.cookies.values()]) {
      expect(gateway.output.includes(secret)).toBe(false);
    }
    expect(readFileSync(resolve('package.json'), 'utf8')).toContain('"workspaces"');
  });
});
