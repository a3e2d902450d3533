import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, runOk } from '../support/command.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { gatewayTargets } from '../support/gateway-targets.js';
import { findProgram } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const absent = ['sshfs', 'fusermount3', 'python3'].filter((name) => findProgram(name) === null);
// Containers often have no FUSE, in CI too.
const noSshfs = existsSync('/dev/fuse') && absent.length === 0 ? null : 'no sshfs, or no /dev/fuse';

for (const target of await gatewayTargets()) {
  const skip = target.skip ?? noSshfs;
  describe.skipIf(skip !== null)(`sshfs against ${target.name}${skip ? ` (${skip})` : ''}`, () => {
    let gateway: Gateway;
    let user: TestUser;
    let mounted: string;
    let isMounted = false;

    beforeAll(async () => {
      gateway = await target.start();
      user = await gateway.addUser('dora');
      mounted = join(gateway.work, 'mounted');
      mkdirSync(mounted);
      // sshfs knows only ssh's -o options and its port.
      const others = user.sshOptions.slice(user.sshOptions.indexOf(user.identity) + 1);
      const options = ['-o', `IdentityFile=${user.identity}`, ...others, '-p', String(gateway.sftpPort)];
      // Programs see at once what others have changed.
      const fresh = ['-o', 'dir_cache=no', '-o', 'auto_cache'];
      await runOk('sshfs', [...options, ...fresh, 'dora@127.0.0.1:/', mounted]);
      isMounted = true;
    });
    afterAll(async () => {
      if (isMounted) await run('fusermount3', ['-u', '-z', mounted]);
      await gateway?.[Symbol.asyncDispose]();
    });

    const python = (script: string, ...args: readonly string[]) =>
      run('python3', ['-c', script, ...args], { timeoutMs: 60_000 });

    it.each(['uploads', 'local'])(
      'lets a program read, change and write a whole file in /%s',
      async (name) => {
        const path = join(mounted, name, 'whole');
        writeFileSync(path, 'some content that becomes shorter');
        const script = `
import sys
with open(sys.argv[1], 'r+') as f:
    text = f.read()
    f.seek(0)
    f.write(text.upper()[:12])
    f.truncate()
print(len(text))`;
        expect(await python(script, path)).toMatchObject({ code: 0, stdout: '33\n' });
        expect(readFileSync(path, 'utf8')).toBe('SOME CONTENT');
      },
    );

    it.each(['uploads', 'local'])(
      'lets a program change a part of a file in /%s, and cut it',
      async (name) => {
        const path = join(mounted, name, 'part');
        writeFileSync(path, 'some content');
        const script = `
import os, sys
f = os.open(sys.argv[1], os.O_RDWR)
assert os.read(f, 100) == b'some content'
os.pwrite(f, b'X', 5)
os.fsync(f)
assert os.pread(f, 100, 0) == b'some Xontent'
os.ftruncate(f, 8)
os.close(f)`;
        expect(await python(script, path)).toMatchObject({ code: 0, stderr: '' });
        // The kernel of the client may still show its own copy, and sshfs sends CLOSE after close() has returned.
        const back = join(gateway.work, `part-${name}`);
        const stored = (text: string) =>
          eventually(`the file has the content ${JSON.stringify(text)}`, async () => {
            await user.sftpOk(`get /${name}/part ${back}`);
            return readFileSync(back, 'utf8') === text;
          });
        await stored('some Xon');
      },
    );

    it.each(['uploads', 'local'])(
      'keeps changes of a file in /%s that follow each other at once',
      async (name) => {
        const path = join(mounted, name, 'hasty');
        const back = join(gateway.work, `hasty-${name}`);
        for (let round = 1; round <= 10; round += 1) {
          writeFileSync(path, 'some content');
          await runOk('truncate', ['-s', '5', path]);
          await runOk('truncate', ['-s', '8', path]);
          await runOk('sh', ['-c', 'printf X | dd of="$0" bs=1 seek=1 conv=notrunc status=none', path]);
          // sshfs sends CLOSE after close() has returned.
          await eventually(`round ${round} is stored`, async () => {
            await user.sftpOk(`get /${name}/hasty ${back}`);
            return readFileSync(back, 'utf8') === 'sXme \0\0\0';
          });
        }
      },
    );

    it.each(['uploads', 'local'])('appends in /%s', async (name) => {
      const path = join(mounted, name, 'log');
      for (const line of ['one', 'two', 'three']) await runOk('sh', ['-c', `echo ${line} >> "$0"`, path]);
      expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\n');
    });

    it.each(['uploads', 'local'])('runs a database in /%s', async (name) => {
      const script = `
import os, sqlite3, sys
path = os.path.join(sys.argv[1], 'base')
for round in range(3):
    base = sqlite3.connect(path)
    base.execute('create table if not exists t (a)')
    base.executemany('insert into t values (?)', [(n,) for n in range(1000)])
    base.commit()
    base.execute('delete from t where a % 2 = 1')
    base.commit()
    base.close()
base = sqlite3.connect(path)
assert base.execute('select count(*) from t').fetchone() == (1500,)
assert base.execute('pragma integrity_check').fetchone() == ('ok',)
base.close()`;
      expect(await python(script, join(mounted, name))).toMatchObject({ code: 0, stderr: '' });
    });

    it('links files in /local', async () => {
      const path = join(mounted, 'local', 'linked');
      writeFileSync(path, 'content');
      await runOk('ln', [path, `${path}.link`]);
      expect(readFileSync(`${path}.link`, 'utf8')).toBe('content');
    });
  });
}
