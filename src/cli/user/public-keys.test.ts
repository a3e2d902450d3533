import { expect, it } from 'vitest';
import { ScriptedPrompter } from '../terminal/testing/fake-shell.js';
import { parsePublicKeys, readPastedKey } from './public-keys.js';

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

it('reads a pasted key in SSH2 form to its last line', async () => {
  const [first = '', ...rest] = ssh2;
  const prompter = new ScriptedPrompter(rest.map((line) => ['', line]));
  expect(parsePublicKeys(await readPastedKey(prompter, first), 'the pasted text')).toEqual([key]);
  expect(prompter.unasked).toBe(0);
  expect(await readPastedKey(prompter, key)).toBe(key);
});
