import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { customerKeyArguments, gatewayTargets } from '../support/gateway-targets.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const programs = missing('sftp', 'ssh-keygen', 'aws');

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? programs;
  describe.skipIf(skip !== null)(`downloads from ${target.name}${skip ? ` (${skip})` : ''}`, () => {
    it('shows new objects of the download prefix and of shared/ decrypted, and removes removed ones', async () => {
      await using gateway = await target.start({
        properties: { 'mirror.interval': '500ms', 'mirror.idle.interval': '500ms' },
      });
      const s3 = await target.access(gateway);
      const user = await gateway.addUser('greta', ['--sse', '1', '--downloads', '--shared']);
      const places = [
        {
          home: 'home/greta',
          key: 'greta/downloads/a/test.txt',
          file: 'home/greta/home/greta/downloads/a/test.txt',
          seen: '/downloads/a/test.txt',
        },
        {
          home: 'root',
          key: 'shared/test.txt',
          file: 'opt/sftpgw/shared/test.txt',
          seen: '/shared/test.txt',
        },
      ];
      const body = join(gateway.work, 'test.txt');
      writeFileSync(body, 'testing123\n');
      for (const { home, key, file, seen } of places) {
        const settings = join(gateway.root, home, '.sftpgateway');
        mkdirSync(settings, { recursive: true, mode: 0o700 });
        appendFileSync(join(settings, 'user.properties'), 'sse.sync.option=3\n');
        writeFileSync(join(settings, 'sse-sync.key'), user.key, { mode: 0o600 });
        const put = await s3.s3api('put-object', '--key', key, '--body', body, ...customerKeyArguments(user));
        expect(put.code, put.stderr).toBe(0);
        const path = join(gateway.root, file);
        await eventually(`${seen} exists`, () => existsSync(path));
        expect(readFileSync(path, 'utf8')).toBe('testing123\n');
        const back = join(gateway.work, 'back');
        await user.sftpOk(`get ${seen} ${back}`);
        expect(readFileSync(back, 'utf8')).toBe('testing123\n');
        expect((await user.sftp(`put ${body} ${seen}`)).code, 'users only read').not.toBe(0);
        expect((await s3.s3api('delete-object', '--key', key)).code).toBe(0);
        await eventually(`${seen} is removed`, () => !existsSync(path));
      }
    });
  });
}
