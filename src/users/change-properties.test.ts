import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CustomerKey, parseKeyFingerprint } from '../model/customer-key.js';
import { uploadRights } from '../model/users/upload-rights.js';
import { parseUsername, type UserChange } from '../model/users.js';
import {
  changeProperties,
  changeSharedProperties,
  changeTotpProperty,
  changeUserProperties,
} from './change-properties.js';

const bob = parseUsername('bob');
const id = 'a1'.repeat(16);
const keyId = parseKeyFingerprint(id);

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-properties-'));
  path = join(directory, 'user.properties');
});
afterEach(() => rm(directory, { recursive: true }));

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('the settings of a new user', () => {
  it('begin with a comment that names the user, and are SSE-S3 without downloads and shared files', async () => {
    const changed = await changeUserProperties(path, bob, {});
    expect(changed).toMatchObject({ isNew: true, isChanged: true });
    expect(changed.text).toMatch(/^# .*\bbob\b.*\n/);
    expect(linesOf(changed.text)).toEqual(['sse.option=1', 'downloads=no', 'shared=no']);
  });

  it('are those of the change instead', async () => {
    const change = { uploadOption: 4, downloads: true, shared: true } as const;
    const { text } = await changeUserProperties(path, bob, change);
    expect(linesOf(text)).toEqual(['sse.option=4', 'downloads=yes', 'shared=yes']);
  });
});

describe('a change of a user’s settings', () => {
  const role = 'arn:aws:iam::111122223333:role/bob';
  it.each<[change: UserChange, lines: readonly string[]]>([
    [{}, []],
    [{ uploadOption: 4 }, ['sse.option=4']],
    [{ kmsKeyArn: 'alias/k' }, ['sse.kms.key.arn=alias/k']],
    [{ uploadKeyId: keyId }, [`sse.key.id=${id}`]],
    [{ syncOption: 3, syncKeyId: keyId }, ['sse.sync.option=3', `sse.sync.key.id=${id}`]],
    [{ uploadBucket: 'own' }, ['upload.bucket=own']],
    [{ uploadPrefix: 'in/' }, ['upload.prefix=in/']],
    [{ uploadRegion: 'eu-west-1' }, ['upload.region=eu-west-1']],
    [{ uploadEndpoint: 'https://s3.example.org' }, ['upload.endpoint=https\\://s3.example.org']],
    [
      { uploadRoleArn: role, uploadRoleExternalId: 'ext' },
      [`upload.role.arn=${role.replaceAll(':', '\\:')}`, 'upload.role.external.id=ext'],
    ],
    [{ acl: 'private' }, ['acl.option=1']],
    [{ acl: 'log-delivery-write' }, ['acl.option=8']],
    [{ uploadRights: uploadRights(['list', 'read']) }, ['upload.rights=list,read']],
    [{ uploadExclusions: ['part', '.in.*'] }, ['upload.exclusions=part,.in.*']],
    [{ uploadExclusions: [] }, ['upload.exclusions=']],
    [{ downloads: true }, ['downloads=yes']],
    [{ downloads: false }, ['downloads=no']],
    [{ shared: true }, ['shared=yes']],
    [{ loginMethods: 'publickey,password' }, ['login.methods=publickey,password']],
    [{ loginFrom: '192.0.2.0/24' }, ['login.from=192.0.2.0/24']],
    [{ disabled: true }, ['login.disabled=yes']],
    [{ expiresMs: Date.UTC(2027, 0, 31) }, ['login.expires=2027-01-31T00']],
  ])('%o sets only what it names', async (change, lines) => {
    const before = '# mine\nlocal=yes\n';
    await writeFile(path, before);
    const changed = await changeUserProperties(path, bob, change);
    expect(changed).toMatchObject({ isNew: false, isChanged: lines.length > 0 });
    expect(changed.text.startsWith(before)).toBe(true);
    const added = linesOf(changed.text.slice(before.length)).map((line) => line.replaceAll('\\', ''));
    expect(added).toHaveLength(lines.length);
    for (const [at, line] of lines.entries()) expect(added[at]).toContain(line.replaceAll('\\', ''));
  });

  it.each<[before: string, change: UserChange]>([
    [`sse.key.id=${id}`, { uploadKey: CustomerKey.fromBytes(Buffer.alloc(32, 1)) }],
    ['upload.region=eu-west-1', { uploadRegion: null }],
    ['upload.endpoint=https://s3.example.org', { uploadEndpoint: null }],
    ['upload.role.arn=arn:aws:iam::111122223333:role/bob', { uploadRoleArn: null }],
    [
      'upload.role.arn=arn:aws:iam::1:role/b\nupload.role.external.id=ext',
      { uploadRoleArn: null, uploadRoleExternalId: null },
    ],
    ['login.from=192.0.2.0/24', { loginFrom: null }],
    ['login.disabled=yes', { disabled: false }],
    ['login.expires=2027-01-31', { expiresMs: null }],
  ])('removes %j', async (before, change) => {
    await writeFile(path, `local=yes\n${before}\n`);
    const { text } = await changeUserProperties(path, bob, change);
    expect(text).toBe('local=yes\n');
  });

  it('replaces the older spelling of the rights', async () => {
    await writeFile(path, 'upload.dropbox=yes\n');
    const { text } = await changeUserProperties(path, bob, { uploadRights: uploadRights(['list']) });
    expect(text).toBe('upload.rights=list\n');
  });

  it('is not one if the file has the value already', async () => {
    await writeFile(path, 'downloads=yes\n');
    expect(await changeUserProperties(path, bob, { downloads: true })).toMatchObject({ isChanged: false });
  });
});

describe('other changes of settings', () => {
  it('turn codes on and off', async () => {
    await writeFile(path, 'local=yes\n');
    const on = await changeTotpProperty(path, true);
    expect(on.text).toBe('local=yes\nlogin.totp=yes\n');
    await writeFile(path, on.text);
    expect((await changeTotpProperty(path, false)).text).toBe('local=yes\n');
    await rm(path);
    expect(await changeTotpProperty(path, true)).toMatchObject({ isNew: true, text: 'login.totp=yes\n' });
  });

  it('of the shared directory begin with a comment of their own', async () => {
    const changed = await changeSharedProperties(path, { syncOption: 1 });
    expect(changed.text).toMatch(/^# .*shared directory.*\n/);
    expect(linesOf(changed.text)).toEqual(['sse.sync.option=1']);
    expect(linesOf((await changeSharedProperties(path, { syncKeyId: keyId })).text)).toEqual([
      `sse.sync.key.id=${id}`,
    ]);
  });
});

describe('a file of settings', () => {
  const change = () => changeProperties(path, '', () => [['local', 'yes']]);

  it('with an error is not changed, and the fault names every line', async () => {
    await writeFile(path, 'colour=red\nlocal=yes\nshape=round\n');
    const fault = await change().catch((error: unknown) => error);
    expect(fault).toMatchObject({ kind: 'invalid' });
    expect(String((fault as { hint?: string }).hint)).toMatch(/line 1: .*colour.*; .*line 3: .*shape/);
  });

  it('with a notice is changed', async () => {
    await writeFile(path, 'sse.option=1\nsse.option=4\n');
    expect((await change()).properties).toMatchObject({ uploadOption: 4, local: true });
  });

  it('that is not UTF-8 is refused', async () => {
    await writeFile(path, Buffer.from([0x23, 0xff, 0x0a]));
    await expect(change()).rejects.toMatchObject({
      kind: 'invalid',
      hint: expect.stringContaining(`${path} line 1`),
    });
  });

  it('that cannot be read is not taken for a missing one', async () => {
    await mkdir(path);
    await expect(change()).rejects.toMatchObject({
      kind: 'unavailable',
      hint: expect.stringContaining(path),
    });
  });

  it.skipIf(process.getuid?.() === 0)('without permission is reported as such', async () => {
    await writeFile(path, '');
    await chmod(path, 0);
    await expect(change()).rejects.toMatchObject({ kind: 'denied' });
  });
});
