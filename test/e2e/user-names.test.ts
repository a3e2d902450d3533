import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/command.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { missing } from '../support/tools.js';

const skip = missing('sftp', 'ssh-keygen');

describe.skipIf(skip !== null)(`user names${skip ?? ''}`, () => {
  let gateway: Gateway;

  beforeAll(async () => {
    gateway = await Gateway.start({ s3: null });
  });
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
  });

  /** Runs a batch with OpenSSH's `sftp` under a spelling of the user's name. */
  const sftpAs = (user: TestUser, name: string, batch: string) => {
    const args = ['-q', '-b', '-', ...user.sshOptions, '-P', String(gateway.sftpPort)];
    return run('sftp', [...args, `${name}@127.0.0.1`], { input: `${batch}\n` });
  };

  it.each([
    ['Bob.Smith+ftp@Example.com', 'bob.smith+ftp@example.com', 'bob.smith+FTP@example.COM'],
    ['CORP\\Bob', 'corp~bob', 'corp\\BOB'],
  ])('%s has the directories and prefixes of %s, and logs in in any case', async (given, name, other) => {
    const user = await gateway.addUser(given);
    const file = join(gateway.work, 'content');
    writeFileSync(file, name);
    for (const spelling of [given, name, other]) {
      const sent = await sftpAs(user, spelling, `put ${file} /uploads/f\nput ${file} /local/g\nls /uploads`);
      expect(sent).toMatchObject({ code: 0, stderr: '' });
    }
    expect(readFileSync(join(gateway.root, 'home', name, 'home', name, 'local/g'), 'utf8')).toBe(name);
    expect((await gateway.cli(['user', 'list'])).stdout).toContain(name);
    expect((await gateway.cli(['user', 'show', given])).stdout).toContain(`${name}/uploads/`);
    expect((await gateway.cli(['object', 'ls', `s3://sftpgw/${name}/uploads/`])).stdout).toContain(
      `${name}/uploads/f`,
    );
    expect(gateway.output).toContain(`"user":"${name}"`);
    expect(gateway.output).not.toContain(`"user":"${given}"`);
    const again = await gateway.cli(['user', 'add', other, '--acl', '1']);
    expect(again.code, again.stderr).toBe(0);
    const removed = await gateway.cli(['user', 'remove', other, '--yes']);
    expect(removed.code, removed.stderr).toBe(0);
    expect(existsSync(join(gateway.root, 'home', name))).toBe(false);
    expect((await sftpAs(user, given, 'ls')).code).not.toBe(0);
  });

  it('that only look like another one are refused', async () => {
    for (const name of ['b\u043eb@example.com', 'bob@example.com/..', 'a\\..', '..\\a', 'a\\b\\c']) {
      const added = await gateway.cli(['user', 'add', name, '--sse', '1']);
      expect(added.code).not.toBe(0);
      expect(added.stderr).toContain('invalid user name');
    }
  });
});
