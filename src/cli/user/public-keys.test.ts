import { expect, it } from 'vitest';
import { parsePublicKeys } from './public-keys.js';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob@laptop';

it('accepts one key per line, without blank lines and comments', () => {
  expect(parsePublicKeys(`# mine\r\n\r\n${key}\r\n  ${key}\n`, 'id.pub')).toEqual([key, key]);
});

it.each([
  ['nothing', '\n# only a comment\n', /holds no public key/],
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl', /is a private key/],
  ['a PuTTY key', 'PuTTY-User-Key-File-3: ssh-ed25519\n', /PuTTY private key/],
  ['a key in SSH2 form', '---- BEGIN SSH2 PUBLIC KEY ----\nAAAA', /ssh-keygen -i/],
  ['a word', `${key}\nhello\n`, /id\.pub, line 2/],
])('refuses %s and names the file', (_, text, reason) => {
  expect(() => parsePublicKeys(text, 'id.pub')).toThrow(reason);
});
