import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { Gateway } from '../support/gateway.js';
import { Browser } from '../support/http-browser.js';
import {
  type Forgery,
  logInAt,
  type ProviderClient,
  type RunningProvider,
  startForgingProvider,
  startRealProvider,
} from '../support/oidc-providers.js';
import { eventually } from '../support/wait.js';

const secret = 'a-client-secret-that-is-in-no-log';

describe('people of an OpenID provider', () => {
  let gateway: Gateway;
  let client: ProviderClient;
  let url: string;
  let real: RunningProvider;
  let forging: RunningProvider;
  let forgery: Forgery = {};
  let groups: readonly string[] = ['staff', 'sftp admins'];

  beforeAll(async () => {
    const port = await freePort();
    url = `http://localhost:${port}`;
    client = { id: 'sftpgw', secret, redirectUri: `${url}/api/login/oidc/callback` };
    const accounts = {
      alice: {
        preferred_username: 'Alice',
        get groups() {
          return groups;
        },
      },
      bob: { preferred_username: 'bob', groups: ['staff'] },
      eve: { preferred_username: 'alice', groups: ['auditors'] },
    };
    real = await startRealProvider(client, accounts);
    forging = await startForgingProvider(client, () => forgery);
    gateway = await Gateway.prepare({
      s3: null,
      logLevel: 'debug',
      env: { SFTPGW_CONSOLE_LISTEN: `127.0.0.1:${port}` },
    });
    const file = join(gateway.work, 'client-secret');
    writeFileSync(file, `${secret}\n`);
    chmodSync(file, 0o600);
    await serve({ 'console.oidc.issuer': real.issuer, 'console.oidc.client.secret.file': file });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await real.close();
    await forging.close();
  });

  async function serve(properties: Readonly<Record<string, string>>): Promise<void> {
    await gateway.end('SIGTERM');
    gateway.writeProperties({
      'console.oidc.client.id': client.id,
      'console.oidc.label': 'Example SSO',
      'console.oidc.scopes': 'openid profile groups',
      'console.oidc.roles': 'sftp admins=admin, auditors=viewer, admins=admin',
      ...properties,
    });
    await gateway.serve();
    await eventually('the console listens', () => gateway.output.includes('"console is listening"'));
  }

  /** Begins a login in a browser. Returns the address at the provider. */
  async function begin(browser: Browser): Promise<string> {
    const { status, headers } = await browser.request('GET', '/api/login/oidc');
    expect(status).toBe(303);
    return headers.location ?? '';
  }

  async function finish(browser: Browser, back: string): Promise<string> {
    const { pathname, search } = new URL(back);
    const { status, headers } = await browser.request('GET', `${pathname}${search}`);
    expect(status).toBe(303);
    return headers.location ?? '';
  }

  async function login(name: string, browser = new Browser(url)): Promise<string> {
    return await finish(browser, await logInAt(await begin(browser), name, client.redirectUri));
  }

  it('log in with the role of their groups, decided again at each login', async () => {
    const browser = new Browser(url);
    expect(await browser.json('GET', '/api/login')).toMatchObject({ oidc: { label: 'Example SSO' } });
    const start = new URL(await begin(browser));
    expect(Object.fromEntries(start.searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(browser.setCookies).toEqual([
      expect.stringMatching(/^sftpgw-oidc=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/),
    ]);
    expect(await finish(browser, await logInAt(start.href, 'alice', client.redirectUri))).toBe('/');
    expect(browser.setCookies).toEqual([
      expect.stringMatching(/^sftpgw=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/),
      expect.stringMatching(/^sftpgw-oidc=; .*Max-Age=0$/),
    ]);
    expect(await browser.json('GET', '/api/me')).toMatchObject({
      name: 'alice',
      role: 'admin',
      login: { kind: 'oidc' },
    });
    expect(await browser.request('POST', '/api/me/totp/begin')).toMatchObject({ status: 409 });
    groups = ['auditors'];
    expect(await login('alice')).toBe('/');
    // The first session has the new role too.
    expect(await browser.json('GET', '/api/me')).toMatchObject({ role: 'viewer' });
    const { stdout } = await gateway.cli(['admin', 'list', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'alice', kind: 'oidc', role: 'viewer' }]);
  });

  it('do not log in without a group that has a role, and not with the name of another', async () => {
    expect(await login('bob')).toBe('/login?error=no-role');
    expect(await login('eve')).toBe('/login?error=taken');
    const { stdout } = await gateway.cli(['audit', '--action', 'admin.refused', '--json']);
    expect(stdout).toMatch(/"actor":"bob"/);
  });

  it('do not log in with an answer to another browser, with another state, or twice', async () => {
    const [victim, attacker] = [new Browser(url), new Browser(url)];
    const back = await logInAt(await begin(attacker), 'alice', client.redirectUri);
    expect(await finish(victim, back)).toBe('/login?error=expired');
    await begin(victim);
    expect(await finish(victim, back)).toMatch(/^\/login\?error=/);
    expect(victim.cookies.size).toBe(0);
    const replay = new Map(attacker.cookies);
    expect(await finish(attacker, back)).toBe('/');
    for (const [name, value] of replay) attacker.cookies.set(name, value);
    expect(await finish(attacker, back)).toMatch(/^\/login\?error=/);
    const denied = new Browser(url);
    const state = new URL(await begin(denied)).searchParams.get('state');
    const refusal = `${client.redirectUri}?error=access_denied&state=${state}&iss=${encodeURIComponent(real.issuer)}`;
    expect(await finish(denied, refusal)).toBe('/login?error=denied');
  });

  it('do not log in while the provider is down; a local person does', async () => {
    await serve({ 'console.oidc.issuer': 'http://127.0.0.1:1' });
    const browser = new Browser(url);
    const { status, headers } = await browser.request('GET', '/api/login/oidc');
    expect([status, headers.location]).toEqual([303, '/login?error=unavailable']);
    const { stdout } = await gateway.cli(['admin', 'init', 'local']);
    const token = stdout.trim().split('#')[1];
    expect(await browser.json('POST', '/api/welcome', { token })).toMatchObject({ kind: 'enrol' });
  });

  it('do not log in with a forged ID token', async () => {
    await serve({ 'console.oidc.issuer': forging.issuer });
    const attempt = async (how: Forgery) => {
      forgery = how;
      const browser = new Browser(url);
      const answer = await fetch(await begin(browser), { redirect: 'manual' });
      return [await finish(browser, answer.headers.get('location') ?? ''), browser.cookies.has('sftpgw')];
    };
    for (const how of [
      { nonce: 'another' },
      { issuer: 'https://sso.example.com' },
      { audience: 'another' },
      { expiresInSeconds: -300 },
      { isSignedByAnother: true },
      { isUnsigned: true },
    ] satisfies Forgery[]) {
      const [location, hasSession] = await attempt(how);
      expect([how, location, hasSession]).toEqual([how, expect.stringMatching(/^\/login\?error=/), false]);
    }
    expect(await attempt({})).toEqual(['/', true]);
  });

  it('leave no secret of the client in the log or in the console’s environment', () => {
    expect(gateway.output).not.toContain(secret);
    const database = readFileSync(join(gateway.root, 'var/lib/sftpgw/sftpgw.db'));
    expect(database.includes(secret)).toBe(false);
  });
});
