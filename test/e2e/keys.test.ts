import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runOk } from '../support/command.js';
import type { Gateway } from '../support/gateway.js';
import { gatewayTargets } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';

const programs = missing('sftp', 'ssh-keygen', 'age', 'age-keygen', 'aws');

async function ok(gateway: Gateway, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await gateway.cli(args);
  expect(code, stderr).toBe(0);
  return stdout;
}

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(`keys of the keyring over ${target.name}${skip ? ` (${skip})` : ''}`, () => {
    it('encrypt uploads without a restart or a key file, can be decrypted with age, and are destroyed only if unused', async () => {
      await using gateway = await target.start({});
      const user = await gateway.addUser('bob');
      expect((await gateway.cli(['key', 'list'])).stderr).toContain('no recovery recipient exists');
      const source = join(gateway.work, 'source');
      writeFileSync(source, 'sealed');
      await user.sftpOk(`put ${source} /uploads/before`);

      const made = JSON.parse(await ok(gateway, 'key', 'generate', '--user', 'bob', '--json'));
      const identity = join(gateway.work, 'recovery.txt');
      await runOk('age-keygen', ['-o', identity]);
      const recipients = join(gateway.root, 'opt/sftpgw/keys/recovery-recipients.txt');
      writeFileSync(recipients, (await runOk('age-keygen', ['-y', identity])).stdout, { mode: 0o600 });
      await ok(gateway, 'key', 'use', made.id, '--user', 'bob');
      await user.sftpOk(`put ${source} /uploads/after\nget /uploads/before ${source}.before`);
      expect(readFileSync(`${source}.before`, 'utf8')).toBe('sealed');
      const access = await target.access(gateway);
      const url = `s3://${access.bucket}/bob/uploads/after`;
      expect(await ok(gateway, 'object', 'stat', url)).toContain(made.id);

      // Without the gateway, the sealed file and the age program are enough.
      const sealed = join(gateway.root, `opt/sftpgw/keys/${made.id}.age`);
      await ok(gateway, 'key', 'generate');
      await runOk('age', ['-d', '-i', identity, '-o', join(gateway.work, 'raw'), sealed]);
      const got = await access.s3api(
        ...['get-object', '--bucket', access.bucket, '--key', 'bob/uploads/after'],
        ...['--sse-customer-algorithm', 'AES256', '--sse-customer-key', `fileb://${gateway.work}/raw`],
        `${source}.got`,
      );
      expect(got.code, got.stderr).toBe(0);
      expect(readFileSync(`${source}.got`, 'utf8')).toBe('sealed');

      const inUse = await gateway.cli(['key', 'destroy', made.id, '--yes']);
      expect(inUse).toMatchObject({ code: 6, stderr: expect.stringContaining('the uploads of bob') });
      const other = JSON.parse(await ok(gateway, 'key', 'generate', '--user', 'bob', '--json'));
      await ok(gateway, 'key', 'use', other.id, '--user', 'bob');
      await ok(gateway, 'key', 'retire', made.id);
      const needed = await gateway.cli(['key', 'destroy', made.id, '--yes']);
      expect(needed).toMatchObject({ code: 6, stdout: expect.stringContaining(url) });
      expect(existsSync(sealed)).toBe(true);
      await user.sftpOk('rm /uploads/after');
      expect(await ok(gateway, 'key', 'destroy', made.id, '--yes')).toContain('is destroyed');
      expect(existsSync(sealed)).toBe(false);
      expect(JSON.parse(await ok(gateway, 'key', 'show', made.id, '--json'))).toMatchObject({
        state: 'destroyed',
      });
    });
  });
}
