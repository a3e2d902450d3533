import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, runOk } from '../support/command.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { gatewayTargets } from '../support/gateway-targets.js';
import { findProgram } from '../support/tools.js';

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

    it('reports the change of a part of a file in /uploads, and keeps the file', async () => {
      const path = join(mounted, 'uploads', 'part');
      writeFileSync(path, 'some content');
      const script = `
import os, sys
f = os.open(sys.argv[1], os.O_RDWR)
assert os.read(f, 100) == b'some content'
os.pwrite(f, b'X', 5)
os.close(f)`;
      expect((await python(script, path)).code).not.toBe(0);
      // The kernel of the client may still show the change.
      const back = join(gateway.work, 'part');
      await user.sftpOk(`get /uploads/part ${back}`);
      expect(readFileSync(back, 'utf8')).toBe('some content');
    });

    it.each(['uploads', 'local'])('appends in /%s', async (name) => {
      const path = join(mounted, name, 'log');
      for (const line of ['one', 'two', 'three']) await runOk('sh', ['-c', `echo ${line} >> "$0"`, path]);
      expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\n');
    });

    it('runs a database in /local, and links files', async () => {
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
base.close()
os.link(path, path + '.link')
assert os.stat(path + '.link').st_size == os.stat(path).st_size`;
      expect(await python(script, join(mounted, 'local'))).toMatchObject({ code: 0, stderr: '' });
    });
  });
}
