import { Fault } from '../model/fault.js';
import { keyTypeOf } from '../sftp/openssh-key.js';

/**
 * The public keys of a text as lines for `authorized_keys`; blank lines and comments drop out. Throws `invalid`, naming
 * `where` and the line.
 */
export function parsePublicKeys(text: string, where: string): readonly string[] {
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|^PuTTY-User-Key-File/m.test(text)) {
    throw new Fault(
      'invalid',
      `${where} holds a private key, which stays with its user; give the public one (.pub)`,
    );
  }
  if (text.includes('---- BEGIN SSH2 PUBLIC KEY ----')) {
    throw new Fault('invalid', `${where} is in SSH2 form; convert it first: ssh-keygen -i -f FILE`);
  }
  const keys: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    checkPublicKey(trimmed, `${where}, line ${index + 1}`);
    keys.push(trimmed);
  }
  if (keys.length === 0) throw new Fault('invalid', `${where} holds no public key`);
  return keys;
}

/** `ALGORITHM BASE64 [COMMENT]`, options in front allowed: the key says its algorithm itself (RFC 4253 section 6.6). */
function checkPublicKey(line: string, where: string): void {
  const match =
    /(?:^|\s)(?<algorithm>(?:ssh|ecdsa|sk)-[\w@.-]+)\s+(?<blob>[A-Za-z0-9+/]+={0,2})(?:\s|$)/.exec(line);
  const { algorithm = '', blob = '' } = match?.groups ?? {};
  const bytes = Buffer.from(blob, 'base64');
  if (match === null || bytes.byteLength < 4 || keyTypeOf(bytes) !== algorithm) {
    throw new Fault(
      'invalid',
      `${where}: not a public key; expected a line such as "ssh-ed25519 AAAA... name"`,
    );
  }
}
