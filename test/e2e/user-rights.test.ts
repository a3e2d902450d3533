import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOk } from '../support/command.js';
import type { Gateway } from '../support/gateway.js';
import { type BucketAccess, customerKeyArguments, gatewayTargets } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';

const programs = missing('sftp', 'ssh-keygen', 'aws');
const noLftp = missing('lftp');

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(
    `rights and exclusions of users on ${target.name}${skip ? ` (${skip})` : ''}`,
    () => {
      let gateway: Gateway;
      let s3: BucketAccess;

      beforeAll(async () => {
        gateway = await target.start();
        s3 = await target.access(gateway);
      });
      afterAll(async () => {
        await gateway?.[Symbol.asyncDispose]();
      });

      function source(name: string, content: Uint8Array | string): string {
        const path = join(gateway.work, name);
        writeFileSync(path, content);
        return path;
      }

      async function keysBelow(prefix: string): Promise<readonly string[]> {
        const listed = await s3.s3api('list-objects-v2', '--prefix', prefix, '--query', 'Contents[].Key');
        const keys = JSON.parse(listed.stdout || 'null') as string[] | null;
        return (keys ?? []).map((key) => key.slice(prefix.length));
      }

      it('a user with the rights to list and to create adds files, and changes none', async () => {
        const alice = await gateway.addUser('alice', ['--rights', 'list,create']);
        const [first, second] = [source('first', 'first'), source('second', 'second')];
        await alice.sftpOk(`put ${first} /uploads/a\nls /uploads\nput -p ${second} /uploads/b`);
        for (const refused of [
          `put ${second} /uploads/a`,
          `get /uploads/a ${join(gateway.work, 'back')}`,
          'rm /uploads/a',
          'rename /uploads/a /uploads/c',
        ]) {
          const { code, stderr } = await alice.sftp(refused);
          expect(code, refused).not.toBe(0);
          expect(stderr, refused).toMatch(/denied/i);
        }
        expect(await keysBelow('alice/uploads/')).toEqual(['a', 'b']);
      });

      it('changed rights count at the next request, and addsftpuser shows them', async () => {
        const bob = await gateway.addUser('bob');
        const file = source('file', 'x');
        await bob.sftpOk(`put ${file} /uploads/a`);
        const changed = await gateway.cli(['user', 'add', 'bob', '--rights', 'dropbox']);
        expect(changed.stdout).toContain('rights: all -> dropbox');
        expect((await bob.sftp('ls /uploads')).code).not.toBe(0);
        await bob.sftpOk(`put ${file} /uploads/b`);
        expect((await gateway.cli(['user', 'add', 'bob', '--rights', 'write'])).stderr).toMatch(
          /must be all, none, dropbox, or some of list/,
        );
        await gateway.cli(['user', 'add', 'bob', '--rights', 'all']);
        expect(await bob.sftpOk('ls /uploads')).toMatch(/b/);
      });

      it('a file under an excluded name appears in S3 under its final name only, also after a crash', async () => {
        const carol = await gateway.addUser('carol');
        await gateway.cli(['user', 'add', 'carol', '--exclusions', 'filepart,.in.*,*.????????.partial']);
        const files = { small: source('small', 'testing'), empty: source('empty', '') };
        const large = source('large', randomBytes(21 * 1024 * 1024 + 5));
        const all = Object.entries({ ...files, large });
        await carol.sftpOk(all.map(([name, path]) => `put -p ${path} /uploads/${name}.filepart`).join('\n'));
        expect(await keysBelow('carol/uploads/')).toEqual([]);
        await gateway.end('SIGKILL');
        await gateway.serve();
        const listing = await carol.sftpOk('ls -l /uploads');
        expect(listing).toMatch(new RegExp(`${21 * 1024 * 1024 + 5} .*large\\.filepart`));
        await carol.sftpOk(
          all.map(([name]) => `rename /uploads/${name}.filepart /uploads/${name}`).join('\n'),
        );
        expect(await keysBelow('carol/uploads/')).toEqual(['empty', 'large', 'small']);
        for (const [name, path] of all) {
          const back = join(gateway.work, 'back');
          const key = `carol/uploads/${name}`;
          const got = await s3.s3api('get-object', '--key', key, ...customerKeyArguments(carol), back);
          expect(got.code, got.stderr).toBe(0);
          expect(readFileSync(back).equals(readFileSync(path)), name).toBe(true);
        }
      });

      it.skipIf(noLftp !== null)(`lftp uploads under its temporary names${noLftp ?? ''}`, async () => {
        const dave = await gateway.addUser('dave', ['--sse', '1', '--exclusions', '.in.*']);
        const file = source('report', 'content');
        const script = [
          'set cmd:fail-exit yes; set xfer:use-temp-file yes',
          `set sftp:connect-program "ssh -a -x ${dave.sshOptions.join(' ')}"`,
          `open -u dave,x sftp://127.0.0.1:${gateway.sftpPort}`,
          `put -O /uploads ${file}`,
          `put -O /uploads ${file}`,
          'bye',
        ];
        await runOk('lftp', ['-c', script.join('; ')], { timeoutMs: 60_000 });
        expect(await keysBelow('dave/uploads/')).toEqual(['report']);
      });
    },
  );
}
