import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../model/fault.js';
import { parseUsername } from '../model/users.js';
import { keyLine, offeredKey } from './testing/test-users.js';
import { fileFault, located, UserFiles } from './user-files.js';

const bob = parseUsername('bob');
const mebibyte = 1024 * 1024;

let root: string;
let files: UserFiles;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sftpgw-user-files-'));
  files = new UserFiles({ homes: join(root, 'home'), shared: join(root, 's'), removed: join(root, 'r') });
  const { privateDirectory, sshDirectory } = files.paths(bob);
  for (const directory of [privateDirectory, sshDirectory]) await mkdir(directory, { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

describe('the files of a user', () => {
  it('may be missing', async () => {
    expect(await files.properties(bob)).toBeNull();
    expect(await files.password(bob)).toBeNull();
    expect(await files.totp(bob)).toBeNull();
    expect(await files.authorizedKeys(bob)).toMatchObject({ keys: [], problems: [] });
  });

  it('are faults if they cannot be read', async () => {
    const { properties, password, totpSecret, authorizedKeys } = files.paths(bob);
    for (const path of [properties, password, totpSecret, authorizedKeys]) await mkdir(path);
    const fault = { kind: 'unavailable' };
    await expect(files.properties(bob)).rejects.toMatchObject(fault);
    await expect(files.password(bob)).rejects.toMatchObject(fault);
    await expect(files.totp(bob)).rejects.toMatchObject(fault);
    await expect(files.authorizedKeys(bob)).rejects.toMatchObject(fault);
  });

  it('have keys up to one mebibyte, and none of a longer file', async () => {
    const line = `${keyLine(offeredKey(1))}\n`;
    const padded = (length: number) => `${line}#${'x'.repeat(length - line.length - 1)}`;
    await writeFile(files.paths(bob).authorizedKeys, padded(mebibyte));
    expect(await files.authorizedKeys(bob)).toMatchObject({ keys: [{ line: 1 }], problems: [] });
    await writeFile(files.paths(bob).authorizedKeys, padded(mebibyte + 1));
    const { keys, byFingerprint, problems } = await files.authorizedKeys(bob);
    expect([keys.length, byFingerprint.size]).toEqual([0, 0]);
    expect(problems).toEqual([{ line: 1, text: expect.stringContaining('longer than 1048576 bytes') }]);
  });

  it('have a secret for codes, or the reason why not, which does not repeat the file', async () => {
    await writeFile(files.paths(bob).totpSecret, 'A'.repeat(32));
    expect(await files.totp(bob)).toMatchObject({ secret: expect.anything() });
    await writeFile(files.paths(bob).totpSecret, 'SECRET!');
    const stored = await files.totp(bob);
    expect(stored).toEqual({ problem: expect.stringMatching(/base32/) });
    expect(JSON.stringify(stored)).not.toContain('SECRET');
  });
});

describe('a fault of a file', () => {
  const error = (fields: object) => Object.assign(new Error('x'), fields);

  it.each([
    ['EACCES', 'denied'],
    ['EPERM', 'denied'],
    ['EROFS', 'denied'],
    ['EIO', 'unavailable'],
    ['ENOSPC', 'unavailable'],
    ['EISDIR', 'unavailable'],
  ])('%s is %s, and names the file', (code, kind) => {
    const fault = fileFault('/a/file', 'read', error({ code }));
    expect(fault).toMatchObject({ kind, hint: expect.stringContaining('/a/file cannot be read: ') });
    expect(fault.hint).toContain(kind === 'denied' ? 'owner and permissions' : code);
  });

  it('names the file of the error if it has one', () => {
    const fault = fileFault('/a/file', 'written', error({ code: 'EIO', path: '/another' }));
    expect(fault.hint).toBe('/another cannot be written: EIO');
    expect(fileFault('/a/file', 'written', 'a text').hint).toContain('/a/file cannot be written');
  });

  it('stays the fault that it is', () => {
    const fault = new Fault('invalid', 'x');
    expect(fileFault('/a/file', 'read', fault)).toBe(fault);
  });
});

it('problems are located by file and line', () => {
  expect(
    located('/f', [
      { line: 2, text: 'a' },
      { line: 5, text: 'b' },
    ]),
  ).toEqual(['/f line 2: a', '/f line 5: b']);
});
