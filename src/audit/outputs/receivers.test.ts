import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/wait.js';
import type { AuditRow } from '../../model/audit.js';
import { FileReceiver } from './file-receiver.js';
import { syslogMessage } from './syslog-message.js';
import { SyslogReceiver } from './syslog-receiver.js';
import { parseSyslogTarget, type SyslogTarget } from './syslog-target.js';

const row = (seq: number): AuditRow => ({
  seq,
  timeMs: Date.UTC(2026, 10, 30),
  node: '0123456789abcdef',
  actor: { kind: 'user', name: 'bob' },
  address: '192.0.2.7',
  session: 'a',
  request: 'b',
  action: 'file.write',
  target: '/uploads/ü\n',
  bucket: null,
  objectKey: null,
  result: 'ok',
  keyId: null,
  details: '{"bytes":1}',
  previousHash: 'p',
  hash: 'h',
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-receivers-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('a file', () => {
  it('is opened again after logrotate has renamed it', async () => {
    const path = join(directory, 'audit.jsonl');
    await using receiver = new FileReceiver(path);
    await receiver.send([row(1), row(2)]);
    renameSync(path, `${path}.1`);
    await receiver.send([row(3)]);
    const numbers = (file: string) =>
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { seq: number }).seq);
    expect(numbers(`${path}.1`)).toEqual([1, 2]);
    expect(numbers(path)).toEqual([3]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('that cannot be written is a fault', async () => {
    await using receiver = new FileReceiver(join(directory, 'absent/audit.jsonl'));
    await expect(receiver.send([row(1)])).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('a syslog server', () => {
  it('gets a message of RFC 5424 on one line', () => {
    const message = syslogMessage(row(7), 'gw', 12);
    const head = '<109>1 2026-11-30T00:00:00.000Z gw sftpgw 12 file.write [audit@32473 seq="7"] {"seq":7,';
    expect(message.startsWith(head)).toBe(true);
    expect(message).not.toContain('\n');
    expect(syslogMessage({ ...row(7), result: 'denied' }, 'gw', 12)).toMatch(/^<108>1 /);
  });

  it.each(['tcp', 'unix'] as const)(
    'gets messages over %s with their length, also after it has restarted',
    async (kind) => {
      let text = '';
      const sockets: Socket[] = [];
      const listen = async (at: number | string) => {
        const server = createServer((socket) => {
          sockets.push(socket);
          socket.on('data', (bytes: Buffer) => {
            text += bytes.toString();
          });
          socket.on('error', () => undefined);
        }).listen(at);
        await once(server, 'listening');
        return server;
      };
      const first = await listen(kind === 'tcp' ? 0 : join(directory, 's'));
      const address = first.address();
      const target: SyslogTarget =
        typeof address === 'string'
          ? { kind: 'unix', path: address }
          : { kind: 'tcp', host: 'localhost', port: address?.port ?? 0 };
      await using receiver = new SyslogReceiver(target, 'test');
      await receiver.send([row(1), row(2)]);
      await eventually('both messages', () => text.includes('seq="2"'));
      const length = Number(text.slice(0, text.indexOf(' ')));
      const start = String(length).length + 1;
      expect(
        Buffer.from(text)
          .subarray(start, start + length)
          .toString()
          .endsWith('}'),
      ).toBe(true);
      for (const socket of sockets) socket.destroy();
      first.close();
      await once(first, 'close');
      await eventually('the connection is known to be closed', async () => {
        try {
          await receiver.send([row(3)]);
          return false;
        } catch {
          return true;
        }
      });
      const second = await listen(kind === 'tcp' ? (target as { port: number }).port : join(directory, 's'));
      await receiver.send([row(4)]);
      await eventually('the message after the restart', () => text.includes('seq="4"'));
      for (const socket of sockets) socket.destroy();
      second.close();
    },
  );

  it('gets a datagram for each message over UDP', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    const got: string[] = [];
    server.on('message', (bytes) => got.push(bytes.toString()));
    await using receiver = new SyslogReceiver(
      { kind: 'udp', host: '127.0.0.1', port: server.address().port },
      'x',
    );
    await receiver.send([row(1), row(2)]);
    await eventually('both', () => got.length === 2);
    server.close();
  });

  it.each([
    ['udp://log.example.org', { kind: 'udp', host: 'log.example.org', port: 514 }],
    ['tcp://[2001:db8::1]:6514', { kind: 'tcp', host: '2001:db8::1', port: 6514 }],
    ['unix:/run/audit.sock', { kind: 'unix', path: '/run/audit.sock' }],
    ['http://x', null],
    ['udp://x:0', null],
    ['unix:relative', null],
  ])('is named by %s', (text, target) => expect(parseSyslogTarget(text)).toEqual(target));
});
