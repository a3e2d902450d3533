import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newAgeIdentity } from '../../keyring/age.js';
import { CustomerKey } from '../../model/customer-key.js';
import { runProgram } from '../command.js';
import { sftpgwProgram } from '../program.js';
import { fakeShell } from '../terminal/testing/fake-shell.js';

let base: string;
let root: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sftpgw-key-commands-'));
  root = join(base, 'root');
  mkdirSync(root);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs real commands on a real root in this process. */
async function sftpgw(args: readonly string[], input: string | Uint8Array = ''): Promise<Ran> {
  const shell = fakeShell({ workingDirectory: base, input });
  const code = await runProgram(sftpgwProgram, [...args, '--root', root], shell);
  return { code, out: shell.outLines.join('\n'), err: shell.errLines.join('\n') };
}

async function ok(args: readonly string[], input: string | Uint8Array = ''): Promise<string> {
  const { code, out, err } = await sftpgw(args, input);
  expect(code, err).toBe(0);
  return out;
}

async function generate(...flags: readonly string[]): Promise<string> {
  return JSON.parse(await ok(['key', 'generate', '--json', ...flags])).id;
}

const raw = randomBytes(32);
const key = CustomerKey.fromBytes(raw);
const keysDirectory = () => join(root, 'opt/sftpgw/keys');
const keyFiles = (): readonly string[] => {
  try {
    return readdirSync(keysDirectory()).sort();
  } catch {
    return [];
  }
};
const propertiesOf = (user: string) => join(root, 'home', user, '.sftpgateway/user.properties');
const addUser = (name: string, ...flags: readonly string[]) =>
  ok(['user', 'add', name, '--create-ssh-key', ...flags]);

describe('key generate and key list', () => {
  it('create and show a key, by its id, its first digits or its label', async () => {
    await addUser('bob');
    const id = await generate('--user', 'bob', '--label', 'bob 2026');
    for (const text of [id, id.slice(0, 6), 'bob 2026']) {
      expect(JSON.parse(await ok(['key', 'show', text, '--json']))).toMatchObject({
        id,
        label: 'bob 2026',
        owner: { kind: 'user', username: 'bob' },
        state: 'active',
        writers: [],
        isRecoverable: false,
      });
    }
    expect(await ok(['key', 'list'])).toMatch(new RegExp(`${id} +bob 2026 +bob +active`));
    expect(JSON.parse(await ok(['key', 'list', '--json']))).toHaveLength(1);
    expect(await ok(['key', 'show', id])).toMatch(/used by: +nothing/);
  });

  it('warn in one sentence until there is a recovery recipient', async () => {
    const before = await sftpgw(['key', 'generate']);
    expect(before.err).toMatch(/^warning: no recovery recipient exists.*`sftpgw recovery init`$/);
    const { recipient } = await newAgeIdentity();
    writeFileSync(join(keysDirectory(), 'recovery-recipients.txt'), `${recipient}\n`, { mode: 0o600 });
    expect(await sftpgw(['key', 'generate'])).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(await ok(['key', 'list', '--json']))).toMatchObject([
      { isRecoverable: true },
      { isRecoverable: true },
    ]);
  });

  it('refuse unknown users and unknown keys', async () => {
    const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['generate', '--user', 'nobody'], 3, /there is no user nobody/],
      [['generate', '--shared', '--user', 'bob'], 2, /not both/],
      [['show', 'abcdef'], 3, /there is no key "abcdef"/],
      [['show', raw.toString('base64')], 2, /looks like a key itself/],
      [['show', raw.toString('hex')], 2, /looks like a key itself/],
    ];
    for (const [args, code, words] of wrong) {
      const ran = await sftpgw(['key', ...args]);
      expect(ran).toMatchObject({ code, out: '', err: expect.stringMatching(words) });
      expect(ran.err).not.toContain(raw.toString('base64'));
    }
    await generate('--label', 'twice');
    await generate('--label', 'twice');
    expect(await sftpgw(['key', 'show', 'twice'])).toMatchObject({ code: 2 });
    expect(keyFiles()).toHaveLength(4);
  });
});

