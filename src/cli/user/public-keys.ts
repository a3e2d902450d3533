import { Fault } from '../../model/fault.js';
import { parseAuthorizedKeys } from '../../users/authorized-keys.js';

/**
 * Returns the public keys of a text as lines for `authorized_keys`, without blank lines and
 * comments. Throws `invalid` with `where` and the line for every key that the SFTP server would
 * skip.
 */
export function parsePublicKeys(text: string, where: string): readonly string[] {
  if (/^PuTTY-User-Key-File/m.test(text)) {
    throw new Fault('invalid', `${where} holds a PuTTY private key: give the public key that PuTTYgen shows`);
  }
  if (text.includes('---- BEGIN SSH2 PUBLIC KEY ----')) {
    throw new Fault('invalid', `${where} is in the SSH2 format: convert it with ssh-keygen -i -f FILE`);
  }
  const { keys, problems } = parseAuthorizedKeys(text);
  const [problem] = problems;
  if (problem !== undefined) throw new Fault('invalid', `${where}, line ${problem.line}: ${problem.text}`);
  if (keys.length === 0) throw new Fault('invalid', `${where} holds no public key`);
  const lines = text.split(/\r\n|\r|\n/);
  return keys.map(({ line }) => (lines[line - 1] ?? '').replace(/^\ufeff/, '').trim());
}
