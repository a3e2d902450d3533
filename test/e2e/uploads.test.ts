import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway, TestUser } from '../support/gateway.js';
import { type BucketAccess, customerKeyArguments, gatewayTargets } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const programs = missing('sftp', 'ssh-keygen', 'aws');

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(
    `uploads through OpenSSH sftp into ${target.name}${skip ? ` (${skip})` : ''}`,
    () => {
      let gateway: Gateway;
      let s3: BucketAccess;
      let alice: TestUser;

      beforeAll(async () => {
        gateway = await target.start();
        s3 = await target.access(gateway);
        alice = await gateway.addUser('alice');
      });
      afterAll(async () => {
        await gateway?.[Symbol.asyncDispose]();
      });

      function localFile(name: string, content: Uint8Array | string): string {
        const path = join(gateway.work, name);
        mkdirSync(join(path, '..'), { recursive: true });
        writeFileSync(path, content);
        return path;
      }

      async function expectInS3(user: TestUser, name: string, source: string): Promise<void> {
        const back = join(gateway.work, 'back.bin');
        const key = `${user.name}/uploads/${name}`;
        const got = await s3.s3api('get-object', '--key', key, ...customerKeyArguments(user), back);
        expect(got.stderr + got.stdout).toContain('SSECustomerKeyMD5');
        expect(got.code).toBe(0);
        expect(readFileSync(back).equals(readFileSync(source))).toBe(true);
      }

      it('stores small, large and empty files with the key of the user, and S3 opens them only with that key', async () => {
        const files = {
          'small.txt': localFile('small.txt', 'testing123\n'),
          'large.bin': localFile('large.bin', randomBytes(40 * 1024 * 1024 + 17)),
          empty: localFile('empty', ''),
        };
        await alice.sftpOk(
          Object.entries(files)
            .map(([name, path]) => `put ${path} /uploads/${name}`)
            .join('\n'),
        );
        for (const [name, path] of Object.entries(files)) {
          const blind = await s3.s3api('head-object', '--key', `alice/uploads/${name}`);
          expect(blind.code, `${name}: head without the key`).not.toBe(0);
          if (statSync(path).size > 0) await expectInS3(alice, name, path);
        }
      });

      it('lists names, sizes and directories as in S3', async () => {
        const source = localFile('listed', 'x'.repeat(1234));
        const listing = await alice.sftpOk(
          `mkdir /uploads/made\nput ${source} /uploads/made/one\nput ${source} "/uploads/made/zwei mit ü"\nls -l /uploads/made`,
        );
        expect(listing).toMatch(/ 1234 .*made\/one$/m);
        expect(listing).toMatch(/ 1234 .*made\/zwei mit ü$/m);
        expect(await alice.sftpOk('ls -l /uploads')).toMatch(/^d.*\/made$/m);
        await expectInS3(alice, 'made/zwei mit ü', source);
      });

      it('renames a directory with its content', async () => {
        const source = localFile('kept', randomBytes(100_000));
        await alice.sftpOk(
          `mkdir /uploads/old\nmkdir /uploads/old/sub\nput ${source} /uploads/old/one\nput ${source} /uploads/old/sub/two`,
        );
        await alice.sftpOk('rename /uploads/old "/uploads/new name"');
        expect(await alice.sftpOk('ls -l /uploads')).not.toMatch(/\/old$/m);
        await expectInS3(alice, 'new name/one', source);
        await expectInS3(alice, 'new name/sub/two', source);
      });

      it('reads its own uploads back, byte for byte', async () => {
        const source = localFile('round', randomBytes(9 * 1024 * 1024 + 3));
        const back = join(gateway.work, 'round.back');
        await alice.sftpOk(`put ${source} /uploads/round\nget /uploads/round ${back}`);
        expect(readFileSync(back).equals(readFileSync(source))).toBe(true);
      });

      it('overwrites, renames and removes', async () => {
        const first = localFile('first', 'first content');
        const second = localFile('second', 'second');
        await alice.sftpOk(
          `put ${first} /uploads/name\nput ${second} /uploads/name\nrename /uploads/name /uploads/renamed`,
        );
        await expectInS3(alice, 'renamed', second);
        expect(
          (await s3.s3api('head-object', '--key', 'alice/uploads/name', ...customerKeyArguments(alice))).code,
        ).not.toBe(0);
        await alice.sftpOk('rm /uploads/renamed');
        expect(
          (await s3.s3api('head-object', '--key', 'alice/uploads/renamed', ...customerKeyArguments(alice)))
            .code,
        ).not.toBe(0);
      });

      it('keeps the time that `put -p` gives, in the metadata and in listings', async () => {
        const source = localFile('dated', 'dated');
        utimesSync(source, 1_500_000_000, 1_500_000_000);
        await alice.sftpOk(`put -p ${source} /uploads/dated`);
        const head = await s3.s3api(
          'head-object',
          '--key',
          'alice/uploads/dated',
          ...customerKeyArguments(alice),
        );
        expect((JSON.parse(head.stdout) as { Metadata: Record<string, string> }).Metadata['mtime']).toBe(
          '1500000000',
        );
        expect(await alice.sftpOk('ls -l /uploads/dated')).toMatch(/Jul 14 +2017/);
      });

      it('refuses writes outside writable directories', async () => {
        const source = localFile('nowhere', 'x');
        for (const path of ['/nowhere', '/downloads/no', '/shared/no']) {
          const refused = await alice.sftp(`put ${source} ${path}`);
          expect(refused.code, path).not.toBe(0);
        }
        expect((await alice.sftp('rmdir /uploads')).code).not.toBe(0);
      });

      it.each([
        ['1', [], 'AES256'],
        ['4', [], undefined],
      ] as const)('honours encryption option %s', async (option, flags, expected) => {
        const user = await gateway.addUser(`option${option}`, ['--sse', option, ...flags]);
        const source = localFile(`option${option}`, 'body');
        await user.sftpOk(`put ${source} /uploads/file`);
        const head = await s3.s3api('head-object', '--key', `${user.name}/uploads/file`);
        expect(head.code).toBe(0);
        const answer = JSON.parse(head.stdout) as {
          ServerSideEncryption?: string;
          SSECustomerAlgorithm?: string;
        };
        // Option 4 uses the default encryption of the bucket.
        if (expected !== undefined) expect(answer.ServerSideEncryption).toBe(expected);
        expect(answer.SSECustomerAlgorithm).toBeUndefined();
      });

      it('honours option 2 with a key of the KMS', async () => {
        const user = await gateway.addUser('option2', ['--sse', '2', '--kms-key-arn', 'testkey-1']);
        const source = localFile('option2', 'body');
        await user.sftpOk(`put ${source} /uploads/file`);
        const head = await s3.s3api('head-object', '--key', 'option2/uploads/file');
        expect(JSON.parse(head.stdout)).toMatchObject({
          ServerSideEncryption: 'aws:kms',
          SSEKMSKeyId: expect.stringMatching(/testkey-1$/),
        });
      });

      it('stores the files of a user below the configured prefix', async () => {
        const user = await gateway.addUser('prefixed', ['--sse', '1', '--prefix', 'partner/in/']);
        const source = localFile('prefixed', 'body');
        await user.sftpOk(`put ${source} /uploads/file`);
        expect((await s3.s3api('head-object', '--key', 'partner/in/file')).code).toBe(0);
      });

      /** Starts an upload and returns the client process once the file has this number of bytes. */
      async function uploading(source: string, name: string, bytes: number): Promise<ChildProcess> {
        const args = ['-q', '-l', '160000', '-b', '-', ...alice.sshOptions, '-P', String(gateway.sftpPort)];
        const client = spawn('sftp', [...args, 'alice@127.0.0.1'], { stdio: ['pipe', 'ignore', 'ignore'] });
        client.stdin.end(`put ${source} /uploads/${name}\n`);
        await eventually('the gateway has received enough', async () => (await sizeOf(name)) >= bytes);
        return client;
      }

      async function interrupt(source: string, name: string, bytes: number): Promise<void> {
        const client = await uploading(source, name, bytes);
        const end = once(client, 'exit');
        client.kill('SIGKILL');
        await end;
        await eventually('the upload is interrupted', async () => (await stillUploading(name)) === false);
      }

      async function sizeOf(name: string): Promise<number> {
        const listed = await alice.sftp(`ls -ln /uploads/${name}`);
        return Number(/(\d+) \w{3} +\d+ [\d:]+ \/uploads\//.exec(listed.stdout)?.[1] ?? 0);
      }

      async function stillUploading(name: string): Promise<boolean> {
        const refused = await alice.sftp(`get /uploads/${name} ${join(gateway.work, 'never')}`);
        return refused.stderr.includes('still being uploaded');
      }

      it('keeps an interrupted upload, also over a restart, until it is resumed', async () => {
        const big = localFile('resumed', randomBytes(64 * 1024 * 1024 + 5));
        await interrupt(big, 'resumed', 20 * 1024 * 1024);
        const kept = await sizeOf('resumed');
        expect(kept).toBeGreaterThan(15 * 1024 * 1024);
        expect(kept).toBeLessThan(64 * 1024 * 1024);
        const isListed = async () => (await alice.sftpOk('ls -1 /uploads')).includes('/resumed\n');
        expect(await isListed()).toBe(false);
        const key = ['--key', 'alice/uploads/resumed', ...customerKeyArguments(alice)];
        expect((await s3.s3api('head-object', ...key)).code).not.toBe(0);
        expect(await gateway.end('SIGTERM')).toBe(0);
        await gateway.serve();
        expect(await sizeOf('resumed')).toBe(kept);
        await alice.sftpOk(`reput ${big} /uploads/resumed`);
        expect(await sizeOf('resumed')).toBe(64 * 1024 * 1024 + 5);
        expect(await isListed()).toBe(true);
        await expectInS3(alice, 'resumed', big);
      });

      it('resumes an upload whose silent connection is still open', async () => {
        const big = localFile('silent', randomBytes(64 * 1024 * 1024));
        const client = await uploading(big, 'silent', 12 * 1024 * 1024);
        client.kill('SIGSTOP');
        await eventually('another connection resumes the upload', async () => {
          const resumed = await alice.sftp(`reput ${big} /uploads/silent`);
          return resumed.code === 0;
        });
        await expectInS3(alice, 'silent', big);
        client.kill('SIGKILL');
      });

      it('completes a small or large file that was closed too early', async () => {
        for (const [name, size, early] of [
          ['early-small', 100_000, 70_001],
          ['early-large', 30 * 1024 * 1024, 11 * 1024 * 1024 + 7],
        ] as const) {
          const content = randomBytes(size);
          const whole = localFile(name, content);
          const part = localFile(`${name}.part`, content.subarray(0, early));
          await alice.sftpOk(`put ${part} /uploads/${name}`);
          await alice.sftpOk(`reput ${whole} /uploads/${name}`);
          await expectInS3(alice, name, whole);
        }
      });

      it('aborts the multipart upload when an interrupted upload is removed', async () => {
        const big = localFile('broken', randomBytes(64 * 1024 * 1024));
        await interrupt(big, 'broken', 12 * 1024 * 1024);
        expect((await s3.s3api('list-multipart-uploads')).stdout).toContain('alice/uploads/broken');
        await alice.sftpOk('rm /uploads/broken');
        expect((await s3.s3api('list-multipart-uploads')).stdout).not.toContain('alice/uploads/broken');
        const key = ['--key', 'alice/uploads/broken', ...customerKeyArguments(alice)];
        expect((await s3.s3api('head-object', ...key)).code).not.toBe(0);
      });
    },
  );
}