describe('key import', () => {
  it.each([
    ['raw', raw],
    ['base64 with a line end', `${raw.toString('base64')}\n`],
    ['hexadecimal', raw.toString('hex')],
  ])('takes %s, from stdin and from a file, and the same key once', async (_form, content) => {
    writeFileSync(join(base, 'k'), content);
    expect(await ok(['key', 'import', '--shared', '--label', 'theirs'], content)).toContain(key.fingerprint);
    const again = await sftpgw(['key', 'import', '--file', 'k']);
    expect(again).toMatchObject({ code: 0, err: expect.stringMatching(/had the key .* already/) });
    expect(JSON.parse(await ok(['key', 'list', '--json']))).toMatchObject([
      { id: key.fingerprint, label: 'theirs', owner: { kind: 'shared' }, origin: 'imported' },
    ]);
  });

  it.each([
    ['31 bytes', raw.subarray(0, 31), /stdin: it has 31 bytes/],
    ['33 bytes', Buffer.concat([raw, Buffer.of(200)]), /stdin: it has 33 bytes/],
    ['a raw key and a line feed', Buffer.concat([raw, Buffer.of(10)]), /the last a line feed/],
    ['44 bytes', randomBytes(44), /stdin: (?:it has 44 bytes|.*base64)/],
    ['nothing', '', /stdin: it is empty/],
  ])('refuses %s, and nothing is made', async (_what, content, words) => {
    const ran = await sftpgw(['key', 'import'], content);
    expect(ran).toMatchObject({ code: 2, out: '', err: expect.stringMatching(words) });
    expect(keyFiles()).toEqual([]);
  });

  it('names a missing file', async () => {
    expect(await sftpgw(['key', 'import', '--file', 'absent'])).toMatchObject({
      code: 3,
      err: expect.stringContaining(join(base, 'absent')),
    });
  });

  it.skipIf(process.getuid?.() === 0)('names a file that may not be read', async () => {
    writeFileSync(join(base, 'k'), raw);
    chmodSync(join(base, 'k'), 0);
    expect(await sftpgw(['key', 'import', '--file', 'k'])).toMatchObject({ code: 5 });
  });
});

describe('key use and key retire', () => {
  it('change the key in use, keep comments, and never retire a key in use', async () => {
    await addUser('bob', '--sse', '3', '--generate-sse-key');
    const before = JSON.parse(await ok(['user', 'show', 'bob', '--json'])).uploadKeyFingerprint;
    writeFileSync(propertiesOf('bob'), `${readFileSync(propertiesOf('bob'), 'utf8')}# mine\n`);
    const id = await generate('--user', 'bob');
    expect(await sftpgw(['key', 'retire', before])).toMatchObject({
      code: 6,
      err: expect.stringContaining('the uploads of bob'),
    });
    expect(await ok(['key', 'use', id, '--user', 'bob'])).toContain(`uploads of bob use the key ${id}`);
    expect(readFileSync(propertiesOf('bob'), 'utf8')).toMatch(new RegExp(`# mine\nsse.key.id=${id}\n$`));
    expect(await ok(['user', 'show', 'bob'])).toContain(`SSE-C, key ${id}`);
    await ok(['key', 'retire', before]);
    expect(JSON.parse(await ok(['key', 'show', id, '--json'])).writers).toEqual(['the uploads of bob']);
    const refused = await sftpgw(['key', 'use', before, '--user', 'bob']);
    expect(refused).toMatchObject({ code: 6, err: expect.stringMatching(/is retired: it only opens/) });
    expect(await ok(['user', 'show', 'bob'])).toContain(`SSE-C, key ${id}`);
    expect(await sftpgw(['key', 'retire', before])).toMatchObject({ code: 6 });
  });

  it('also work for downloads and the shared directory', async () => {
    await addUser('bob');
    const id = await generate();
    await ok(['key', 'use', id, '--user', 'bob', '--downloads']);
    await ok(['key', 'use', id, '--shared']);
    expect(readFileSync(propertiesOf('bob'), 'utf8')).toMatch(
      /sse.option=1\n[\s\S]*sse.sync.option=3\nsse.sync.key.id=/,
    );
    expect(readFileSync(join(root, 'root/.sftpgateway/user.properties'), 'utf8')).toContain(
      `sse.sync.key.id=${id}`,
    );
    expect(JSON.parse(await ok(['key', 'show', id, '--json'])).writers).toEqual([
      'the downloads of bob',
      'the shared directory',
    ]);
    for (const args of [[], ['--user', 'bob', '--shared'], ['--shared', '--uploads']]) {
      expect((await sftpgw(['key', 'use', id, ...args])).code).toBe(2);
    }
    expect((await sftpgw(['key', 'use', id, '--user', 'nobody'])).code).toBe(3);
  });

  it('addsftpuser accepts a key of the keyring by its id, and writes no file', async () => {
    const id = await generate();
    await addUser('bob', '--sse', '3', '--sse-key-id', id.slice(0, 8));
    expect(JSON.parse(await ok(['user', 'show', 'bob', '--json']))).toMatchObject({
      uploadOption: 3,
      uploadKeyFingerprint: id,
      problems: ['no bucket for uploads is set'],
    });
    expect(readdirSync(join(root, 'home/bob/.sftpgateway'))).toEqual(['user.properties']);
    expect(await sftpgw(['user', 'add', 'bob', '--sse', '3', '--sse-key-id', 'abcdef'])).toMatchObject({
      code: 3,
    });
  });
});

