import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LogLine, recordingLogger } from '../../sftp/testing/test-logger.js';
import { keyLine, offeredKey } from '../testing/test-users.js';
import { GlobalKeys } from './global-keys.js';

const mebibyte = 1024 * 1024;
const authority = keyLine(offeredKey(1));

let directory: string;
let lines: LogLine[];
let files: { userCaFile: string | null; revokedKeysFile: string | null };
let keys: GlobalKeys;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-global-keys-'));
  lines = [];
  files = { userCaFile: join(directory, 'ca'), revokedKeysFile: join(directory, 'revoked') };
  keys = new GlobalKeys(() => files);
});
afterEach(() => rm(directory, { recursive: true }));

const log = () => recordingLogger(lines);
const put = (name: 'ca' | 'revoked', text: string) => writeFile(join(directory, name), text);
const padded = (line: string, length: number) => `${line}\n#`.padEnd(length, 'x');
const problems = async () => (await keys.problems()).map(({ path, text }) => [path, text]);

describe('the files of keys for all users', () => {
  it('have no problem if none is set, and no key is revoked then', async () => {
    files = { userCaFile: null, revokedKeysFile: null };
    expect(await keys.problems()).toEqual([]);
    expect(await keys.revokes(log(), offeredKey(1))).toBe(false);
    expect((await keys.authorities(log())).keys).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('are reported each with its path while they are missing', async () => {
    const { userCaFile, revokedKeysFile } = files;
    expect(await problems()).toEqual([
      [userCaFile, `${userCaFile} does not exist`],
      [revokedKeysFile, `${revokedKeysFile} does not exist`],
    ]);
    await put('ca', authority);
    await put('revoked', '');
    expect(await problems()).toEqual([]);
  });

  it('are reported with the line that cannot be used, and the other authorities stay', async () => {
    await put('ca', `junk\n${authority}\nprincipals="a" ${keyLine(offeredKey(2))}\n`);
    await put('revoked', 'junk\n');
    const found = await problems();
    expect(found.map(([path]) => path)).toEqual([files.userCaFile, files.userCaFile, files.revokedKeysFile]);
    expect(found[0]?.[1]).toMatch(/ca line 1: /);
    expect(found[1]?.[1]).toMatch(/ca line 3: principals=/);
    expect(found[2]?.[1]).toMatch(/^.*revoked: ./);
    const { keys: left, byFingerprint } = await keys.authorities(log());
    expect(left.map(({ fingerprint, isAuthority }) => [fingerprint, isAuthority])).toEqual([
      [offeredKey(1).fingerprint, true],
    ]);
    expect([...byFingerprint.keys()]).toEqual([offeredKey(1).fingerprint]);
    expect(lines).toMatchObject([{ level: 'error', fields: { file: files.userCaFile } }]);
  });
});

describe('a file of authorities', () => {
  it('is used up to one mebibyte, and a longer one opens nothing', async () => {
    await put('ca', padded(authority, mebibyte));
    expect((await keys.authorities(log())).keys).toHaveLength(1);
    await put('ca', padded(authority, mebibyte + 1));
    expect((await keys.authorities(log())).keys).toEqual([]);
    expect(lines).toMatchObject([
      { level: 'error', fields: { problem: expect.stringMatching(/longer than 1048576 bytes/) } },
    ]);
  });
});

describe('a file of revoked keys', () => {
  it('refuses every key while it is longer than 32 mebibytes', async () => {
    await put('revoked', padded('# none', 32 * mebibyte));
    expect(await keys.revokes(log(), offeredKey(1))).toBe(false);
    await put('revoked', padded('# none', 32 * mebibyte + 1));
    expect(await keys.revokes(log(), offeredKey(1))).toBe(true);
    expect(await problems()).toContainEqual([
      files.revokedKeysFile,
      expect.stringMatching(/longer than 33554432 bytes/),
    ]);
  });

  it('is logged once per problem, and when it is usable again', async () => {
    const refuses = () => keys.revokes(log(), offeredKey(1));
    for (let time = 0; time < 2; time += 1) expect(await refuses()).toBe(true);
    await put('revoked', 'junk\n');
    for (let time = 0; time < 2; time += 1) expect(await refuses()).toBe(true);
    await put('revoked', '');
    for (let time = 0; time < 2; time += 1) expect(await refuses()).toBe(false);
    expect(lines.map(({ level }) => level)).toEqual(['error', 'error', 'info']);
  });
});
