import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TotpSecret } from '../../src/users/logins/totp.js';
import { ApiClient } from '../support/api-client.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { type BucketAccess, gatewayTargets, itOnceFor, sdkClient } from '../support/gateway-targets.js';
import { passwordLogin } from '../support/ssh-logins.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';
import {
  addPageUser,
  adminOf,
  changePageUser,
  consolePid,
  consoleUrl,
  objectBytes,
  PageBrowser,
  pageOptions,
  password,
  setProperties,
} from './page-gateway.js';

const mebibyte = 1024 ** 2;

interface TrailEvent extends Readonly<Record<string, unknown>> {
  readonly action: string;
  readonly session: string | null;
  readonly target: string | null;
  readonly result: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Returns the names of the fields that an event has. */
function shapeOf({ details, ...event }: TrailEvent): readonly string[] {
  const given = Object.keys(event).filter((name) => event[name] !== null);
  return [...given.sort(), ...Object.keys(details).sort()];
}

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? missing('sftp', 'ssh-keygen');
  describe.skipIf(skip !== null)(
    `the files page over ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      const itOnce = itOnceFor(target);
      let gateway: Gateway;
      let access: BucketAccess;
      let alice: TestUser;
      let url: string;
      let page: PageBrowser;
      let admin: ApiClient;

      beforeAll(async () => {
        gateway = await target.start({
          ...pageOptions,
          properties: { 'sftp.ban.after': '25', 'sftp.ban.exempt': '127.0.0.1' },
        });
        access = await target.access(gateway);
        alice = await gateway.addUser('alice');
        await changePageUser(gateway, 'alice', { password });
        url = await consoleUrl(gateway);
        page = await new PageBrowser(url).loginOk('alice');
        admin = adminOf(gateway);
      });
      afterAll(() => gateway[Symbol.asyncDispose]());

      const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

      it('stores a file with the key of the user, and returns it', async () => {
        const content = randomBytes(12 * mebibyte);
        expect(await page.upload('/uploads/report.bin', content)).toMatchObject({
          status: 204,
          headers: { 'upload-offset': String(content.length), 'tus-resumable': '1.0.0' },
        });
        expect(sha256(await objectBytes(access, alice, 'alice/uploads/report.bin'))).toBe(sha256(content));
        const fetched = await page.request('GET', '/content?path=/uploads/report.bin');
        expect(fetched).toMatchObject({
          status: 200,
          headers: {
            'content-length': String(content.length),
            'last-modified': expect.stringMatching(/ GMT$/),
          },
        });
        expect(sha256(fetched.bytes)).toBe(sha256(content));
        expect(await page.list('/uploads')).toContainEqual({
          name: 'report.bin',
          type: 'file',
          size: content.length,
          mtimeSeconds: 1_700_000_000,
        });
        expect(await page.upload('/uploads/empty', Buffer.alloc(0))).toMatchObject({ status: 201 });
        expect(await objectBytes(access, alice, 'alice/uploads/empty')).toHaveLength(0);
      });

      it('makes, renames and removes as SFTP does, and records it in the trail with its session', async () => {
        expect(
          await page.request('POST', '/directories', { body: { path: '/uploads/inbox' } }),
        ).toMatchObject({
          status: 204,
        });
        await page.upload('/uploads/inbox/a', Buffer.from('a'));
        const rename = (from: string, to: string) => page.request('POST', '/rename', { body: { from, to } });
        expect(await rename('/uploads/inbox/a', '/uploads/inbox/b')).toMatchObject({ status: 204 });
        await page.upload('/uploads/inbox/c', Buffer.from('c'));
        expect(await page.request('GET', '/content?path=/uploads/inbox/c')).toMatchObject({ status: 200 });
        expect(await rename('/uploads/inbox/c', '/uploads/inbox/b')).toMatchObject({ status: 409 });
        const remove = (path: string, type: string) =>
          page.request('DELETE', `/entries?path=${encodeURIComponent(path)}&type=${type}`);
        expect(await remove('/uploads/inbox', 'directory')).toMatchObject({
          status: 409,
          json: { kind: 'not-empty' },
        });
        for (const name of ['b', 'c'])
          expect(await remove(`/uploads/inbox/${name}`, 'file')).toMatchObject({ status: 204 });
        expect(await remove('/uploads/inbox', 'directory')).toMatchObject({ status: 204 });
        expect(await page.list('/uploads')).not.toContainEqual(expect.objectContaining({ name: 'inbox' }));

        const { json } = await admin.request('GET', '/api/sessions');
        const [session] = (
          json as { readonly items: readonly { readonly id: string; readonly protocol: string }[] }
        ).items.filter(({ protocol }) => protocol === 'web');
        expect(session).toMatchObject({
          username: 'alice',
          address: '127.0.0.1',
          methods: 'password',
          connection: null,
        });
        const file = join(gateway.work, 'a');
        writeFileSync(file, 'a');
        const sent = `mkdir /uploads/inbox\nput ${file} /uploads/inbox/a\nget /uploads/inbox/a ${file}`;
        const changed = 'rename /uploads/inbox/a /uploads/inbox/b\nrm /uploads/inbox/b\nrmdir /uploads/inbox';
        await alice.sftpOk(`${sent}\n${changed}`);
        const events = await eventually('the trail has the whole session of SFTP', async () => {
          const { json: trail } = await admin.request('GET', '/api/audit?user=alice&limit=500');
          const { items } = trail as { readonly items: readonly TrailEvent[] };
          return items.some(({ action }) => action === 'session.end') ? items : null;
        });
        // The fields of what succeeded below /uploads/inbox, and of the login.
        const fieldsOf = (protocol: string) => {
          const logins = events.filter(({ action }) => action === 'session.login');
          const own = new Set(
            logins.filter(({ details }) => details['protocol'] === protocol).map((login) => login.session),
          );
          const kept = events.filter(
            ({ session: id, target: at, result }) =>
              own.has(id) && result === 'ok' && (at === null || at.startsWith('/uploads/inbox')),
          );
          return new Map(kept.map((event) => [event.action, shapeOf(event)]));
        };
        const [overSftp, overPage] = [fieldsOf('sftp'), fieldsOf('web')];
        const actions = ['file.read', 'file.remove', 'file.rename', 'file.write', 'session.login'];
        expect([...overPage.keys()]).toEqual(expect.arrayContaining([...actions, 'directory.make']));
        expect([...overSftp.keys()]).toEqual(expect.arrayContaining([...actions, 'directory.make']));
        overSftp.delete('session.login');
        for (const [action, shape] of overSftp) {
          if (overPage.has(action)) expect(overPage.get(action), action).toEqual(shape);
        }
        const end = await gateway.cli(['audit', '--session', session?.id ?? '', '--json', '--limit', 'all']);
        expect(end.stdout).toContain('"file.remove"');
      });

      it('continues an upload at the bytes that it has after the client, the console and the gateway were interrupted', async () => {
        const content = randomBytes(24 * mebibyte);
        const { headers } = await page.begin('/uploads/large.bin', content.length);
        const upload = headers.location ?? '';
        await page.interrupt(url, upload, content, 7 * mebibyte);
        const first = await page.offset(upload);
        expect(first).toBeGreaterThan(0);
        expect(first).toBeLessThanOrEqual(7 * mebibyte);
        const live = await admin.request('GET', '/api/sessions');
        expect(live.json).toMatchObject({
          items: expect.arrayContaining([
            expect.objectContaining({
              username: 'alice',
              transfers: [expect.objectContaining({ path: '/uploads/large.bin', direction: 'upload' })],
            }),
          ]),
        });
        expect(await page.patch(upload, first + 1, content.subarray(first + 1))).toMatchObject({
          status: 409,
        });
        expect(await page.request('GET', '/uploads')).toMatchObject({
          json: {
            items: [{ url: upload, path: '/uploads/large.bin', length: content.length, offset: first }],
          },
        });

        const end = 14 * mebibyte;
        const sending = page.patch(upload, first, content.subarray(first, end));
        await expect(sending).resolves.toMatchObject({ status: 204 });
        process.kill(consolePid(gateway), 'SIGKILL');
        url = await consoleUrl(gateway, url);
        const reloaded = new PageBrowser(url);
        Object.assign(reloaded, { cookie: page.cookie, csrf: page.csrf });
        page = reloaded;
        expect(await page.offset(upload)).toBe(end);

        expect(await gateway.end('SIGTERM')).toBe(0);
        await gateway.serve();
        url = await consoleUrl(gateway);
        const again = new PageBrowser(url);
        Object.assign(again, { cookie: page.cookie, csrf: page.csrf });
        page = again;
        const parked = await page.offset(upload);
        expect(parked).toBeGreaterThanOrEqual(5 * mebibyte);
        expect(parked).toBeLessThanOrEqual(end);
        expect(await page.patch(upload, parked, content.subarray(parked))).toMatchObject({ status: 204 });
        expect(await page.offset(upload)).toBe(content.length);
        expect(sha256(await objectBytes(access, alice, 'alice/uploads/large.bin'))).toBe(sha256(content));
        expect(await page.request('GET', '/uploads')).toMatchObject({ json: { items: [] } });
      });

      it('starts again, and never mixes two files, if the interrupted file replaces another one', async () => {
        const [old, next] = [randomBytes(6 * mebibyte), randomBytes(9 * mebibyte)];
        await page.upload('/uploads/replaced', old);
        const { headers } = await page.begin('/uploads/replaced', next.length);
        const upload = headers.location ?? '';
        await page.patch(upload, 0, next.subarray(0, 6 * mebibyte));
        // Another session of the user: the gateway parks the upload of the first.
        await page.request('POST', '/logout', { body: {} });
        page = await new PageBrowser(url).loginOk('alice');
        expect(await page.offset(upload)).toBe(0);
        expect(sha256(await objectBytes(access, alice, 'alice/uploads/replaced'))).toBe(sha256(old));
        expect(await page.patch(upload, 0, next)).toMatchObject({ status: 204 });
        expect(sha256(await objectBytes(access, alice, 'alice/uploads/replaced'))).toBe(sha256(next));
      });

      it('removes what it has of an upload that is cancelled', async () => {
        const { headers } = await page.begin('/uploads/cancelled', 8 * mebibyte);
        const upload = headers.location ?? '';
        await page.patch(upload, 0, randomBytes(6 * mebibyte));
        const path = upload.slice('/files/api'.length);
        const tus = { headers: { 'tus-resumable': '1.0.0' } };
        expect(await page.request('DELETE', path, tus)).toMatchObject({ status: 204 });
        expect(await page.request('HEAD', path, tus)).toMatchObject({ status: 404 });
        expect((await alice.sftp('ls /uploads/cancelled')).code).not.toBe(0);
      });

      itOnce('lets no name or content be more than a file to save', async () => {
        const names = [
          '<img src=x onerror=alert(1)>.html',
          '"; filename=evil.exe',
          'سجل.txt',
          'invoice\u202Efdp.exe',
          '%2e%2e%2fetc',
          '…'.repeat(85),
          "it's (1)*.svg",
        ];
        const content = Buffer.from('<script>parent.evil()</script>');
        for (const name of names) {
          const path = `/uploads/${name}`;
          expect(await page.upload(path, content)).toMatchObject({ status: 204 });
          const fetched = await page.request('GET', `/content?path=${encodeURIComponent(path)}`);
          expect(fetched.bytes).toEqual(content);
          expect(fetched.headers).toMatchObject({
            'content-type': 'application/octet-stream',
            'x-content-type-options': 'nosniff',
            'content-security-policy': "default-src 'none'; sandbox",
          });
          const disposition = fetched.headers['content-disposition'] ?? '';
          expect(disposition).toMatch(
            /^attachment; filename="[\w. -]+"; filename\*=UTF-8''[\w%.~!$&+^`|-]+$/,
          );
          expect(decodeURIComponent(disposition.split("''")[1] ?? '')).not.toMatch(
            /[\u202a-\u202e\u2066-\u2069]/,
          );
          expect(sha256(await objectBytes(access, alice, `alice${path}`))).toBe(sha256(content));
        }
        expect((await page.list('/uploads')).map(({ name }) => name)).toEqual(expect.arrayContaining(names));
      });

      itOnce('refuses names that SFTP refuses, and leaves no way out of the tree', async () => {
        for (const name of ['a\u0000b', 'a\nb', '\u007f', 'x'.repeat(1_025)]) {
          const begun = await page.begin(`/uploads/${name}`, 1);
          expect(begun.status, JSON.stringify(name.slice(0, 10))).toBe(400);
        }
        expect(await page.begin('/../../etc/passwd', 1)).toMatchObject({ status: 403 });
        for (const path of [
          '/../../../etc/passwd',
          '/uploads/../../alice',
          '/home/alice',
          '/uploads/\ud800',
        ]) {
          const { status } = await page.request(
            'GET',
            `/content?path=${encodeURIComponent(path.toWellFormed())}`,
          );
          expect(status).toBe(404);
        }
      });

      itOnce('has the rights, limits and hidden names of the user', async () => {
        await addPageUser(gateway, 'drop', ['upload.rights=dropbox', 'local.limit=100KiB']);
        await addPageUser(gateway, 'reader', ['upload.rights=list,read']);
        const drop = await new PageBrowser(url).loginOk('drop');
        expect(await drop.request('GET', '/session')).toMatchObject({
          json: {
            username: 'drop',
            directories: [
              { path: '/uploads', rights: ['create', 'overwrite', 'rename'] },
              { path: '/local', rights: ['list', 'read', 'create', 'overwrite', 'rename', 'remove'] },
            ],
          },
        });
        expect(await drop.upload('/uploads/dropped', Buffer.from('x'))).toMatchObject({ status: 204 });
        expect(await drop.request('GET', '/list?path=/uploads')).toMatchObject({ status: 403 });
        expect(await drop.request('GET', '/content?path=/uploads/dropped')).toMatchObject({
          status: 403,
          json: { kind: 'denied', detail: expect.stringContaining('no right to read') },
        });
        expect(await drop.request('DELETE', '/entries?path=/uploads/dropped&type=file')).toMatchObject({
          status: 403,
        });
        expect(await drop.upload('/local/small', randomBytes(90_000))).toMatchObject({ status: 204 });
        expect(await drop.upload('/local/large', randomBytes(90_000))).toMatchObject({ status: 507 });

        const reader = await new PageBrowser(url).loginOk('reader');
        expect(await reader.list('/uploads')).toEqual([]);
        expect(await reader.upload('/uploads/new', Buffer.from('x'))).toMatchObject({ status: 403 });
        expect(await reader.request('POST', '/directories', { body: { path: '/uploads/d' } })).toMatchObject({
          status: 403,
        });
      });

      itOnce(
        'logs in with the second factor, each code once, and not without a key that the methods need',
        async () => {
          await addPageUser(gateway, 'dora');
          const { stdout } = await gateway.cli(['user', 'totp', 'dora']);
          const secret = TotpSecret.parse(new URL(stdout.trim()).searchParams.get('secret') ?? '');
          const dora = new PageBrowser(url);
          expect(await dora.login('dora')).toMatchObject({ status: 200, json: { needsCode: true } });
          expect(dora.cookie).toBeNull();
          expect(await dora.login('dora', password, '000000')).toMatchObject({ status: 401 });
          const code = secret.codeAt(Date.now());
          expect(await dora.login('dora', password, code)).toMatchObject({
            status: 200,
            json: { username: 'dora' },
          });
          expect(await new PageBrowser(url).login('dora', password, code)).toMatchObject({ status: 401 });

          await addPageUser(gateway, 'both', ['login.methods=password,publickey']);
          expect(await new PageBrowser(url).login('both')).toMatchObject({ status: 403 });
          await addPageUser(gateway, 'shut', ['login.web=no']);
          expect(await new PageBrowser(url).login('shut')).toMatchObject({ status: 403 });
          const unknown = await new PageBrowser(url).login('nobody');
          const wrong = await new PageBrowser(url).login('alice', 'wrong');
          expect(unknown).toMatchObject({
            status: 401,
            json: { ...(wrong.json as object), requestId: expect.any(String) },
          });
        },
      );

      itOnce(
        'has a cookie that only its own requests send, a new one for each login, and a token for changes',
        async () => {
          const victim = new PageBrowser(url);
          victim.cookie = `sftpgw-files=${'A'.repeat(43)}`;
          const answer = await victim.login('alice');
          const set = answer.headers['set-cookie'] ?? [];
          expect(set).toEqual([
            expect.stringMatching(/^sftpgw-files=[\w-]{43}; Path=\/files; HttpOnly; SameSite=Strict$/),
          ]);
          expect(victim.cookie).not.toContain('AAAAAA');
          expect(answer.headers['cache-control']).toBe('no-store');
          const before = victim.cookie;
          await victim.login('alice');
          expect(victim.cookie).not.toBe(before);
          const old = new PageBrowser(url);
          old.cookie = before;
          expect(await old.request('GET', '/session')).toMatchObject({ status: 401 });

          const change = { body: { path: '/uploads/forged' } };
          const forge = (headers: Record<string, string>) =>
            victim.request('POST', '/directories', { ...change, headers });
          expect(await forge({ 'x-sftpgw-csrf': '1' })).toMatchObject({ status: 403 });
          expect(await forge({ 'x-sftpgw-csrf': page.csrf ?? '' })).toMatchObject({ status: 403 });
          expect(await forge({ 'sec-fetch-site': 'cross-site' })).toMatchObject({ status: 403 });
          expect(await forge({ 'sec-fetch-site': 'same-site' })).toMatchObject({ status: 403 });
          const typed = JSON.stringify({ username: 'alice', password });
          const form = { body: typed, headers: { 'content-type': 'text/plain' } };
          expect(await victim.request('POST', '/login', form)).toMatchObject({ status: 415 });
          expect(await victim.list('/uploads')).not.toContainEqual(
            expect.objectContaining({ name: 'forged' }),
          );

          const stored = readFileSync(join(gateway.root, 'var/lib/sftpgw/sftpgw.db'));
          const secret = victim.cookie?.split('=')[1] ?? '';
          expect(stored.includes(secret)).toBe(false);
          for (const hidden of [secret, victim.csrf ?? '', password])
            expect(gateway.output).not.toContain(hidden);
        },
      );

      itOnce(
        'ends the sessions of a user at a logout, a disconnect, another password and the removal',
        async () => {
          await addPageUser(gateway, 'eva');
          const check = (browser: PageBrowser) =>
            browser.request('GET', '/session').then(({ status }) => status);
          const eva = await new PageBrowser(url).loginOk('eva');
          const { cookie } = eva;
          expect(await eva.request('POST', '/logout', { body: {} })).toMatchObject({ status: 204 });
          expect(eva.cookie).toBeNull();
          eva.cookie = cookie;
          expect(await check(eva)).toBe(401);

          await eva.loginOk('eva');
          const { json } = await admin.request('GET', '/api/sessions');
          const sessions = (
            json as { readonly items: readonly { readonly id: string; readonly username: string }[] }
          ).items;
          const own = sessions.filter(({ username }) => username === 'eva');
          expect(own).toHaveLength(1);
          expect(await admin.request('DELETE', `/api/sessions/${own[0]?.id}`)).toMatchObject({ status: 200 });
          await eventually('the session has ended', async () => (await check(eva)) === 401);

          await eva.loginOk('eva');
          await changePageUser(gateway, 'eva', { password: 'another password' });
          await eventually('the session has ended', async () => (await check(eva)) === 401);
          expect(await eva.login('eva')).toMatchObject({ status: 401 });
          expect(await eva.login('eva', 'another password')).toMatchObject({ status: 200 });
          await changePageUser(gateway, 'eva', null);
          await eventually('the session has ended', async () => (await check(eva)) === 401);
          const live = await admin.request('GET', '/api/sessions');
          expect(JSON.stringify(live.json)).not.toContain('"eva"');
        },
      );

      itOnce('counts wrong passwords in the limiter of SFTP: a ban holds for both', async () => {
        const attacker = '127.0.0.66';
        const guesser = new PageBrowser(url, attacker);
        const statuses: number[] = [];
        for (let guess = 0; guess < 5; guess++) {
          statuses.push((await guesser.login('victor', `guess ${guess}`)).status);
        }
        expect(statuses).toEqual(Array(5).fill(401));
        await eventually('the address is banned', async () => (await guesser.login('alice')).status === 403);
        expect(
          await passwordLogin(gateway.sftpPort, { username: 'alice', password, from: attacker }),
        ).not.toBe('accepted');
        expect(await new PageBrowser(url, '127.0.0.2').login('alice')).toMatchObject({ status: 200 });
        const refused = await gateway.cli([
          'audit',
          '--action',
          'session.refused',
          '--json',
          '--limit',
          'all',
        ]);
        expect(refused.stdout).toContain('"victor"');
      });

      itOnce('answers malformed requests of tus, and forwards nothing but its own paths', async () => {
        const { headers } = await page.begin('/uploads/tus', 10);
        const path = (headers.location ?? '').slice('/files/api'.length);
        const tus = { 'tus-resumable': '1.0.0' };
        expect(await page.request('HEAD', path)).toMatchObject({ status: 412 });
        expect(await page.request('PATCH', path, { headers: tus })).toMatchObject({ status: 400 });
        expect(await page.patch(headers.location ?? '', 0, Buffer.alloc(11))).toMatchObject({ status: 413 });
        const json = { headers: { ...tus, 'upload-offset': '0' }, body: { a: 1 } };
        expect(await page.request('PATCH', path, json)).toMatchObject({ status: 415 });
        const announced = { ...tus, 'upload-length': '1e3', 'upload-metadata': 'path L3VwbG9hZHMveA==' };
        expect(await page.request('POST', '/uploads', { headers: announced })).toMatchObject({ status: 400 });
        const huge = { ...announced, 'upload-length': String(2 ** 50) };
        expect(await page.request('POST', '/uploads', { headers: huge })).toMatchObject({ status: 413 });
        for (const other of [
          '/../../api/users',
          '/..%2f..%2finternal/ready',
          '/%2e%2e/%2e%2e/api/sessions',
        ]) {
          expect((await page.request('GET', other)).status).toBeGreaterThanOrEqual(400);
        }
        const bare = ApiClient.onConsole(url, 'none');
        for (const file of ['/files/../../etc/passwd', '/files/..%2f..%2fbin/sftpgw.js', '/files/.hidden']) {
          expect(await bare.request('GET', file)).toMatchObject({
            status: expect.toSatisfy((s: number) => s >= 400),
          });
        }
        expect(await bare.request('GET', '/files')).toMatchObject({
          status: 302,
          headers: { location: '/files/' },
        });
        const document = await bare.request('GET', '/files/');
        expect(document).toMatchObject({ status: 200, headers: { 'x-frame-options': 'DENY' } });
        expect(document.headers['content-security-policy']).toContain("default-src 'self'");
        const direct = new ApiClient({ socketPath: join(gateway.root, 'var/lib/sftpgw/files.sock') }, {});
        expect(await direct.request('GET', '/files/api/session')).toMatchObject({ status: 401 });
        expect(await direct.request('GET', '/api/users')).toMatchObject({ status: 404 });
      });

      itOnce('holds the limits of the account for logins and for sessions that run', async () => {
        await addPageUser(gateway, 'near', ['login.from=127.0.0.1']);
        await addPageUser(gateway, 'former', ['login.expires=2020-01-01']);
        expect(await new PageBrowser(url).login('former')).toMatchObject({ status: 401 });
        const far = new PageBrowser(url, '127.0.0.3');
        expect(await far.login('near')).toMatchObject({ status: 401 });
        const near = await new PageBrowser(url).loginOk('near');
        far.cookie = near.cookie;
        expect(await far.request('GET', '/session')).toMatchObject({ status: 401 });

        await near.loginOk('near');
        const sending = await near.begin('/uploads/open', 100);
        expect(sending.status).toBe(201);
        expect(await admin.request('POST', '/api/users/near/disable')).toMatchObject({ status: 200 });
        await eventually(
          'the session has ended',
          async () => (await near.request('GET', '/session')).status === 401,
        );
        expect(await near.patch(sending.headers.location ?? '', 0, Buffer.alloc(100))).toMatchObject({
          status: 401,
        });
        expect(await near.login('near')).toMatchObject({ status: 401 });
        expect(await admin.request('POST', '/api/users/near/enable')).toMatchObject({ status: 200 });
        expect(await near.login('near')).toMatchObject({ status: 200 });
        setProperties(gateway, 'near', ['login.expires=2020-01-01T00:00:00Z']);
        await eventually(
          'the session has ended',
          async () => (await near.request('GET', '/session')).status === 401,
        );
      });

      it('begins an upload again whose parts were kept too long', async () => {
        const content = randomBytes(8 * mebibyte);
        await page.loginOk('alice');
        const { headers } = await page.begin('/uploads/expired', content.length);
        const upload = headers.location ?? '';
        await page.patch(upload, 0, content.subarray(0, 6 * mebibyte));
        expect(await gateway.end('SIGTERM')).toBe(0);
        const client = sdkClient(access);
        const parts = async () => {
          const listed = await client.send(new ListMultipartUploadsCommand({ Bucket: access.bucket }));
          return (listed.Uploads ?? []).filter(({ Key }) => Key === 'alice/uploads/expired').length;
        };
        if (target.name !== 'embedded S3') expect(await parts()).toBe(1);
        const file = join(gateway.root, 'opt/sftpgw/sftpgateway.properties');
        writeFileSync(file, `${readFileSync(file, 'utf8')}\nupload.resume.window=1ms\n`);
        await gateway.serve();
        await eventually('S3 has no part of it', async () => (await parts()) === 0);
        client.destroy();
        const again = new PageBrowser(await consoleUrl(gateway));
        Object.assign(again, { cookie: page.cookie, csrf: page.csrf });
        expect(await again.offset(upload)).toBe(0);
        expect(await again.patch(upload, 0, content)).toMatchObject({ status: 204 });
        expect(sha256(await objectBytes(access, alice, 'alice/uploads/expired'))).toBe(sha256(content));
      });
    },
  );
}