describe('key backup', () => {
  it('writes a tar file that tar restores, and overwrites nothing', async () => {
    const id = await generate('--label', 'a');
    const { recipient } = await newAgeIdentity();
    writeFileSync(join(keysDirectory(), 'recovery-recipients.txt'), `${recipient}\n`, { mode: 0o600 });
    expect(await ok(['key', 'backup', '--to', 'keys.tar'])).toContain('holds 1 sealed key');
    const restored = join(base, 'restored');
    mkdirSync(restored);
    execFileSync('tar', ['-xf', join(base, 'keys.tar'), '-C', restored]);
    const names = [`${id}.age`, `${id}.json`, 'recovery-recipients.txt'];
    expect(readdirSync(join(restored, 'keys')).sort()).toEqual([...names].sort());
    for (const name of names) {
      expect(readFileSync(join(restored, 'keys', name))).toEqual(readFileSync(join(keysDirectory(), name)));
    }
    const listed = execFileSync('tar', ['-tvf', join(base, 'keys.tar')], { encoding: 'utf8' });
    expect(listed.match(/^-rw------- /gm)).toHaveLength(3);
    expect(await sftpgw(['key', 'backup', '--to', 'keys.tar'])).toMatchObject({ code: 4 });
    expect(await sftpgw(['key', 'backup', '--to', 'absent/keys.tar'])).toMatchObject({ code: 3, out: '' });
  });
});

describe('a keyring that cannot be used', () => {
  it('is reported with its path, and nothing is overwritten', async () => {
    const id = await generate();
    const sealed = join(keysDirectory(), `${id}.age`);
    const whole = readFileSync(sealed);
    const identity = join(root, 'var/lib/sftpgw/keyring-identity');
    writeFileSync(sealed, whole.subarray(0, 50));
    expect((await sftpgw(['key', 'list'])).err).toContain(`${sealed}: the sealed key is damaged`);
    writeFileSync(sealed, whole);
    writeFileSync(identity, `${(await newAgeIdentity()).secret}\n`);
    expect((await sftpgw(['key', 'list'])).err).toMatch(/this keyring is another gateway's/);
    rmSync(identity);
    const refused = await sftpgw(['key', 'generate']);
    expect(refused).toMatchObject({ code: 7, err: expect.stringContaining(`${identity} is missing`) });
    expect(keyFiles()).toEqual([`${id}.age`, `${id}.json`]);
    expect(readFileSync(sealed)).toEqual(whole);
  });

  it('makes and uses no key while a required recovery recipient is missing', async () => {
    await addUser('bob');
    const id = await generate();
    writeFileSync(join(root, 'opt/sftpgw/sftpgateway.properties'), 'sse-c.require.recovery=yes\n');
    for (const args of [
      ['key', 'generate'],
      ['key', 'use', id, '--user', 'bob'],
      ['user', 'add', 'bob', '--sse', '3', '--generate-sse-key'],
    ]) {
      expect(await sftpgw(args)).toMatchObject({
        code: 5,
        err: expect.stringContaining('sftpgw recovery init'),
      });
    }
    expect(keyFiles()).toHaveLength(2);
  });
});
