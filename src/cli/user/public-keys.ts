import { Fault } from '../../model/fault.js';
import { parseAuthorizedKeys } from '../../users/authorized-keys.js';

/**
 * The public keys of a text as lines for `authorized_keys`; blank lines and comments drop out. Throws `invalid`, naming
 * `where` and the line: unlike the door, who types keys should hear of every bad one.
 */
export function parsePublicKeys(text: string, where: string): readonly string[] {
  if (/^PuTTY-User-Key-File/m.test(text)) {
    throw new Fault(
      'invalid',
      `${where} holds a PuTTY private key; give the public one, as PuTTYgen shows it`,
    );
  }
  if (text.includes('---- BEGIN SSH2 PUBLIC KEY ----')) {
    throw new Fault('invalid', `${where} is in SSH2 form; convert it first: ssh-keygen -i -f FILE`);
  }
  const { keys, problems } = parseAuthorizedKeys(text);
  const [problem] = problems;
  if (problem !== undefined) throw new Fault('invalid', `${where}, line ${problem.line}: ${problem.text}`);
  if (keys.length === 0) throw new Fault('invalid', `${where} holds no public key`);
  const lines = text.split(/\r\n|\r|\n/);
  return keys.map(({ line }) => (lines[line - 1] ?? '').replace(/^\ufeff/, '').trim());
}
