import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ended } from '../support/command.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const skip = missing('sftp', 'ssh-keygen');

describe.skipIf(skip !== null)(
  `bad input gets a clear answer and loses nothing${skip ? ` (${skip})` : ''}`,
  () => {
    const open: AsyncDisposable[] = [];
    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
    });

    async function embedded(): Promise<{ gateway: Gateway; user: TestUser; source: string }> {
      const gateway = await Gateway.start({ s3: null });
      open.push(gateway);
      const user = await gateway.addUser('erin');
      const source = join(gateway.work, 'source');
      writeFileSync(source, 'content to keep');
      return { gateway, user, source };
    }

    function userFile(gateway: Gateway, name: string): string {
      return join(gateway.root, 'home/erin/.sftpgateway', name);
    }

    it.each([
      ['31 bytes', randomBytes(31), /31 bytes/],
      ['33 bytes', randomBytes(33), /33 bytes/],
      ['base64 text', Buffer.from(`${randomBytes(32).toString('base64')}\n`), /base64/],
      ['nothing', Buffer.alloc(0), /0 bytes|empty/],
    ])('an sse.key of %s refuses the upload and names the file', async (_what, content, expected) => {
      const { gateway, user, source } = await embedded();
      const before = readFileSync(userFile(gateway, 'sse.key'));
      writeFileSync(userFile(gateway, 'sse.key'), content);
      const refused = await user.sftp(`put ${source} /uploads/file`);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(expected);
      expect(refused.stderr).toContain('sse.key');
      expect(readFileSync(userFile(gateway, 'sse.key')).equals(content)).toBe(true);
      // With the right key the same running gateway accepts uploads again.
      writeFileSync(userFile(gateway, 'sse.key'), before);
      await user.sftpOk(`put ${source} /uploads/file`);
    });

    it('an invalid property is reported with file and line, and the last valid settings stay in force', async () => {
      const { gateway, user, source } = await embedded();
      await user.sftpOk(`put ${source} /uploads/before`);
      appendFileSync(userFile(gateway, 'user.properties'), '\nsse.option=7\n');
      await user.sftpOk(`put ${source} /uploads/after`);
      await eventually('the log names the file', () => /user\.properties/.test(gateway.output));
      const lines = readFileSync(userFile(gateway, 'user.properties'), 'utf8').split('\n');
      const line = lines.indexOf('sse.option=7') + 1;
      expect(gateway.output).toMatch(
        new RegExp(`user\\.properties:${line}\\b.*sse\\.option|user\\.properties.*line ${line}\\b`),
      );
    });

    it('an invalid global setting stops the start and is reported with file, line and the allowed values', async () => {
      const gateway = await Gateway.prepare({
        s3: null,
        properties: { bucket: 'good-bucket', 'upload.memory': 'plenty' },
      });
      open.push(gateway);
      const [code] = await ended(gateway.spawnServe());
      expect(code).not.toBe(0);
      expect(gateway.output).toMatch(/sftpgateway\.properties line 2\b/);
      expect(gateway.output).toContain('upload.memory');
    });

    it('an unavailable S3 server at the start is reported in one sentence', async () => {
      const gateway = await Gateway.prepare({ s3: nobodyThere(1) });
      open.push(gateway);
      gateway.spawnServe();
      await eventually(
        'the gateway reports that S3 is unavailable',
        () => /127\.0\.0\.1:1\b/.test(gateway.output),
        60_000,
      );
      expect(gateway.output).toMatch(/unreachable|refused|cannot be reached|does not answer/i);
    });

    it('SSE-C over plain http to another host is refused before the key leaves', async () => {
      const gateway = await Gateway.prepare({
        s3: { ...nobodyThere(80), endpoint: 'http://s3.example.test' },
        properties: { 's3.retry.time': '1s' },
      });
      open.push(gateway);
      const user = await gateway.addUser('erin');
      const source = join(gateway.work, 'source');
      writeFileSync(source, 'secret');
      gateway.spawnServe();
      await eventually('the port is open', () => /\bready\b/.test(gateway.output), 60_000);
      const refused = await user.sftp(`put ${source} /uploads/file`);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr + gateway.output).toMatch(/https/);
    });

    it('an upload fails with a text if S3 stops answering, and the session continues', async () => {
      const silent = await listenSilently();
      open.push({ [Symbol.asyncDispose]: async () => void silent.close() });
      const address = silent.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const gateway = await Gateway.prepare({
        s3: nobodyThere(port),
        properties: { 's3.idle.timeout': '500ms', 's3.retry.time': '1s' },
      });
      open.push(gateway);
      const user = await gateway.addUser('erin');
      const source = join(gateway.work, 'source');
      writeFileSync(source, 'body');
      gateway.spawnServe();
      await eventually('the port is open', () => /\bready\b/.test(gateway.output), 60_000);
      const answer = await user.sftp(`-put ${source} /uploads/file\nput ${source} /local/file\nls /local`, {
        timeoutMs: 120_000,
      });
      expect(answer.code, answer.stderr).toBe(0);
      expect(answer.stdout).toContain('/local/file');
      expect(answer.stderr).toMatch(/unavailable|timed-out|reset/);
    });

    it('a second gateway on the same root is refused', async () => {
      const { gateway } = await embedded();
      const second = await gateway.cli([
        'serve',
        '--embedded',
        '--sftp-listen',
        '127.0.0.1:0',
        '--s3-listen',
        '127.0.0.1:0',
      ]);
      expect(second.code).not.toBe(0);
      expect(second.stdout + second.stderr).toMatch(/in use|already|another/i);
    });

    it('a port in use is named', async () => {
      const { gateway } = await embedded();
      const other = await Gateway.prepare({ s3: null });
      open.push(other);
      other.sftpPort = gateway.sftpPort;
      const [code] = await ended(other.spawnServe());
      expect(code).not.toBe(0);
      expect(other.output).toContain(String(gateway.sftpPort));
    });

    it('SIGHUP ends no session', async () => {
      const { gateway, user } = await embedded();
      process.kill(gateway.pid, 'SIGHUP');
      await eventually('an answer', () => gateway.output.includes('SIGHUP: nothing to do'));
      expect(await user.sftpOk('ls /')).toMatch(/uploads/);
    });

    it('SIGTERM lets a running upload finish', async () => {
      const { gateway, user } = await embedded();
      const big = join(gateway.work, 'big');
      writeFileSync(big, randomBytes(80 * 1024 * 1024));
      const put = user.sftp(`put ${big} /uploads/big`);
      await eventually('the upload has begun', () => gateway.output.includes('erin'));
      const code = gateway.end('SIGTERM');
      const finished = await put;
      expect(await code).toBe(0);
      if (finished.code === 0) {
        await gateway.serve();
        const back = `${big}.back`;
        await user.sftpOk(`get /uploads/big ${back}`);
        expect(readFileSync(back).equals(readFileSync(big))).toBe(true);
      }
    });
  },
);

function nobodyThere(port: number) {
  return {
    endpoint: `http://127.0.0.1:${port}`,
    caFile: null,
    region: 'us-east-1',
    accessKeyId: 'nobody',
    secretAccessKey: 'nothing',
    bucket: 'nowhere',
  };
}

/** Accepts connections and never answers. */
function listenSilently(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on('error', () => undefined).resume());
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}
