import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReplicatedWorld, settingsPath, type TestNode } from './testing/replicated-world.js';

let world: ReplicatedWorld;
let a: TestNode;
let b: TestNode;

beforeEach(async () => {
  world = await ReplicatedWorld.open();
  [a, b] = [world.node('a'), world.node('b')];
});
afterEach(() => world[Symbol.asyncDispose]());

function keyDescription(id: string, state: 'active' | 'destroyed'): string {
  const now = new Date().toISOString();
  return JSON.stringify({
    ...{ format: 1, id, md5: `${'A'.repeat(22)}==`, label: '', owner: { kind: 'none' }, origin: 'found' },
    ...{ created: now, state, stateChanged: now, sealedTo: [] },
  });
}

const settingsOf = (name: string) => `home/${name}/.sftpgateway/user.properties`;

async function shareUser(): Promise<void> {
  a.addUser('bob');
  await a.sync();
  await b.sync();
}

describe('the files of two nodes', () => {
  it('become the same: users, keys, settings and host keys', async () => {
    const key = randomBytes(32);
    a.addUser('bob');
    a.write('home/bob/.sftpgateway/sse.key', key);
    a.write(`opt/sftpgw/keys/${'0'.repeat(32)}.age`, 'age-encryption.org/v1\n');
    a.write('var/lib/sftpgw/host-keys/ssh_host_ed25519_key', '-----BEGIN OPENSSH PRIVATE KEY-----\n');
    a.write('var/lib/sftpgw/metrics.token', 'secret\n');
    a.write(settingsPath, 'bucket=files\nsftp.listen=127.0.0.1:1\n');
    b.write(settingsPath, 'sftp.listen=127.0.0.1:2\n');
    await a.sync();
    const { report } = await b.sync();
    expect(report.problems).toEqual([]);
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=1\n');
    expect(await b.read('home/bob/.sftpgateway/sse.key')).toBe(key.toString('utf8'));
    expect(await b.read(`opt/sftpgw/keys/${'0'.repeat(32)}.age`)).toBe('age-encryption.org/v1\n');
    expect(await b.read('var/lib/sftpgw/metrics.token')).toBe('secret\n');
    expect(await b.read(settingsPath)).toBe('bucket=files\nsftp.listen=127.0.0.1:2\n');
    expect(await b.mode('home/bob/.sftpgateway/sse.key')).toBe(0o600);
    expect(await b.mode('home/bob/.sftpgateway')).toBe(0o700);
    expect(await b.mode(settingsPath)).toBe(0o644);
    expect(existsSync(join(b.root, 'home/bob/home/bob/downloads'))).toBe(true);
    expect(await a.read(settingsPath)).toBe('bucket=files\nsftp.listen=127.0.0.1:1\n');
  });

  it('follow each change, whichever node makes it', async () => {
    await shareUser();
    b.write(settingsOf('bob'), 'sse.option=4\n');
    await b.sync();
    await a.sync();
    expect(await a.read(settingsOf('bob'))).toBe('sse.option=4\n');
    b.remove('home/bob/.ssh/authorized_keys');
    await b.sync();
    await a.sync();
    expect(await a.read('home/bob/.ssh/authorized_keys')).toBe(null);
  });

  it('keep the first of two changes, and the second one beside it', async () => {
    await shareUser();
    a.write(settingsOf('bob'), 'sse.option=4\n');
    b.write(settingsOf('bob'), 'sse.option=2\nsse.kms.key.arn=k\n');
    await a.sync();
    const { report } = await b.sync();
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=4\n');
    expect(await b.read(`${settingsOf('bob')}.conflict`)).toBe('sse.option=2\nsse.kms.key.arn=k\n');
    expect(report.conflicts).toEqual([`${settingsOf('bob')}.conflict`]);
    b.remove(`${settingsOf('bob')}.conflict`);
    expect((await b.sync()).report.conflicts).toEqual([]);
    await a.sync();
    expect(await a.read(`${settingsOf('bob')}.conflict`)).toBe(null);
  });

  it('keep no copy of a sealed key that another node has removed', async () => {
    const path = `opt/sftpgw/keys/${'1'.repeat(32)}.age`;
    a.write(path, 'age-encryption.org/v1\n');
    await a.sync();
    await b.sync();
    a.write(path.replace('age', 'json'), keyDescription('1'.repeat(32), 'destroyed'));
    a.remove(path);
    b.write(path, 'age-encryption.org/v1\nagain\n');
    await a.sync();
    await b.sync();
    expect(readdirSync(join(b.root, 'opt/sftpgw/keys'))).toEqual([`${'1'.repeat(32)}.json`]);
  });

  it('lose a removed user on both, whose home is kept with the removed ones', async () => {
    await shareUser();
    b.write('home/bob/home/bob/local/note', 'mine');
    a.remove('home/bob');
    await a.sync();
    await b.sync();
    expect(existsSync(join(b.root, 'home/bob'))).toBe(false);
    const [removed = ''] = readdirSync(join(b.root, 'var/lib/sftpgw/removed'));
    expect(await b.read(`var/lib/sftpgw/removed/${removed}/home/bob/local/note`)).toBe('mine');
    // Neither brings the user back.
    await b.sync();
    await a.sync();
    expect(existsSync(join(a.root, 'home/bob'))).toBe(false);
    a.addUser('bob', 'sse.option=4\n');
    await a.sync();
    await b.sync();
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=4\n');
    expect(existsSync(join(b.root, 'home/bob/home/bob/local/note'))).toBe(false);
  });

  it('do not include those of other accounts of the machine', async () => {
    a.write('home/alice/.ssh/authorized_keys', '# of the account');
    await a.sync();
    expect(await world.database.read((db) => db.selectFrom('root_file').select('path').execute())).toEqual(
      [],
    );
  });

  it('are sealed in the database', async () => {
    a.addUser('bob', '# canary\nsse.option=1\n');
    a.write('home/bob/.sftpgateway/sse.key', Buffer.from('0123456789 canary of the key 01!'));
    await a.sync();
    const rows = await world.database.read((db) => db.selectFrom('root_file').selectAll().execute());
    expect(rows).toHaveLength(4);
    const text = rows.map(({ content }) => `${content}\n${Buffer.from(content.slice(3), 'base64')}`);
    expect(text.join()).not.toMatch(/canary|scrypt|sse\.option/);
  });
});

