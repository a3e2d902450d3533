import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CustomerKey } from '../../src/model/customer-key.js';
import type { CommandOptions, Finished } from '../support/command.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { type BucketAccess, customerKeyArguments, gatewayTargets } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';

const programs = missing('aws', 'ssh-keygen', 'sftp');

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(`objects in ${target.name}${skip ? ` (${skip})` : ''}`, () => {
    let gateway: Gateway;
    let bucket: BucketAccess;
    let bob: TestUser;
    let ann: TestUser;

    beforeAll(async () => {
      gateway = await target.start();
      bucket = await target.access(gateway);
      [bob, ann] = await Promise.all([gateway.addUser('bob'), gateway.addUser('ann')]);
    });
    afterAll(() => gateway?.[Symbol.asyncDispose]());

    const url = (key: string) => `s3://${bucket.bucket}/${key}`;
    const object = (args: readonly string[], options?: CommandOptions): Promise<Finished> =>
      gateway.cli(['object', ...args], options);
    const ok = async (args: readonly string[], options?: CommandOptions): Promise<string> => {
      const { code, stdout, stderr } = await object(args, options);
      expect(code, `${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
      return stdout;
    };
    const file = (name: string, content: Buffer | string): string => {
      const path = join(gateway.work, name);
      writeFileSync(path, content);
      return path;
    };
    /** Runs `aws s3api head-object` with this user's key. */
    const headAs = (user: TestUser, key: string) =>
      bucket.s3api('head-object', '--key', key, ...customerKeyArguments(user));
    const idOf = (user: TestUser) => CustomerKey.fromBytes(user.key).fingerprint;

    it('are put, listed, shown and fetched with the key of the user who owns the prefix', async () => {
      const content = randomBytes(18_000_000);
      await Promise.all([
        ok(['put', file('large', content), url('bob/uploads/')]),
        ok(['put', '-', url('ann/uploads/note')], { input: 'from a pipe' }),
      ]);
      expect((await headAs(bob, 'bob/uploads/large')).code).toBe(0);
      expect((await headAs(ann, 'bob/uploads/large')).code).not.toBe(0);
      const entries = JSON.parse(await ok(['ls', '-r', url(''), '--json'])) as Record<string, unknown>[];
      expect(entries.map(({ key, encryption }) => ({ key, encryption }))).toMatchObject([
        { key: 'ann/uploads/note', encryption: { kind: 'sse-c', keyId: idOf(ann), source: 'ledger' } },
        { key: 'bob/uploads/large', encryption: { kind: 'sse-c', keyId: idOf(bob), source: 'ledger' } },
      ]);
      const status = JSON.parse(await ok(['stat', url('bob/uploads/large'), '--json'])) as object;
      expect(status).toMatchObject({ size: content.byteLength, writer: { actor: 'object put' } });
      const fetched = join(gateway.work, 'large.back');
      await ok(['get', url('bob/uploads/large'), fetched]);
      expect(readFileSync(fetched).equals(content)).toBe(true);
      expect(await ok(['get', url('ann/uploads/note'), '-'])).toBe('from a pipe');
      const again = await object(['get', url('ann/uploads/note'), fetched]);
      expect([again.code, again.stdout]).toEqual([4, '']);
    });

    it('are refused if nothing determines their encryption', async () => {
      const refused = await object(['put', file('x', 'x'), url('elsewhere/x')]);
      expect([refused.code, refused.stdout]).toEqual([2, '']);
      expect(refused.stderr).toMatch(/no setting determines the encryption of .*elsewhere\/x; add --sse/);
      await ok(['put', file('x', 'x'), url('elsewhere/x'), '--sse', '3', '--key', idOf(ann).slice(0, 12)]);
      expect((await headAs(ann, 'elsewhere/x')).code).toBe(0);
      await ok(['rm', url('elsewhere/x')]);
    });

    it('are copied and moved between users: the target’s key, the content verified, the source removed last', async () => {
      const content = randomBytes(300_000);
      await ok(['put', file('medium', content), url('bob/uploads/medium')]);
      await ok(['cp', url('bob/uploads/medium'), url('ann/uploads/copied')]);
      expect((await headAs(ann, 'ann/uploads/copied')).code).toBe(0);
      expect((await headAs(bob, 'bob/uploads/medium')).code).toBe(0);
      expect(await ok(['cp', url('bob/uploads/medium'), url('ann/uploads/copied')])).toMatch(/^unchanged/);
      await ok(['mv', url('bob/uploads/medium'), url('archive/')]);
      expect((await headAs(bob, 'archive/medium')).code).toBe(0);
      expect((await headAs(bob, 'bob/uploads/medium')).code).not.toBe(0);
      const back = join(gateway.work, 'medium.back');
      await ok(['get', url('ann/uploads/copied'), back]);
      expect(readFileSync(back).equals(content)).toBe(true);
      const less = await object(['cp', url('archive/medium'), url('archive/plain'), '--sse', '1']);
      expect([less.code, less.stderr]).toEqual([5, expect.stringMatching(/weaker than the source's/)]);
    });

    it('are processed as trees: failures are named, the rest continues, and a second run changes nothing', async () => {
      mkdirSync(join(gateway.work, 'tree/sub'), { recursive: true });
      for (const name of ['a', 'b', 'sub/c']) file(`tree/${name}`, name);
      expect(await ok(['put', '-r', join(gateway.work, 'tree'), url('bob/uploads/tree')])).toMatch(
        /^stored 3 /,
      );
      // An object of another client, with an unknown key.
      const strange = file('strange.key', randomBytes(32));
      const stored = await bucket.s3api(
        ...['put-object', '--key', 'bob/uploads/tree/strange', '--body', file('s', 's')],
        ...['--sse-customer-algorithm', 'AES256', '--sse-customer-key', `fileb://${strange}`],
      );
      expect(stored.code, stored.stderr).toBe(0);
      const args = ['cp', '-r', url('bob/uploads/tree'), url('ann/uploads/tree')];
      const copied = await object(args);
      expect([copied.code, copied.stdout]).toEqual([7, expect.stringMatching(/^copied 3 .*, 1 failed\n$/)]);
      expect(copied.stderr).toContain(`${url('bob/uploads/tree/strange')}: none of the available keys opens`);
      expect((await headAs(ann, 'ann/uploads/tree/sub/c')).code).toBe(0);
      expect((await object(args)).stdout).toBe('copied 0, 3 unchanged, 1 failed\n');
      const fetched = join(gateway.work, 'fetched');
      await ok(['get', '-r', url('ann/uploads/tree'), fetched]);
      expect(readFileSync(join(fetched, 'sub/c'), 'utf8')).toBe('sub/c');
      const listed = await ok(['ls', url('bob/uploads/tree/')]);
      expect(listed).toMatch(/SSE-C +unknown key +bob\/uploads\/tree\/strange\n/);
      expect(listed).toMatch(/DIR +bob\/uploads\/tree\/sub\/\n/);
      expect((await object(['rm', '-r', url('bob/uploads/tree')])).code).toBe(2);
      expect(await ok(['rm', '-r', url('bob/uploads/tree'), '--yes'])).toBe('removed 4\n');
      expect(await ok(['ls', '-r', url('bob/uploads/tree'), '--json'])).toBe('[]\n');
    });

    it('of the gateway itself are not touched', async () => {
      const key = '.sftpgw/keyring/kept';
      const stored = await bucket.s3api('put-object', '--key', key, '--body', file('kept', 'kept'));
      expect(stored.code, stored.stderr).toBe(0);
      const refused = await Promise.all([
        object(['rm', url(key)]),
        object(['mv', url(key), url('bob/uploads/kept')]),
        object(['put', file('other', 'other'), url(key), '--sse', '1']),
      ]);
      for (const { code, stderr } of refused) {
        expect([code, stderr]).toEqual([5, expect.stringContaining('--gateway-files')]);
      }
      await ok(['rm', url(key), '--gateway-files']);
    });

    it('from SFTP clients are in the same ledger, and the reverse', async () => {
      await bob.sftpOk(`put ${file('sftp', 'through sftp')} /uploads/sftp`);
      const status = JSON.parse(await ok(['stat', url('bob/uploads/sftp'), '--json'])) as object;
      expect(status).toMatchObject({ writer: { actor: 'bob' }, encryption: { keyId: idOf(bob) } });
      await ok(['mv', url('bob/uploads/sftp'), url('bob/uploads/moved')]);
      const back = join(gateway.work, 'moved.back');
      await bob.sftpOk(`get /uploads/moved ${back}`);
      expect(readFileSync(back, 'utf8')).toBe('through sftp');
      expect(existsSync(join(gateway.root, 'var/lib/sftpgw/commands'))).toBe(true);
    });
  });
}
