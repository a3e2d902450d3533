import { expect, it } from 'vitest';
import { parsePublicKeys } from '../../users/logins/public-keys.js';
import { ScriptedPrompter } from '../terminal/testing/fake-shell.js';
import { readPastedKey } from './pasted-key.js';

const blob = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
const key = `ssh-ed25519 ${blob} bob@laptop`;
const ssh2 = [
  '---- BEGIN SSH2 PUBLIC KEY ----',
  'Comment: "bob@laptop"',
  blob,
  '---- END SSH2 PUBLIC KEY ----',
];

it('reads a pasted key in SSH2 form to its last line', async () => {
  const [first = '', ...rest] = ssh2;
  const prompter = new ScriptedPrompter(rest.map((line) => ['', line]));
  expect(parsePublicKeys(await readPastedKey(prompter, first), 'the pasted text')).toEqual([key]);
  expect(prompter.unasked).toBe(0);
  expect(await readPastedKey(prompter, key)).toBe(key);
});