describe('a file that is damaged', () => {
  it('on the disk of a node is not sent', async () => {
    await shareUser();
    a.write(settingsOf('bob'), 'sse.option=nine\n');
    a.write('home/bob/.sftpgateway/sse.key', 'too short');
    const { report } = await a.sync();
    expect(report.problems.toSorted()).toEqual([
      expect.stringContaining('sse.key was not sent: it has 9 bytes'),
      expect.stringContaining('user.properties was not sent: line 1'),
    ]);
    await b.sync();
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=1\n');
    a.write(settingsOf('bob'), 'sse.option=4\n');
    a.remove('home/bob/.sftpgateway/sse.key');
    expect((await a.sync()).report.problems).toEqual([]);
    await b.sync();
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=4\n');
  });

  it('in the database is not written, and the next change of a node replaces it', async () => {
    await shareUser();
    await world.database.write((trx) =>
      trx
        .updateTable('root_file')
        .set((eb) => ({
          content: 'v1.AAAA',
          version: eb('version', '+', 1),
          revision: eb('revision', '+', 9),
        }))
        .where('path', '=', settingsOf('bob'))
        .execute(),
    );
    const { report } = await b.sync();
    expect(report.problems).toEqual([
      expect.stringContaining('no node of this cluster has stored its content'),
    ]);
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=1\n');
    b.write(settingsOf('bob'), 'sse.option=4\n');
    await b.sync();
    await a.sync();
    expect(await a.read(settingsOf('bob'))).toBe('sse.option=4\n');
    expect((await b.sync()).report.problems).toEqual([]);
  });

  it('cannot be moved to another path in the database', async () => {
    await shareUser();
    a.addUser('eve', '# of eve\nsse.option=1\n');
    await a.sync();
    await world.database.write(async (trx) => {
      const eve = await trx
        .selectFrom('root_file')
        .select('content')
        .where('path', '=', settingsOf('eve'))
        .executeTakeFirstOrThrow();
      await trx
        .updateTable('root_file')
        .set((eb) => ({
          content: eve.content,
          version: eb('version', '+', 1),
          revision: eb('revision', '+', 9),
        }))
        .where('path', '=', settingsOf('bob'))
        .execute();
    });
    await b.sync();
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=1\n');
  });
});

describe('a disk that lost its files', () => {
  it('removes no users from other nodes if its homes are not mounted', async () => {
    await shareUser();
    a.remove('home');
    await a.sync();
    await b.sync();
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=1\n');
  });

  it('removes no users from other nodes if most of many are gone at once', async () => {
    const names = Array.from({ length: 15 }, (_, index) => `user${index}`);
    for (const name of names) a.addUser(name);
    await a.sync();
    for (const name of names.slice(1)) a.remove(`home/${name}`);
    const { report } = await a.sync();
    expect(report.problems).toEqual([expect.stringContaining('14 users disappeared at once')]);
    await b.sync();
    expect(await b.read(settingsOf('user3'))).toBe('sse.option=1\n');
  });

  it('removes nothing from other nodes if a directory cannot be read', async () => {
    await shareUser();
    a.write('home/bob/.sftpgateway/sse.key', randomBytes(32));
    await a.sync();
    await b.sync();
    const directory = join(a.root, 'home/bob/.sftpgateway');
    renameSync(directory, `${directory}.moved`);
    // A link to itself cannot be followed, not even by root.
    symlinkSync('.sftpgateway', directory);
    await a.sync();
    await b.sync();
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=1\n');
    expect(existsSync(join(b.root, 'home/bob/.sftpgateway/sse.key'))).toBe(true);
  });
});

