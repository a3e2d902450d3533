import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runOk } from '../../../test/support/command.js';
import { missing } from '../../../test/support/tools.js';
import { parsePublicKeys, readPublicKeyFile } from './public-keys.js';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob@laptop';

it('accepts one key per line, without blank lines and comments', () => {
  expect(parsePublicKeys(`# mine\r\n\r\n${key}\r\n  ${key}\n`, 'id.pub')).toEqual([key, key]);
});

it.each([
  ['nothing', '\n# only a comment\n', /holds no public key/],
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl', /is a private key/],
  ['a PuTTY key', 'PuTTY-User-Key-File-3: ssh-ed25519\n', /PuTTY private key/],
  [
    'a cut-off key in SSH2 form',
    '---- BEGIN SSH2 PUBLIC KEY ----\nAAAA',
    /id\.pub: SSH2 public key without the line/,
  ],
  ['a word', `${key}\nhello\n`, /id\.pub, line 2/],
])('refuses %s and names the file', (_, text, reason) => {
  expect(() => parsePublicKeys(text, 'id.pub')).toThrow(reason);
});

const ssh2 = [
  '---- BEGIN SSH2 PUBLIC KEY ----',
  'Comment: "bob@laptop"',
  'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl',
  '---- END SSH2 PUBLIC KEY ----',
];

it('converts keys in SSH2 form, as PuTTYgen saves them', () => {
  expect(parsePublicKeys(`${ssh2.join('\r\n')}\r\n${key}\n`, 'id.pub')).toEqual([key, key]);
});

it('accepts options, also those of certificate authorities', () => {
  const line = `cert-authority,principals="ops",from="192.0.2.0/24" ${key}`;
  expect(parsePublicKeys(line, 'ca.pub')).toEqual([line]);
});

const publicLines = key.split(' ')[1] ?? '';

/** A .ppk file as PuTTYgen writes it, with a private half that is not a key. */
function puttyFile(version: 2 | 3, end = '\n'): Buffer {
  const derivation = version === 3 ? ['Key-Derivation: Argon2id', 'Argon2-Memory: 8192'] : [];
  const lines = [
    `PuTTY-User-Key-File-${version}: ssh-ed25519`,
    `Encryption: ${version === 3 ? 'aes256-cbc' : 'none'}`,
    'Comment: bob@laptop',
    'Public-Lines: 2',
    publicLines.slice(0, 64),
    publicLines.slice(64),
    ...derivation,
    'Private-Lines: 1',
    'c2VjcmV0IGhhbGY=',
    'Private-MAC: 00',
    '',
  ];
  return Buffer.from(lines.join(end));
}

it.each([
  [2, '\n'],
  [3, '\r\n'],
] as const)('takes the public key of a PuTTY key file of version %i, and erases the rest', (version, end) => {
  const content = puttyFile(version, end);
  const read = readPublicKeyFile(content, 'bob.ppk');
  expect(read.keys).toEqual([key]);
  expect(read.note).toMatch(/^bob\.ppk is a PuTTY private key file: its public key was added/);
  expect(content.every((byte) => byte === 0)).toBe(true);
});

it('reads other files as they are', () => {
  expect(readPublicKeyFile(Buffer.from(key), 'id.pub')).toEqual({ keys: [key], note: null });
});

it.each([
  ['no public key', 'PuTTY-User-Key-File-3: ssh-ed25519\nComment: x\n'],
  ['too few lines', 'PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 3\nAAAA\n'],
  [
    'private lines among the public ones',
    puttyFile(2).toString().replace('Public-Lines: 2', 'Public-Lines: 4'),
  ],
  ['half a public key', puttyFile(2).toString().replace('Public-Lines: 2', 'Public-Lines: 1')],
])('refuses a PuTTY key file with %s, and does not repeat its content', (_, text) => {
  let thrown: unknown;
  try {
    readPublicKeyFile(Buffer.from(text), 'bob.ppk');
  } catch (error) {
    thrown = error;
  }
  expect(String(thrown)).toMatch(/bob\.ppk/);
  expect(String(thrown)).not.toContain('c2VjcmV0');
});

const noPuttygen = missing('puttygen');

it.skipIf(noPuttygen !== null)(`takes the public keys that puttygen writes${noPuttygen ?? ''}`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sftpgw-ppk-'));
  try {
    for (const version of ['2', '3'])
      for (const type of ['ed25519', 'ecdsa', 'rsa']) {
        const file = join(directory, `${type}${version}.ppk`);
        const parameters = ['-t', type, '-o', file, '-C', "bob's key", '--ppk-param', `version=${version}`];
        await runOk('puttygen', [...parameters, '--new-passphrase', '/dev/null', '-q']);
        const { stdout } = await runOk('puttygen', ['-L', file]);
        expect(readPublicKeyFile(await readFile(file), file).keys).toEqual([stdout.trim()]);
      }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
