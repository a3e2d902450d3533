import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, runOk } from '../support/command.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const withoutTools = missing('sftp', 'ssh-keygen', 'ssh-keyscan');
const withoutAge = missing('age', 'aws');

for (const target of await s3Targets()) {
  const skip = target.skip ?? withoutTools;
  // The tests depend on each other: each begins where the previous one ended.
  describe.skipIf(skip !== null)(
    `the machine is lost, the bucket is at ${target.name}${skip ? ` (${skip})` : ''}`,
    () => {
      let gateway: Gateway;
      let away: string;
      let bucket: string;
      let hostKeys: string;
      const users: TestUser[] = [];
      const files = new Map<string, Buffer>();

      const reach = () => [
        ...['--bucket', bucket, '--endpoint', target.endpoint, '--region', target.region],
        ...(target.caFile === null ? [] : ['--endpoint-ca-file', target.caFile]),
      ];
      const at = (name: string) => join(away, name);
      const cliOk = async (...args: readonly string[]) => {
        const { code, stdout, stderr } = await gateway.cli(args);
        expect(`${code} ${code === 0 ? '' : stderr}`).toBe('0 ');
        return stdout;
      };
      const status = async () => JSON.parse((await gateway.cli(['recovery', 'status', '--json'])).stdout);

      async function upload(user: TestUser, name: string, size: number): Promise<void> {
        const content = randomBytes(size);
        const path = at('content');
        writeFileSync(path, content);
        await user.sftpOk(`put ${path} /uploads/${name}`);
        files.set(`${user.name}/${name}`, content);
      }

      /**
       * Waits until the gateway logs a copy. Polling with a command would take the CPU that the gateway
       * needs.
       */
      async function expectCopied(change: () => Promise<unknown>): Promise<void> {
        const copies = () => gateway.output.split('settings copied to the bucket').length;
        let before = copies();
        await change();
        await eventually(
          'the gateway has made a copy',
          async () => {
            if (copies() === before) return false;
            before = copies();
            return (await status()).copy.isCurrent;
          },
          60_000,
        );
      }

      async function scanHostKeys(): Promise<string> {
        const port = String(gateway.sftpPort);
        const { stdout } = await run('ssh-keyscan', ['-p', port, '-T', '10', '127.0.0.1']);
        return stdout.split('\n').toSorted().join('\n');
      }

      beforeAll(async () => {
        bucket = await target.makeBucket();
        const { endpoint, caFile, region, credentials } = target;
        gateway = await Gateway.start({ s3: { endpoint, caFile, region, bucket, ...credentials } });
        away = join(gateway.work, 'away');
        mkdirSync(away);
      });
      afterAll(async () => {
        await gateway?.[Symbol.asyncDispose]();
        await target.close();
      });

      it('users upload with their own keys, and the key of one changes twice', async () => {
        const bob = await gateway.addUser('bob');
        const alice = await gateway.addUser('alice');
        const carol = await gateway.addUser('carol', ['--sse', '1']);
        users.push(bob, alice, carol);
        await upload(bob, 'first', 100_000);
        await upload(alice, 'hers', 3_000_000);
        await upload(carol, 'plain', 1000);
        // `key rotate` re-encrypts the existing objects; `--generate-sse-key` leaves them with the previous
        // key.
        await cliOk('key', 'rotate', '--user', 'bob');
        await upload(bob, 'second', 0);
        await upload(bob, 'large', 9_000_000);
        await cliOk('user', 'add', 'bob', '--generate-sse-key');
        await upload(bob, 'third', 1);
        hostKeys = await scanHostKeys();
        expect(hostKeys.match(/ssh-|ecdsa-/g)).toHaveLength(3);
      });

      it('the recovery identity is created, stored elsewhere, confirmed and split', async () => {
        expect(await status()).toMatchObject({
          recipients: [],
          copy: { none: 'no-recipient', isCurrent: false },
        });
        await cliOk('recovery', 'init', '--identity-out', at('recovery.txt'));
        await cliOk('recovery', 'init', '--confirm-file', at('recovery.txt'));
        const second = await gateway.cli(['recovery', 'init', '--identity-out', at('another.txt')]);
        expect(second).toMatchObject({ code: 4, stderr: expect.stringContaining('--another') });
        mkdirSync(at('shares'));
        const split = ['--shares', '3', '--threshold', '2', '--identity', at('recovery.txt')];
        const shares = (await cliOk('key', 'split', ...split, '--out-dir', at('shares'))).trim().split('\n');
        expect(shares).toHaveLength(3);
        renameSync(shares[2] ?? '', at('share'));
        renameSync(shares[0] ?? '', at('other-share'));
        rmSync(shares[1] ?? '');
      });

      it('the gateway soon copies a change made by a command to the bucket', async () => {
        await expectCopied(async () => {
          users.push(await gateway.addUser('dave'));
        });
        for (const dave of users.slice(-1)) await upload(dave, 'last', 12_345);
        expect(await status()).toMatchObject({ keys: 5, recoverableKeys: 5, problems: [] });
      });

      it('no user sees files of the copy', async () => {
        for (const user of users)
          expect(await user.sftpOk('ls -la /\nls -la /uploads')).not.toContain('.sftpgw');
      });

      it.skipIf(withoutAge !== null)(
        'the age program decrypts a key file, and the key decrypts the object',
        async () => {
          const keys = join(gateway.root, 'opt/sftpgw/keys');
          const path = `${gateway.root}/home/alice/.sftpgateway/sse.key`;
          const id = fingerprintOf(readFileSync(path));
          await runOk('age', [
            '-d',
            '-i',
            at('recovery.txt'),
            '-o',
            at('alice.key'),
            join(keys, `${id}.age`),
          ]);
          expect(readFileSync(at('alice.key'))).toEqual(readFileSync(path));
          const key = [
            '--sse-customer-algorithm',
            'AES256',
            '--sse-customer-key',
            `fileb://${at('alice.key')}`,
          ];
          const object = ['--bucket', bucket, '--key', 'alice/uploads/hers', at('hers')];
          const { accessKeyId, secretAccessKey } = target.credentials;
          const env = {
            ...process.env,
            AWS_ACCESS_KEY_ID: accessKeyId,
            AWS_SECRET_ACCESS_KEY: secretAccessKey,
            AWS_DEFAULT_REGION: target.region,
            ...(target.caFile === null ? {} : { AWS_CA_BUNDLE: target.caFile }),
          };
          await runOk('aws', ['--endpoint-url', target.endpoint, 's3api', 'get-object', ...key, ...object], {
            env,
          });
          expect(readFileSync(at('hers')).equals(files.get('alice/hers') ?? Buffer.alloc(0))).toBe(true);
        },
      );

      it('the machine is lost', async () => {
        await gateway.end('SIGKILL');
        rmSync(gateway.root, { recursive: true });
        rmSync(at('recovery.txt'));
      });

      it('another identity restores nothing, and the root stays empty', async () => {
        await runOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('no-identity')]);
        const wrong = await gateway.cli(['recover', ...reach(), '--identity', at('no-identity')]);
        expect(wrong).toMatchObject({
          code: 2,
          stderr: expect.stringContaining('no-identity: an age identity is'),
        });
        const nobody = 'AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JSG8DKE';
        writeFileSync(at('mistyped'), nobody);
        expect(await gateway.cli(['recover', ...reach(), '--identity', at('mistyped')])).toMatchObject({
          code: 2,
        });
        expect(existsSync(join(gateway.root, 'home'))).toBe(false);
      });

      it('two shares and the bucket restore the machine', async () => {
        const { stdout: joined } = await runOk(process.execPath, [
          ...[join(import.meta.dirname, '../../dist/bin/sftpgw.js'), 'key', 'join'],
          ...[at('share'), at('other-share')],
        ]);
        const { code, stdout, stderr } = await gateway.cli(['recover', ...reach(), '--identity', '-'], {
          input: joined,
        });
        expect(`${code} ${stderr}`).toBe('0 ');
        expect(stdout).toMatch(/users: 4: alice, bob, carol, dave/);
        expect(stdout).toMatch(/keys: 5, sealed to the new gateway identity/);
        expect(stdout).toMatch(/ledger: \d+ object versions$/m);
        expect(stdout).not.toContain('AGE-SECRET-KEY');
        const again = await gateway.cli(['recover', ...reach(), '--identity', '-'], { input: joined });
        expect(again).toMatchObject({ code: 6, stderr: expect.stringContaining('--force') });
      });

      it('every object of every user can be read over SFTP, byte for byte, with the same host keys', async () => {
        await gateway.serve();
        expect(await scanHostKeys()).toBe(hostKeys);
        for (const user of users) {
          for (const [name, content] of files) {
            if (!name.startsWith(`${user.name}/`)) continue;
            const path = at('fetched');
            await user.sftpOk(`get /uploads/${name.slice(user.name.length + 1)} ${path}`);
            expect([name, readFileSync(path).equals(content)]).toEqual([name, true]);
          }
        }
        expect(files.size).toBe(7);
      });

      it('the recovered machine accepts uploads and is copied to the bucket', async () => {
        for (const bob of users.slice(0, 1)) {
          await upload(bob, 'after', 10);
          await expectCopied(() => cliOk('user', 'add', 'bob', '--generate-sse-key'));
        }
        expect(await status()).toMatchObject({
          keys: 6,
          recoverableKeys: 6,
          problems: [],
          copy: { failure: null },
        });
      });
    },
  );
}

function fingerprintOf(key: Uint8Array): string {
  const hash = createHash('sha256').update('sftpgw customer key fingerprint v1\0').update(key);
  return hash.digest('hex').slice(0, 32);
}