describe('a key', () => {
  const path = `opt/sftpgw/keys/${'2'.repeat(32)}.age`;
  const description = path.replace('.age', '.json');

  it('that someone removed by mistake comes back, and stays on the other nodes', async () => {
    a.write(path, 'age-encryption.org/v1\n');
    a.write(description, keyDescription('2'.repeat(32), 'active'));
    await a.sync();
    await b.sync();
    a.remove(path);
    a.remove(description);
    await a.sync();
    expect(await a.read(path)).toBe('age-encryption.org/v1\n');
    expect(await a.read(description)).toMatch(/"active"/);
    await b.sync();
    expect(await b.read(path)).toBe('age-encryption.org/v1\n');
  });

  it('cannot be removed by someone who can only write to the database', async () => {
    a.write(path, 'age-encryption.org/v1\n');
    a.write('opt/sftpgw/keys/recovery-recipients.txt', '# none\n');
    await a.sync();
    await b.sync();
    a.remove('opt/sftpgw/keys/recovery-recipients.txt');
    await a.sync();
    await world.database.write(async (trx) => {
      const removed = await trx
        .selectFrom('root_file')
        .select(['content', 'is_removed'])
        .where('is_removed', '=', 1)
        .executeTakeFirstOrThrow();
      await trx
        .updateTable('root_file')
        .set((eb) => ({ ...removed, version: eb('version', '+', 1), revision: eb('revision', '+', 9) }))
        .where('path', '=', path)
        .execute();
    });
    await b.sync();
    expect(await b.read(path)).toBe('age-encryption.org/v1\n');
  });
});

describe('a backup', () => {
  it('of the database that is restored does not restore older files', async () => {
    await shareUser();
    const backup = await world.database.read((db) => db.selectFrom('root_file').selectAll().execute());
    a.write(settingsOf('bob'), 'sse.option=4\n');
    await a.sync();
    await b.sync();
    await world.database.write(async (trx) => {
      await trx.deleteFrom('root_file').execute();
      await trx.insertInto('root_file').values(backup).execute();
    });
    await b.sync();
    await a.sync();
    expect(await a.read(settingsOf('bob'))).toBe('sse.option=4\n');
    expect(await b.read(settingsOf('bob'))).toBe('sse.option=4\n');
    const c = world.node('c');
    await c.sync();
    expect(await c.read(settingsOf('bob'))).toBe('sse.option=4\n');
  });
});

describe('a node that crashes', () => {
  it('at any step leaves the same files on all nodes', { timeout: 120_000 }, async () => {
    for (let crashAt = 1; ; crashAt += 1) {
      const [bob, eve, carl] = [`bob${crashAt}`, `eve${crashAt}`, `carl${crashAt}`];
      a.addUser(bob);
      a.addUser(eve);
      await a.sync();
      await b.sync();
      const [first, second] = ['# first\nsse.option=4\n', '# second\nsse.option=1\n'];
      a.write(settingsOf(bob), first);
      a.remove(`home/${eve}`);
      b.write(settingsOf(bob), second);
      b.addUser(carl);
      let left = crashAt;
      // A process that has crashed has no further effect.
      const hook = () => {
        left -= 1;
        if (left <= 0) throw new Error('crash');
      };
      await a.sync(hook).catch(() => undefined);
      if (left > 0) await b.sync(hook).catch(() => undefined);
      for (const node of [a, b, a, b]) await node.sync();
      const contents = [await a.read(settingsOf(bob)), await b.read(settingsOf(bob))];
      expect(contents[0], `crash ${crashAt}`).toBe(contents[1]);
      const loser = contents[0] === first ? second : first;
      const kept = [a, b].map((node) => node.read(`${settingsOf(bob)}.conflict`));
      expect(await Promise.all(kept), `crash ${crashAt}`).toContain(loser);
      for (const node of [a, b]) {
        expect(existsSync(join(node.root, 'home', eve)), `crash ${crashAt}`).toBe(false);
        expect(await node.read(settingsOf(carl)), `crash ${crashAt}`).toBe('sse.option=1\n');
      }
      if (left > 0) {
        expect(crashAt).toBeGreaterThan(10);
        return;
      }
    }
  });
});
