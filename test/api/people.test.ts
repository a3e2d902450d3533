import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SoftwareAuthenticator } from '../../src/people/testing/software-authenticator.js';
import { TotpSecret } from '../../src/users/logins/totp.js';
import { ApiClient } from '../support/api-client.js';
import { Gateway } from '../support/gateway.js';
import { Browser } from '../support/http-browser.js';
import { eventually } from '../support/wait.js';

type Json = Readonly<Record<string, unknown>>;
const passphrase = 'correct horse battery staple';

/** Returns the URL that the console has logged last. */
function consoleUrl({ output }: Gateway): string | null {
  return [...output.matchAll(/"address":"(http:[^"]+)".*"msg":"console is listening"/g)].at(-1)?.[1] ?? null;
}

describe('people at the console', () => {
  let gateway: Gateway;
  let url: string;
  let origin: string;
  /** Every secret that a test has seen. None of them may be in a log, in the audit trail or in the database. */
  const secrets = new Set<string>([passphrase]);
  const alice = { role: 'admin' } as Person;
  const carol = { role: 'custodian' } as Person;
  const dora = { role: 'custodian' } as Person;

  interface Person {
    readonly role: string;
    browser: Browser;
    authenticator: SoftwareAuthenticator;
  }

  beforeAll(async () => {
    gateway = await Gateway.start({
      s3: null,
      logLevel: 'debug',
      properties: {
        'console.four.eyes': 'yes',
        'console.proxy.from': '127.0.0.1',
        // Three wrong passwords.
        'sftp.ban.after': '15',
      },
      env: { SFTPGW_CONSOLE_LISTEN: '127.0.0.1:0' },
    });
    url = await eventually('the console listens', () => consoleUrl(gateway));
    origin = `http://localhost:${new URL(url).port}`;
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  /** Returns the token of the link that a command prints. */
  async function linkOf(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await gateway.cli(['admin', ...args]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/opens this link once, before 20/)]);
    const token = /^http:\/\/localhost:0\/welcome#([\w-]{43})\n$/.exec(stdout)?.[1] ?? '';
    expect(token).not.toBe('');
    secrets.add(token);
    return token;
  }

  /** Enrols a person with a passkey. */
  async function enrol(person: Person, token: string): Promise<void> {
    person.browser = new Browser(url);
    person.authenticator = new SoftwareAuthenticator(origin);
    const { browser, authenticator } = person;
    const { ticket, passkey, totp } = await browser.json('POST', '/api/welcome', { token });
    secrets.add(String(ticket)).add(String((totp as Json)['secret']));
    const response = authenticator.create(passkey as { challenge: string });
    const body = { token, ticket, passphrase, passkey: { label: 'laptop', response } };
    expect(await browser.json('POST', '/api/welcome/finish', body)).toMatchObject({
      role: person.role,
      kind: 'person',
      fourEyes: true,
    });
    for (const value of browser.cookies.values()) secrets.add(value);
  }

  /** Logs a person in with the passkey alone, in another browser. */
  async function login({ authenticator }: Person, browser = new Browser(url)): Promise<Browser> {
    const { ticket, passkey } = await browser.json('POST', '/api/login/passkey/begin');
    // A restart has changed the port, and so the origin.
    const response = authenticator.get(passkey as { challenge: string }, { origin });
    await browser.json('POST', '/api/login/passkey', { ticket, response });
    for (const value of browser.cookies.values()) secrets.add(value);
    return browser;
  }

  it('enrol by the link of a command, which works once', async () => {
    const anyone = new Browser(url);
    expect(await anyone.json('GET', '/api/login')).toEqual({ hasAdmins: false, passkeys: true, oidc: null });
    const token = await linkOf('init', 'alice');
    expect(await gateway.cli(['admin', 'init', 'eve'])).toMatchObject({ code: 4 });
    const { totp, ticket, name } = await anyone.json('POST', '/api/welcome', { token });
    expect(name).toBe('alice');
    const { secret } = totp as { secret: string };
    secrets.add(secret);
    const code = TotpSecret.parse(secret).codeAt(Date.now());
    for (const [body, pointer] of [
      [{ token, ticket, passphrase: 'short', code }, '/passphrase'],
      [{ token, ticket, passphrase, code: '000000' }, '/code'],
      [{ token, ticket, passphrase }, '/code'],
    ] as const) {
      expect(await anyone.request('POST', '/api/welcome/finish', body)).toMatchObject({
        status: 400,
        json: { errors: [{ in: 'body', pointer }] },
      });
    }
    expect(anyone.cookies.size).toBe(0);
    await enrol(alice, token);
    expect(await anyone.request('POST', '/api/welcome', { token })).toMatchObject({ status: 404 });
    const again = { token, ticket, passphrase, code };
    expect((await anyone.request('POST', '/api/welcome/finish', again)).status).toBe(404);
    await enrol(carol, await linkOf('add', 'carol', '--role', 'custodian'));
    await enrol(dora, await linkOf('add', 'dora', '--role', 'custodian'));
    const { stdout } = await gateway.cli(['admin', 'list', '--json']);
    expect(JSON.parse(stdout)).toMatchObject([
      { name: 'alice', role: 'admin', passkeys: 1 },
      { name: 'carol' },
      { name: 'dora' },
    ]);
  });

  it('get a cookie that scripts and other sites cannot use, new at each login', async () => {
    const browser = new Browser(url);
    // An attacker has set a cookie in this browser.
    const planted = 'A'.repeat(43);
    browser.cookies.set('sftpgw', planted);
    await login(alice, browser);
    expect(browser.setCookies).toEqual([
      expect.stringMatching(/^sftpgw=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    const first = browser.cookies.get('sftpgw');
    expect(first).not.toBe(planted);
    await login(alice, browser);
    expect(browser.cookies.get('sftpgw')).not.toBe(first);
    browser.cookies.set('sftpgw', planted);
    expect(await browser.request('GET', '/api/me')).toMatchObject({ status: 401 });
    browser.cookies.set('sftpgw', `${first}`);
    expect(
      await browser.request('GET', '/api/me', undefined, { cookie: `sftpgw=${planted}; sftpgw=${first}` }),
    ).toMatchObject({
      status: 401,
    });
  });

  it('change nothing by a request that another site has caused', async () => {
    const { browser } = alice;
    const forged = [
      { 'x-sftpgw-csrf': '' },
      { 'x-sftpgw-csrf': '0' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of forged) {
      for (const [method, path] of [
        ['POST', '/api/logout'],
        ['POST', '/api/login'],
        ['DELETE', '/api/admins/carol'],
        ['PUT', '/api/bans'],
        ['PATCH', '/api/settings'],
      ] as const) {
        const body = method === 'DELETE' ? undefined : {};
        const answer = await browser.request(method, path, body, headers);
        expect([path, answer.status, answer.json]).toEqual([
          path,
          403,
          expect.objectContaining({ detail: expect.stringMatching(/x-sftpgw-csrf|another site/) }),
        ]);
      }
    }
    const preflight = await browser.request('OPTIONS', '/api/logout', undefined, {
      origin: 'https://evil.example.com',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-sftpgw-csrf',
    });
    expect(preflight.headers['access-control-allow-origin']).toBeUndefined();
    expect(await browser.request('GET', '/api/me')).toMatchObject({ status: 200, json: { name: 'alice' } });
  });

  it('see answers that no frame shows and no cache keeps', async () => {
    for (const [method, path] of [
      ['GET', '/api/me'],
      ['GET', '/api/login'],
      ['GET', '/api/nothing'],
    ] as const) {
      const { headers } = await alice.browser.request(method, path);
      expect(headers).toMatchObject({
        'x-frame-options': 'DENY',
        'content-security-policy': expect.stringMatching(/frame-ancestors 'none'/),
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
    }
  });

  it('have the operations of their role, and no login gives more than a login', async () => {
    expect(await carol.browser.request('GET', '/api/admins')).toMatchObject({ status: 403 });
    expect(await carol.browser.request('GET', '/api/keys')).toMatchObject({ status: 200 });
    const anyone = new Browser(url);
    for (const path of ['/api/me', '/api/keys', '/api/users', '/api/admins', '/api/approvals']) {
      expect(await anyone.request('GET', path)).toMatchObject({ status: 401 });
    }
    for (const path of [
      '/api/login/../keys',
      '/api/login/%2e%2e/keys',
      '/api/login/nothing',
      '/api/loginx',
    ]) {
      expect([401, 404]).toContain((await anyone.request('GET', path)).status);
    }
    const headers = { 'x-sftpgw-identity': 'local', 'x-sftpgw-command': 'yes', 'x-sftpgw-session': 'x' };
    expect(await carol.browser.request('GET', '/api/me', undefined, headers)).toMatchObject({
      json: { name: 'carol', role: 'custodian', kind: 'person' },
    });
    expect(await gateway.cli(['admin', 'role', 'carol', 'viewer'])).toMatchObject({ code: 0 });
    expect(await carol.browser.request('POST', '/api/keys', {})).toMatchObject({ status: 403 });
    expect(await gateway.cli(['admin', 'role', 'carol', 'custodian'])).toMatchObject({ code: 0 });
  });

  it('manage their factors, and keep the last one', async () => {
    const { browser } = dora;
    const key = new SoftwareAuthenticator(origin);
    const begun = await browser.json('POST', '/api/me/passkeys/begin');
    const response = key.create(begun['passkey'] as { challenge: string });
    const { id } = await browser.json('POST', '/api/me/passkeys', {
      ticket: begun['ticket'],
      label: 'key',
      response,
    });
    expect(await browser.json('PATCH', `/api/me/passkeys/${id}`, { label: 'blue' })).toMatchObject({
      label: 'blue',
    });
    expect(await browser.request('DELETE', `/api/me/passkeys/${id}`)).toMatchObject({ status: 204 });
    const { passkeys } = (await browser.json('GET', '/api/me/factors')) as { passkeys: { id: string }[] };
    const only = `/api/me/passkeys/${passkeys[0]?.id}`;
    expect(await browser.request('DELETE', only)).toMatchObject({ status: 409 });
    expect(await alice.browser.request('DELETE', only)).toMatchObject({ status: 404 });
    const totp = await browser.json('POST', '/api/me/totp/begin');
    const secret = String(totp['secret']);
    secrets.add(secret);
    const code = TotpSecret.parse(secret).codeAt(Date.now());
    expect(
      await browser.request('PUT', '/api/me/totp', { ticket: totp['ticket'], code: '000000' }),
    ).toMatchObject({
      status: 400,
    });
    expect(await browser.request('PUT', '/api/me/totp', { ticket: totp['ticket'], code })).toMatchObject({
      status: 204,
    });
    const other = new Browser(url);
    const step = await other.json('POST', '/api/login', { name: 'Dora', passphrase });
    expect(step['methods']).toEqual(['totp', 'passkey']);
    // The code that has set it up cannot log in.
    expect(await other.request('POST', '/api/login/totp', { ticket: step['ticket'], code })).toMatchObject({
      status: 401,
    });
    const next = TotpSecret.parse(secret).codeAt(Date.now() + 30_000);
    await other.json('POST', '/api/login/totp', { ticket: step['ticket'], code: next });
    expect(await browser.request('DELETE', '/api/me/totp')).toMatchObject({ status: 204 });
    const changed = { current: passphrase, passphrase: `${passphrase} 2` };
    secrets.add(changed.passphrase);
    expect(await browser.request('PUT', '/api/me/passphrase', { ...changed, current: 'x' })).toMatchObject({
      status: 403,
    });
    expect(await browser.request('PUT', '/api/me/passphrase', changed)).toMatchObject({ status: 204 });
    expect(await other.request('GET', '/api/me')).toMatchObject({ status: 401 });
    expect(await browser.request('GET', '/api/me')).toMatchObject({ status: 200 });
  });

  it('see and end their sessions, which last over a restart and at every address', async () => {
    const elsewhere = await login(carol, new Browser(url, { 'x-forwarded-for': '203.0.113.5' }));
    const { items } = (await carol.browser.json('GET', '/api/me/sessions')) as { items: Json[] };
    expect(items).toMatchObject([
      { address: '203.0.113.5', method: 'passkey', isCurrent: false },
      { address: '127.0.0.1', method: 'link', isCurrent: true },
    ]);
    await gateway.end('SIGTERM');
    await gateway.serve();
    url = await eventually('the console listens', () => consoleUrl(gateway));
    origin = `http://localhost:${new URL(url).port}`;
    for (const person of [alice, carol, dora]) {
      const { cookies } = person.browser;
      person.browser = new Browser(url, { 'x-forwarded-for': '203.0.113.77' });
      for (const [name, value] of cookies) person.browser.cookies.set(name, value);
      expect(await person.browser.request('GET', '/api/me')).toMatchObject({ status: 200 });
    }
    const moved = new Browser(url);
    for (const [name, value] of elsewhere.cookies) moved.cookies.set(name, value);
    expect(await moved.request('GET', '/api/me')).toMatchObject({ status: 200 });
    expect(await dora.browser.request('DELETE', `/api/me/sessions/${items[0]?.['id']}`)).toMatchObject({
      status: 404,
    });
    const path = `/api/admins/carol/sessions/${items[0]?.['id']}`;
    expect(await alice.browser.request('DELETE', path)).toMatchObject({ status: 204 });
    expect(await moved.request('GET', '/api/me')).toMatchObject({ status: 401 });
    expect(await carol.browser.request('GET', '/api/me')).toMatchObject({ status: 200 });
  });

  it('need a second person to destroy a key, not the same one with another session or token', async () => {
    const key = String((await carol.browser.json('POST', '/api/keys', { label: 'old' }))['id']);
    await carol.browser.json('POST', `/api/keys/${key}/retire`);
    const refused = await carol.browser.request('POST', `/api/keys/${key}/destroy`);
    expect(refused).toMatchObject({
      status: 403,
      json: { approval: expect.stringMatching(/^[0-9a-f]{16}$/) },
    });
    const id = String((refused.json as Json)['approval']);
    const repeated = await carol.browser.request('POST', `/api/keys/${key}/destroy`);
    expect(repeated.json).toMatchObject({ approval: id });
    const approve = `/api/approvals/${id}/approve`;
    const { secret } = await alice.browser.json('POST', '/api/tokens', {
      label: 'alice',
      role: 'admin',
      expiresInSeconds: 3600,
    });
    secrets.add(String(secret));
    const local = await gateway.cli([
      'admin',
      'token',
      'create',
      '--label',
      'l',
      '--role',
      'viewer',
      '--expires',
      '1h',
    ]);
    const viewer = ApiClient.onConsole(url, local.stdout.trim());
    secrets.add(local.stdout.trim());
    expect(await carol.browser.request('POST', approve)).toMatchObject({ status: 403 });
    expect(await (await login(carol)).request('POST', approve)).toMatchObject({ status: 403 });
    expect(await viewer.request('POST', approve)).toMatchObject({ status: 403 });
    expect(await dora.browser.json('GET', `/api/approvals/${id}`)).toMatchObject({
      state: 'pending',
      requestedBy: 'carol',
      summary: `destroy the key ${key}`,
      mayDecide: true,
    });
    const approved = await dora.browser.json('POST', approve);
    expect(approved).toMatchObject({
      approval: { state: 'approved', decidedBy: 'dora' },
      answer: { kind: 'destroy-key', person: 'carol' },
    });
    expect(await dora.browser.request('POST', approve)).toMatchObject({ status: 409 });
    await eventually('the key is destroyed', async () => {
      const { state } = await carol.browser.json('GET', `/api/keys/${key}`);
      return state === 'destroyed';
    });
  });

  it('need a second person to remove someone, to invite someone, and to end that rule', async () => {
    const { browser } = alice;
    const token = await browser.json('POST', '/api/tokens', {
      label: 'robot',
      role: 'admin',
      expiresInSeconds: 3600,
    });
    secrets.add(String(token['secret']));
    const robot = ApiClient.onConsole(url, String(token['secret']));
    const { headers } = await browser.request('GET', '/api/settings');
    const etag = headers.etag ?? '*';
    const asked: string[] = [];
    for (const [method, path, body] of [
      ['DELETE', '/api/admins/carol', undefined],
      ['PATCH', '/api/admins/carol', { role: 'admin' }],
      ['POST', '/api/admins/carol/reset', undefined],
      ['POST', '/api/admins', { name: 'puppet', role: 'admin' }],
      ['PATCH', '/api/settings', { values: { 'console.four.eyes': 'no' } }],
    ] as const) {
      const answer = await browser.request(method, path, body, { 'if-match': etag });
      expect([path, answer.status]).toEqual([path, 403]);
      const { approval } = answer.json as { approval: string };
      asked.push(approval);
      // A token has the identity of its creator.
      expect(await robot.request('POST', `/api/approvals/${approval}/approve`)).toMatchObject({
        status: 403,
      });
      // A custodian may not do it either.
      expect(await dora.browser.request('POST', `/api/approvals/${approval}/approve`)).toMatchObject({
        status: 403,
      });
    }
    expect(await carol.browser.request('GET', '/api/me')).toMatchObject({ status: 200 });
    const [remove = '', , , invite = '', settings = ''] = asked;
    const second = { role: 'admin' } as Person;
    await enrol(second, await linkOf('add', 'erin', '--role', 'admin'));
    const invited = await second.browser.json('POST', `/api/approvals/${invite}/approve`);
    expect(invited).toMatchObject({ answer: { admin: { name: 'puppet', state: 'invited' } } });
    secrets.add(String((invited['answer'] as Json)['link']).split('#')[1] ?? '');
    expect(await browser.request('POST', `/api/approvals/${settings}/reject`)).toMatchObject({
      json: { state: 'rejected' },
    });
    expect(await second.browser.request('POST', `/api/approvals/${settings}/approve`)).toMatchObject({
      status: 409,
    });
    expect(await second.browser.request('POST', `/api/approvals/${remove}/approve`)).toMatchObject({
      status: 200,
      json: { answer: null },
    });
    expect(await carol.browser.request('GET', '/api/me')).toMatchObject({ status: 401 });
  });

  it('whose request was approved after they lost their role change nothing', async () => {
    const asked = await dora.browser.request('POST', '/api/keys/000000/destroy');
    const { approval } = asked.json as { approval: string };
    expect(await gateway.cli(['admin', 'role', 'dora', 'viewer'])).toMatchObject({ code: 0 });
    expect(await alice.browser.request('POST', `/api/approvals/${approval}/approve`)).toMatchObject({
      status: 403,
      json: { detail: 'dora may not do this any more' },
    });
    expect(await alice.browser.json('GET', `/api/approvals/${approval}`)).toMatchObject({ state: 'failed' });
  });

  it('recover by a reset, and are gone at once by a removal', async () => {
    const token = await linkOf('reset', 'dora');
    expect(await dora.browser.request('GET', '/api/me')).toMatchObject({ status: 401 });
    await enrol({ ...dora, role: 'viewer' }, token);
    const again = { role: 'viewer' } as Person;
    await enrol(again, await linkOf('reset', 'dora'));
    expect(await gateway.cli(['admin', 'remove', 'dora'])).toMatchObject({ code: 0 });
    expect(await again.browser.request('GET', '/api/me')).toMatchObject({ status: 401 });
    expect(await gateway.cli(['admin', 'remove', 'dora'])).toMatchObject({ code: 3 });
  });

  it('are kept out with guesses, and others are not', async () => {
    const guesser = new Browser(url, { 'x-forwarded-for': '203.0.113.9' });
    const attempt = (browser: Browser, text: string) =>
      browser.request('POST', '/api/login', { name: 'alice', passphrase: text });
    for (let count = 0; count < 3; count++) expect((await attempt(guesser, 'wrong')).status).toBe(401);
    // The same ban as that of the SFTP server.
    const bans = await gateway.cli(['ban', 'list', '--json']);
    expect(bans.stdout).toContain('203.0.113.9');
    expect(await attempt(guesser, passphrase)).toMatchObject({ status: 401 });
    const other = new Browser(url, { 'x-forwarded-for': '203.0.113.10' });
    expect(await attempt(other, passphrase)).toMatchObject({ status: 200 });
  });

  it('are in the audit trail with their address, and no secret is there, in the log or in the database', async () => {
    const { stdout } = await gateway.cli(['audit', '--limit', 'all', '--json']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    const actions = new Set(events.map(({ action }) => action));
    for (const action of [
      ...['admin.add', 'admin.enrol', 'admin.login', 'admin.refused', 'admin.factor', 'admin.passphrase'],
      ...['admin.session', 'admin.role', 'admin.reset', 'admin.remove', 'token.create'],
      ...['approval.request', 'approval.decide', 'key.destroy'],
    ]) {
      expect(actions).toContain(action);
    }
    expect(events.find(({ action }) => action === 'admin.refused')).toMatchObject({
      actor: 'alice',
      address: '203.0.113.9',
      result: 'unauthenticated',
    });
    expect(
      events.filter(({ action, actor }) => action === 'admin.login' && actor === 'carol'),
    ).toContainEqual(expect.objectContaining({ address: '203.0.113.5' }));
    const database = readFileSync(join(gateway.root, 'var/lib/sftpgw/sftpgw.db'));
    expect(secrets.size).toBeGreaterThan(15);
    for (const secret of secrets) {
      expect(stdout.includes(secret)).toBe(false);
      expect(gateway.output.includes(secret)).toBe(false);
      expect(database.includes(secret)).toBe(false);
    }
  });
});
