import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { Disconnected, SftpClient } from '../support/sftp-client.js';
import { passwordLogin } from '../support/ssh-logins.js';
import { eventually } from '../support/wait.js';

interface Finding {
  readonly code: string;
  readonly severity: string;
}
interface Check {
  readonly canLogIn: boolean;
  readonly findings: readonly Finding[];
  readonly refusals: readonly { readonly reason: string }[];
}

describe('accounts of a running gateway', () => {
  let gateway: Gateway;
  let operator: ApiClient;
  let bob: TestUser;

  beforeAll(async () => {
    gateway = await Gateway.start({ s3: null, properties: { 'sftp.ban.after': '0' } });
    operator = ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'operator');
    bob = await gateway.addUser('bob');
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  const home = (path: string) => join(gateway.root, 'home/bob', path);
  const get = async (path: string) => (await operator.request('GET', path)).json;
  const why = async (name: string, query = '') =>
    (await get(`/api/users/${name}/login-check${query}`)) as Check;
  const change = (body: unknown) =>
    operator.request('PATCH', '/api/users/bob', { body, headers: { 'if-match': '*' } });

  it('that are disabled end their sessions, refuse logins and lose nothing', async () => {
    await bob.sftpOk('mkdir /uploads/kept');
    await using session = await SftpClient.connect(bob);
    const disabled = await operator.request('POST', '/api/users/bob/disable');
    expect(disabled).toMatchObject({
      status: 200,
      json: { user: { state: 'disabled', disabled: true }, endedSessions: 1 },
    });
    await expect(session.open('/uploads/x', { read: true })).rejects.toBeInstanceOf(Disconnected);
    expect(await bob.sftp('ls')).not.toMatchObject({ code: 0 });
    expect(await get('/api/users?state=disabled')).toMatchObject({ items: [{ username: 'bob' }] });
    expect(await operator.request('POST', '/api/users/bob/enable')).toMatchObject({
      json: { state: 'active' },
    });
    expect(await bob.sftpOk('ls /uploads')).toContain('kept');
  });

  it('end their sessions too when a command, a text editor or the clock bars them', async () => {
    const barred: readonly (readonly [bar: () => Promise<unknown>, free: () => Promise<unknown>])[] = [
      [() => gateway.cli(['user', 'disable', 'bob']), () => gateway.cli(['user', 'enable', 'bob'])],
      [
        async () => appendFileSync(home('.sftpgateway/user.properties'), 'login.disabled=yes\n'),
        () => gateway.cli(['user', 'enable', 'bob']),
      ],
      [
        () => gateway.cli(['user', 'expire', 'bob', '2026-01-01']),
        () => gateway.cli(['user', 'expire', 'bob', 'never']),
      ],
    ];
    for (const [bar, free] of barred) {
      await using session = await SftpClient.connect(bob);
      await bar();
      await eventually('the session ends', async () => {
        const { items } = (await get('/api/sessions')) as { readonly items: readonly unknown[] };
        return items.length === 0;
      });
      await expect(session.open('/uploads/x', { read: true })).rejects.toBeInstanceOf(Disconnected);
      await free();
    }
    expect(await gateway.cli(['audit', '--action', 'session.disconnect', '--json'])).toMatchObject({
      stdout: expect.stringContaining('"reason":"expired"'),
    });
  });

  it.each<[code: string, setUp: () => Promise<unknown>, undo: () => Promise<unknown>]>([
    [
      'disabled',
      () => operator.request('POST', '/api/users/bob/disable'),
      () => operator.request('POST', '/api/users/bob/enable'),
    ],
    ['expired', () => change({ expires: '2026-01-01T00:00:00Z' }), () => change({ expires: null })],
    [
      'address-not-allowed',
      () => change({ loginFrom: '198.51.100.0/24' }),
      () => change({ loginFrom: null }),
    ],
    [
      'banned',
      () => operator.request('PUT', '/api/bans', { body: { address: '127.0.0.1', seconds: 60 } }),
      () => operator.request('DELETE', '/api/bans'),
    ],
    [
      'no-password',
      () => change({ loginMethods: 'publickey,password' }),
      () => change({ loginMethods: 'publickey password' }),
    ],
  ])('answer %s to the question why a user cannot log in', async (code, setUp, undo) => {
    await setUp();
    const check = await why('bob', '?address=127.0.0.1');
    expect(check.findings).toContainEqual(expect.objectContaining({ code, severity: 'blocks' }));
    expect(check.canLogIn).toBe(false);
    expect(await bob.sftp('ls')).not.toMatchObject({ code: 0 });
    await undo();
    expect(await bob.sftpOk('ls')).toContain('uploads');
    expect((await why('bob', '?address=127.0.0.1')).canLogIn).toBe(true);
  });

  it('get the same answer from the command', async () => {
    await operator.request('POST', '/api/users/bob/disable');
    const command = await gateway.cli(['user', 'why', 'bob', '--address', '127.0.0.1']);
    expect(command).toMatchObject({ code: 1, stdout: expect.stringContaining('bob cannot log in') });
    expect(command.stdout).toContain('sftpgw user enable bob');
    await operator.request('POST', '/api/users/bob/enable');
  });

  it('answer with the causes that only the trail, the keys or the sessions know', async () => {
    const login = { username: 'bob', password: 'wrong' };
    expect(await passwordLogin(gateway.sftpPort, login)).toBe('refused');
    const codesOf = async (name: string) => (await why(name)).findings.map(({ code }) => code);
    await eventually('the refusal is in the trail', async () =>
      (await codesOf('bob')).includes('wrong-credential'),
    );
    expect((await why('bob')).refusals[0]).toMatchObject({
      reason: expect.stringContaining('wrong password'),
    });
    expect(await codesOf('nobody')).toContain('unknown-user');
    const keys = readFileSync(home('.ssh/authorized_keys'), 'utf8');
    writeFileSync(home('.ssh/authorized_keys'), `expiry-time="20200101" ${keys}ssh-dss AAAA old\n`);
    expect(await codesOf('bob')).toEqual(expect.arrayContaining(['key-expired']));
    writeFileSync(home('.ssh/authorized_keys'), '');
    expect(await codesOf('bob')).toContain('no-credential');
    writeFileSync(home('.ssh/authorized_keys'), keys);
    const properties = readFileSync(home('.sftpgateway/user.properties'), 'utf8');
    writeFileSync(home('.sftpgateway/user.properties'), `${properties}login.totp=yes\n`);
    expect(await codesOf('bob')).toContain('second-factor-missing');
    writeFileSync(home('.sftpgateway/user.properties'), properties);
    await bob.sftpOk('ls');
    await eventually(
      'the login ends the refusals',
      async () => !(await codesOf('bob')).includes('wrong-credential'),
    );
  });

  it('answer gateway-not-running where no gateway runs', async () => {
    await using stopped = await Gateway.prepare({ s3: null });
    const command = await stopped.cli(['user', 'why', 'bob', '--json']);
    expect(command.code).toBe(1);
    expect(JSON.parse(command.stdout)).toMatchObject({
      obstacles: [{ code: 'gateway-not-running' }, { code: 'unknown-user' }],
    });
  });

  it('have a sheet with the host keys that a client sees, and commands that work', async () => {
    const sheet = (await get('/api/users/bob/sheet')) as {
      readonly host: string;
      readonly port: number;
      readonly text: string;
      readonly hostKeys: readonly { readonly fingerprint: string }[];
    };
    expect(sheet.hostKeys.length).toBeGreaterThan(1);
    const printed = await gateway.cli(['user', 'sheet', 'bob']);
    expect(printed.code).toBe(0);
    for (const { fingerprint } of sheet.hostKeys) expect(printed.stdout).toContain(fingerprint);
    for (const secret of [bob.key.toString('base64'), readFileSync(bob.identity, 'utf8')]) {
      expect(sheet.text).not.toContain(secret);
    }
    expect(await gateway.cli(['user', 'sheet', 'nobody'])).toMatchObject({ code: 3 });
  });

  it('change rights, exclusions and keys, and show the encryption as own and effective', async () => {
    const { json } = await change({ rights: 'list,create', exclusions: ['filepart'] });
    expect(json).toMatchObject({ rights: 'list,create', exclusions: ['filepart'] });
    expect(await change({ rights: 'everything' })).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/rights' }] },
    });
    expect(await change({ loginFrom: '1.2.3.4/8' })).toMatchObject({
      status: 400,
      json: { errors: [{ pointer: '/loginFrom' }] },
    });
    const clone = { username: 'bill', password: 'long password 1' };
    expect(await operator.request('POST', '/api/users/bob/clone', { body: clone })).toMatchObject({
      status: 201,
      json: { rights: 'list,create', exclusions: ['filepart'], hasPassword: true, publicKeys: [] },
    });
    const other = await gateway.addUser('other', []);
    const keyLine = readFileSync(`${other.identity}.pub`, 'utf8').trim();
    const before = (await change({ publicKeys: [keyLine], rights: 'all', exclusions: [] })).json as {
      readonly publicKeys: readonly { readonly fingerprint: string }[];
    };
    expect(before.publicKeys).toHaveLength(2);
    const removePublicKeys = [before.publicKeys[1]?.fingerprint];
    expect((await change({ removePublicKeys })).json).toMatchObject({
      publicKeys: [{ fingerprint: before.publicKeys[0]?.fingerprint }],
    });
    expect(await change({ removePublicKeys })).toMatchObject({ status: 404 });
    expect(await get('/api/users/bob/encryption')).toMatchObject({
      uploads: {
        own: 'sse-c',
        inherited: 'sse-s3',
        effective: 'sse-c',
        key: { state: 'active' },
        problem: null,
      },
      downloads: { own: null, effective: null, problem: expect.stringContaining('sse.sync.option') },
    });
    await bob.sftpOk('ls');
  });

  it('show the last login and file, and are filtered by them', async () => {
    await bob.sftpOk(`put ${bob.identity}.pub /uploads/id.pub`);
    await eventually('the times are counted', async () => {
      const user = (await get('/api/users/bob')) as { readonly lastFile: string | null };
      return user.lastFile !== null;
    });
    const names = async (query: string) =>
      (
        (await get(`/api/users?${query}`)) as { readonly items: readonly { readonly username: string }[] }
      ).items.map(({ username }) => username);
    const now = new Date(Date.now() - 3_600_000).toISOString();
    expect(await names(`lastLoginBefore=${now}`)).not.toContain('bob');
    expect(await names(`lastFileBefore=${now}`)).toContain('bill');
    expect(await names('loginKind=password')).toEqual(['bill']);
    expect(await names('loginKind=none')).toEqual([]);
  });
});
