import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consolePid } from '../files-page/page-gateway.js';
import { ApiClient } from '../support/api-client.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { gatewayTargets } from '../support/gateway-targets.js';
import { findInMemory } from '../support/process-memory.js';
import { SftpClient } from '../support/sftp-client.js';
import { eventually } from '../support/wait.js';

for (const target of await gatewayTargets()) {
  describe.skipIf(target.skip !== null)(
    `the console’s process over ${target.name}${target.skip === null ? '' : ` (${target.skip})`}`,
    () => {
      let gateway: Gateway;
      let bob: TestUser;
      let token: string;
      let admin: ApiClient;

      beforeAll(async () => {
        gateway = await target.start({ env: { SFTPGW_CONSOLE_LISTEN: '127.0.0.1:0' } });
        bob = await gateway.addUser('bob');
        admin = ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'admin');
        const body = { label: 'robot', role: 'admin', expiresInSeconds: 3600 };
        const { json } = await admin.request('POST', '/api/tokens', { body });
        token = String((json as { readonly secret: string }).secret);
      });
      afterAll(() => gateway[Symbol.asyncDispose]());

      const consoleClient = async () => {
        const url = await eventually(
          'the console listens',
          () =>
            [...gateway.output.matchAll(/"address":"(http:[^"]+)".*"msg":"console is listening"/g)].at(
              -1,
            )?.[1] ?? null,
        );
        return ApiClient.onConsole(url, token);
      };
      const query = async (name: string) => {
        const { bucket } = await target.access(gateway);
        return new URLSearchParams({ bucket, key: `bob/uploads/${name}` }).toString();
      };
      const binary = { 'content-type': 'application/octet-stream' };

      it('has no customer key in its memory while keys, uploads and downloads pass through it', async () => {
        const client = await consoleClient();
        const imported = randomBytes(32);
        const content = randomBytes(3_000_000);
        const path = `/api/objects/content?${await query('canary')}`;
        expect(await client.request('PUT', path, { body: content, headers: binary })).toMatchObject({
          status: 200,
        });
        expect((await client.request('GET', path)).bytes.equals(content)).toBe(true);
        await using session = await SftpClient.connect(bob);
        const handle = await session.open('/uploads/open', { write: true, create: true });
        await session.write(handle, 0, content.subarray(0, 30_000));
        for (const material of [imported.toString('base64'), imported.toString('hex')]) {
          const body = { label: 'imported', material };
          expect(await client.request('POST', '/api/keys/import', { body })).toMatchObject({ status: 200 });
        }
        const keys = new Map<string, Buffer>();
        for (const [name, key] of [
          ['key of bob', bob.key],
          ['imported key', imported],
        ] as const) {
          keys.set(`raw ${name}`, key);
          for (const form of ['base64', 'hex'] as const)
            keys.set(`${form} ${name}`, Buffer.from(key.toString(form)));
        }
        const wanted = new Map(keys).set('the token', Buffer.from(token));
        expect([...findInMemory(consolePid(gateway), wanted)]).toEqual(['the token']);
        // The search finds a key where there is one.
        expect(findInMemory(gateway.pid, new Map([['raw key', bob.key]])).size).toBe(1);
        await session.ok({ type: 'close', handle });
      });

      it('lets no name or type of an upload be more than a file to save', async () => {
        const client = await consoleClient();
        const content = Buffer.from('<script>parent.evil()</script>');
        const names = [
          '<img src=x onerror=alert(1)>.html',
          '"; filename=evil.exe',
          'invoice\u202Efdp.exe',
          '%2e%2e%2fetc',
          '…'.repeat(80),
          "it's (1)*.svg",
          'new\r\nline',
          '..',
        ];
        const page = `/api/objects/content?${await query('page.html')}`;
        for (const type of ['text/html', 'image/svg+xml', 'multipart/form-data; boundary=x']) {
          const typed = await client.request('PUT', page, {
            body: content,
            headers: { 'content-type': type },
          });
          expect([type, typed.status]).toEqual([type, 415]);
        }
        for (const name of names) {
          const path = `/api/objects/content?${await query(name)}`;
          const stored = await client.request('PUT', path, { body: content, headers: binary });
          expect([name, stored.status]).toEqual([name, 200]);
          const fetched = await client.request('GET', path, { headers: { accept: 'text/html' } });
          expect(fetched.bytes.equals(content)).toBe(true);
          expect(fetched.headers).toMatchObject({
            'content-type': 'application/octet-stream',
            'x-content-type-options': 'nosniff',
            'content-security-policy': "default-src 'none'; sandbox",
          });
          const disposition = fetched.headers['content-disposition'] ?? '';
          expect(disposition).toMatch(
            /^attachment; filename="[\w. -]+"; filename\*=UTF-8''[\w%.~!$&+^`|-]+$/,
          );
          const saved = decodeURIComponent(disposition.split("''")[1] ?? '');
          // A change of direction would show another ending than the one that is saved.
          expect(saved).not.toMatch(/[\p{Cc}\p{Bidi_Control}/\\]/u);
        }
      });

      it('leaves SFTP and the socket alone when it is killed in the middle of their work', async () => {
        const client = await consoleClient();
        const content = randomBytes(200_000);
        await using session = await SftpClient.connect(bob);
        const handle = await session.open('/uploads/during', { write: true, create: true });
        await session.write(handle, 0, content.subarray(0, 30_000));
        const half = new PassThrough();
        const upload = client.upload(`/api/objects/content?${await query('half')}`, half);
        half.write(content);
        const pid = consolePid(gateway);
        process.kill(pid, 'SIGKILL');
        await expect(upload).rejects.toThrow();
        for (let at = 30_000; at < content.length; at += 30_000) {
          await session.write(handle, at, content.subarray(at, at + 30_000));
        }
        await session.ok({ type: 'close', handle });
        expect((await session.readFile('/uploads/during')).equals(content)).toBe(true);
        expect(await admin.request('GET', '/api/sessions')).toMatchObject({
          status: 200,
          json: { items: [{ username: 'bob' }] },
        });
        expect(await admin.request('GET', `/api/objects/info?${await query('half')}`)).toMatchObject({
          status: 404,
        });
        await eventually('another process answers', async () => {
          try {
            return (await (await consoleClient()).request('GET', '/api/me')).status === 200;
          } catch {
            return false;
          }
        });
      });

      it('names the address of the connection in the trail, not one that the client claims', async () => {
        const client = await consoleClient();
        const headers = {
          'x-forwarded-for': '203.0.113.9',
          forwarded: 'for=203.0.113.9',
          'x-real-ip': '203.0.113.9',
        };
        const body = { label: 'claimed' };
        expect(await client.request('POST', '/api/keys', { body, headers })).toMatchObject({ status: 201 });
        const event = await eventually('the key is in the trail', async () => {
          const { json } = await admin.request('GET', '/api/audit?action=key.generate');
          return (json as { readonly items: readonly object[] }).items[0] ?? null;
        });
        expect(event).toMatchObject({ address: '127.0.0.1', actor: { name: 'token robot' } });
      });
    },
  );
}
