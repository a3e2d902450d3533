import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Received, WebhookReceiver } from '../../src/webhooks/testing/receiver.js';
import { ApiClient } from '../support/api-client.js';
import { ended, run } from '../support/command.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { gatewayTargets, itOnceFor } from '../support/gateway-targets.js';
import { writeLoopbackCa } from '../support/loopback-tls.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? missing('sftp', 'ssh-keygen');

  describe.skipIf(skip !== null)(
    `webhooks of a gateway over ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      let directory: string;
      const itOnce = itOnceFor(target);
      let gateway: Gateway;
      let bucket: string;
      let bob: TestUser;
      const secrets: string[] = [];
      const outputs: string[] = [];

      beforeAll(async () => {
        directory = mkdtempSync(join(tmpdir(), 'sftpgw-webhooks-'));
        gateway = await target.start({ logLevel: 'debug', properties: properties() });
        bucket = (await target.access(gateway)).bucket;
        bob = await gateway.addUser('bob');
        await cli('user', 'add', 'bob', '--exclusions', 'filepart');
      });
      afterAll(async () => {
        await gateway?.[Symbol.asyncDispose]();
        rmSync(directory, { recursive: true, force: true });
      });

      const properties = () => ({
        'webhooks.allow.private': '127.0.0.0/8,::1',
        'webhooks.ca.file': writeLoopbackCa(directory),
        'webhooks.retry.delay': '100ms',
        'webhooks.parallel': '4',
      });

      /** Runs a command that succeeds, and returns its output. */
      async function cli(...args: readonly string[]): Promise<string> {
        const { code, stdout, stderr } = await gateway.cli(args);
        expect(`${code} ${stderr}`, args.join(' ')).toMatch(/^0 /);
        outputs.push(stderr);
        return stdout;
      }

      /** Sends a request to the API that succeeds, and returns its answer. */
      async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
        const client = ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'admin');
        const { status, json } = await client.request(method, path, body === undefined ? {} : { body });
        expect([path, status < 300, json]).toEqual([path, true, json]);
        return json as T;
      }

      /** A webhook, which is removed when it is disposed. */
      interface Added extends AsyncDisposable {
        readonly path: string;
        readonly secret: string;
      }

      async function add(
        receiver: WebhookReceiver,
        label: string,
        ...events: readonly string[]
      ): Promise<Added> {
        const body = { label, url: receiver.url, filter: { events } };
        const added = await api<{ readonly webhook: { readonly id: string }; readonly secret: string }>(
          'POST',
          '/api/webhooks',
          body,
        );
        secrets.push(added.secret);
        const path = `/api/webhooks/${added.webhook.id}`;
        const remove = async () => void (await api('DELETE', path));
        return { path, secret: added.secret, [Symbol.asyncDispose]: remove };
      }

      /** Returns the local path of a file with this many bytes. */
      function fileOf(bytes: number): string {
        const path = join(gateway.work, `file-${bytes}`);
        writeFileSync(path, Buffer.alloc(bytes, 'x'));
        return path;
      }

      const dataOf = (received: readonly Received[]) => received.map(({ message }) => message.data);

      async function restart(): Promise<void> {
        outputs.push(gateway.output);
        await gateway.end('SIGKILL');
        await gateway.serve();
      }

      it('deliver each acknowledged upload once or more, in order per object, across kill -9 and a dead receiver', async () => {
        let receiver = await WebhookReceiver.start();
        const port = Number(new URL(receiver.url).port);
        const seen: Received[] = [];
        await using webhook = await add(receiver, 'all', 'upload.finished');
        const acknowledged: { readonly key: string; readonly size: number }[] = [];
        let size = 0;
        const puts = (count: number) =>
          Array.from({ length: count }, () => {
            size += 1;
            return { key: `bob/uploads/${'abc'[size % 3]}`, size };
          });
        const batchOf = (files: ReturnType<typeof puts>) =>
          files.map((file) => `put ${fileOf(file.size)} ${file.key.replace('bob', '')}`).join('\n');

        // Killed at once after the last answer.
        const first = puts(9);
        await bob.sftpOk(batchOf(first));
        acknowledged.push(...first);
        await restart();
        // Killed while uploads run, with a receiver that refuses connections.
        await receiver[Symbol.asyncDispose]();
        seen.push(...receiver.requests);
        const second = puts(40);
        const client = spawn(
          'sftp',
          ['-q', '-b', '-', ...bob.sshOptions, '-P', String(gateway.sftpPort), 'bob@127.0.0.1'],
          {
            stdio: ['pipe', 'pipe', 'ignore'],
          },
        );
        let printed = '';
        client.stdout.on('data', (chunk: Buffer) => {
          printed += chunk.toString();
        });
        const end = ended(client);
        client.stdin.end(`${batchOf(second)}\n`);
        // The client prints each command when the one before is done.
        const begun = () => printed.split('\n').filter((line) => line.startsWith('sftp> put')).length;
        await eventually('some of them', () => begun() > 10);
        outputs.push(gateway.output);
        await gateway.end('SIGKILL');
        await end;
        acknowledged.push(...second.slice(0, begun() - 1));
        await gateway.serve();
        const third = puts(9);
        await bob.sftpOk(batchOf(third));
        acknowledged.push(...third);
        await restart();
        // Then with one that fails now and then.
        let number = 0;
        receiver = await WebhookReceiver.start({ port, answer: () => (++number % 4 === 0 ? 503 : 200) });
        const hasAll = () => {
          const got = new Set(dataOf([...seen, ...receiver.accepted]).map((data) => data['size']));
          return acknowledged.every((file) => got.has(file.size));
        };
        await eventually('every acknowledged upload', hasAll);
        await eventually('nothing pending', async () => {
          const { pending, behind } = await api<Readonly<Record<string, number>>>('GET', webhook.path);
          return pending === 0 && behind === 0;
        });

        const all = [...seen, ...receiver.accepted];
        for (const key of ['a', 'b', 'c'].map((name) => `bob/uploads/${name}`)) {
          const ofKey = all.filter(({ message }) => message.data['objectKey'] === key);
          const ids = new Map(
            ofKey.map((one) => [one.headers['webhook-id'], Number(one.message.data['size'])]),
          );
          const sizes = [...ids.values()];
          expect(sizes, key).toEqual([...sizes].sort((one, other) => one - other));
          const due = acknowledged.filter((file) => file.key === key).map((file) => file.size);
          expect(
            due.filter((one) => !sizes.includes(one)),
            key,
          ).toEqual([]);
        }
        for (const { headers, text } of all) {
          const hmac = createHmac('sha256', Buffer.from(webhook.secret.slice('whsec_'.length), 'base64'));
          const sum = hmac
            .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`)
            .digest('base64');
          expect(headers['webhook-signature']).toBe(`v1,${sum}`);
        }
        await receiver[Symbol.asyncDispose]();
      });

      it('have the facts of an upload, a download, a refused login and a key', async () => {
        await using receiver = await WebhookReceiver.start();
        await using _ = await add(receiver, 'facts');
        await bob.sftpOk(`put ${fileOf(1234)} /uploads/report\nget /uploads/report /dev/null`);
        const stranger = [...bob.sshOptions, '-P', String(gateway.sftpPort), 'mallory@127.0.0.1'];
        expect((await run('sftp', ['-q', '-b', '/dev/null', ...stranger])).code).not.toBe(0);
        await api('POST', '/api/keys', { label: 'spare' });
        const find = (type: string) =>
          receiver.accepted.find(({ message }) => message.type === type)?.message.data;
        const types = ['upload.finished', 'download.finished', 'login.refused', 'key.generated'];
        await eventually('all', () => types.every((type) => find(type) !== undefined));
        const upload = find('upload.finished');
        expect(upload).toMatchObject({
          user: 'bob',
          address: expect.stringMatching(/127\.0\.0\.1$/),
          path: '/uploads/report',
          bucket,
          objectKey: 'bob/uploads/report',
          size: 1234,
          transferred: 1234,
          checksum: expect.stringMatching(/^CRC-32C? [0-9a-f]{8}$/),
          keyId: expect.stringMatching(/^[0-9a-f]{32}$/),
        });
        const query = '?action=file.write&path=/uploads/report';
        const trail = await api<{ readonly items: readonly object[] }>('GET', `/api/audit${query}`);
        const hash = String(upload?.['messageId']).slice('evt_'.length);
        expect(trail.items).toMatchObject([{ seq: upload?.['auditSeq'], hash }]);
        expect(find('download.finished')).toMatchObject({ objectKey: 'bob/uploads/report', size: 1234 });
        expect(find('login.refused')).toMatchObject({ user: 'mallory', details: { rule: 'login' } });
        expect(find('key.generated')).toMatchObject({ target: 'spare', user: null });
      });

      it('report a file under an excluded name once it is renamed, and an interrupted one as failed', async () => {
        await using receiver = await WebhookReceiver.start();
        await using _ = await add(receiver, 'partial', 'upload.*');
        await bob.sftpOk(`put ${fileOf(2000)} /uploads/x.filepart\nput ${fileOf(10)} /uploads/marker`);
        const paths = () =>
          dataOf(receiver.accepted)
            .map((data) => data['path'])
            .filter((path) => path !== '/uploads/report');
        await eventually('the later file', () => paths().includes('/uploads/marker'));
        expect(paths()).toEqual(['/uploads/marker']);
        await bob.sftpOk('rename /uploads/x.filepart /uploads/x');
        await eventually('the renamed file', () => paths().includes('/uploads/x'));
        expect(dataOf(receiver.accepted).at(-1)).toMatchObject({ objectKey: 'bob/uploads/x', size: 2000 });
        const sending = bob.sftp(`put ${fileOf(20_000_000)} /uploads/slow`, {}, ['-l', '8000']);
        const session = await eventually('the transfer', async () => {
          const { items } = await api<{ items: { id: string; transfers: unknown[] }[] }>(
            'GET',
            '/api/sessions',
          );
          return items.find(({ transfers }) => transfers.length > 0) ?? null;
        });
        await api('DELETE', `/api/sessions/${session.id}`);
        await sending;
        await eventually('the failure', () => receiver.types.includes('upload.failed'));
        expect(receiver.accepted.at(-1)?.message).toMatchObject({
          type: 'upload.failed',
          data: { path: '/uploads/slow', result: 'interrupted' },
        });
      });

      itOnce('do not slow uploads while a receiver does not answer', async () => {
        const held = Promise.withResolvers<number>();
        await using silent = await WebhookReceiver.start({ answer: () => held.promise });
        await using quick = await WebhookReceiver.start();
        await using _silent = await add(silent, 'silent', 'upload.finished');
        await using _quick = await add(quick, 'quick', 'upload.finished');
        const file = fileOf(4096);
        const batch = Array.from({ length: 30 }, (_, at) => `put ${file} /uploads/many-${at}`).join('\n');
        await bob.sftpOk(batch);
        await eventually('the other one has all', () => quick.accepted.length >= 30);
        // All uploads and all messages to the other one ended before the silent one answered anything.
        expect(silent.accepted).toEqual([]);
        await eventually('its own bound', () => silent.open === 4);
        await bob.sftpOk(batch);
        await eventually('the other one has all again', () => quick.accepted.length >= 60);
        expect(silent.accepted).toEqual([]);
        expect(silent.maxOpen).toBe(4);
        held.resolve(200);
        await eventually('the silent one has all', () => silent.accepted.length >= 60);
      });

      itOnce('are managed by commands while the gateway runs', async () => {
        await using receiver = await WebhookReceiver.start({ answer: () => 410 });
        const old = (
          await cli('webhook', 'add', receiver.url, '--label', 'own', '--event', 'upload.finished')
        ).trim();
        await bob.sftpOk(`put ${fileOf(77)} /uploads/dead`);
        const [status] = await eventually('a dead message', async () => {
          const { items } = await api<{ items: { path: string; dead: number }[] }>('GET', '/api/webhooks');
          return items[0]?.dead === 1 ? items : null;
        });
        expect(status).toMatchObject({ label: 'own', pending: 0 });
        const dead = await cli('webhook', 'deliveries', 'own', '--state', 'dead', '--json');
        expect(JSON.parse(dead)).toMatchObject([{ type: 'upload.finished', status: 410, attempts: 1 }]);
        expect(await gateway.cli(['webhook', 'test', 'own'])).toMatchObject({ code: 12 });
        receiver.answer = () => 200;
        const rotated = (await cli('webhook', 'rotate', 'own')).trim();
        secrets.push(old, rotated);
        expect(await cli('webhook', 'test', 'own')).toMatch(/^accepted with status 200/);
        expect(await cli('webhook', 'resend', 'own')).toMatch(/^1 message is/);
        await eventually('the message', () => receiver.types.includes('upload.finished'));
        const signatures = receiver.accepted.map(
          ({ headers }) => String(headers['webhook-signature']).split(' ').length,
        );
        expect([old === rotated, ...signatures]).toEqual([false, 2, 2]);
        expect(await cli('webhook', 'list')).toContain('own');
        await cli('webhook', 'remove', 'own');
        // An event may reach the database a second later.
        const wanted = ['add', 'test', 'secret', 'resend', 'remove'].map((action) => `webhook.${action}`);
        await eventually('the events', async () => {
          const { items } = await api<{ items: { action: string }[] }>('GET', '/api/audit?limit=100');
          return wanted.every((action) => items.some((item) => item.action === action));
        });
      });

      it.each([
        ['https://169.254.169.254/latest/', 403],
        ['https://[fd00::1]/', 403],
        ['https://0x0a.1/', 403],
        ['https://[64:ff9b::a00:1]/', 403],
        ['http://example.com/', 400],
        ['https://bob:x@example.com/', 400],
      ])('cannot have the URL %s', async (url, expected) => {
        const client = ApiClient.onSocket(join(gateway.root, 'var/lib/sftpgw/control.sock'), 'admin');
        const { status } = await client.request('POST', '/api/webhooks', { body: { label: 'x', url } });
        expect(status).toBe(expected);
      });

      itOnce('cannot have a name of a private address, which is checked when it connects', async () => {
        await using receiver = await WebhookReceiver.start();
        const url = receiver.url.replace('127.0.0.1', 'localhost');
        await using webhook = await add({ ...receiver, url } as WebhookReceiver, 'name');
        expect(await api('POST', `${webhook.path}/test`)).toMatchObject({ status: 204 });
        gateway.writeProperties({ ...properties(), 'webhooks.allow.private': '10.0.0.0/8' });
        await eventually('the changed setting is in force', async () => {
          const { error } = await api<{ error: string | null }>('POST', `${webhook.path}/test`);
          return error !== null && /is not public/.test(error);
        });
        const before = receiver.requests.length;
        expect(await api('POST', `${webhook.path}/test`)).toMatchObject({ status: null });
        expect(receiver.requests.length).toBe(before);
      });

      itOnce('keep their secrets out of the log, the output and the files of the gateway', async () => {
        outputs.push(gateway.output, await cli('audit', '--limit', 'all', '--json'));
        await gateway.end('SIGTERM');
        const texts = [Buffer.from(outputs.join('\n'))];
        for (const entry of readdirSync(gateway.root, { recursive: true, withFileTypes: true })) {
          if (entry.isFile()) texts.push(readFileSync(join(entry.parentPath, entry.name)));
        }
        expect(secrets.length).toBeGreaterThan(5);
        expect(texts.length).toBeGreaterThan(5);
        for (const secret of secrets) {
          const bytes = Buffer.from(secret.slice('whsec_'.length), 'base64');
          const forms = [
            bytes,
            ...(['base64', 'base64url', 'hex'] as const).map((form) => bytes.toString(form).slice(0, 40)),
          ];
          for (const form of forms) expect(texts.some((text) => text.includes(form))).toBe(false);
        }
      });
    },
  );
}
