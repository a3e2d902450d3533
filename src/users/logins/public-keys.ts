import {
  convertPublicKeys,
  isPuttyKeyFile,
  isSsh2PublicKey,
  KeyError,
  publicKeyOfPuttyFile,
} from '@sftpgw/ssh/keys';
import { Fault } from '../../model/fault.js';
import { parseAuthorizedKeys } from '../authorized-keys.js';

/**
 * Returns the public keys of a text as lines for `authorized_keys`, without blank lines and
 * comments. Converts keys in the form of RFC 4716, which PuTTYgen saves as well. Throws `invalid`
 * with `where` and the line for every key that the SFTP server would skip.
 */
export function parsePublicKeys(text: string, where: string): readonly string[] {
  const converted = convert(text, where);
  const { keys, problems } = parseAuthorizedKeys(converted);
  const [problem] = problems;
  if (problem !== undefined) {
    // Line numbers are those of the text that was given.
    const line = converted === text ? `, line ${problem.line}` : '';
    throw new Fault('invalid', `${where}${line}: ${problem.text}`);
  }
  if (keys.length === 0) throw new Fault('invalid', `${where} holds no public key`);
  const lines = converted.split(/\r\n|\r|\n/);
  return keys.map(({ line }) => (lines[line - 1] ?? '').replace(/^\ufeff/, '').trim());
}

/** Public keys of a file, and a line about them for the administrator. */
export interface PublicKeyFile {
  readonly keys: readonly string[];
  readonly note: string | null;
}

/**
 * Returns the public keys of a file, see `parsePublicKeys`. Takes only the public key of a PuTTY key file
 * (.ppk), and erases `content`, which has the private one too.
 */
export function readPublicKeyFile(content: Uint8Array, where: string): PublicKeyFile {
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8');
  if (!isPuttyKeyFile(text)) return { keys: parsePublicKeys(text, where), note: null };
  content.fill(0);
  const keys = parsePublicKeys(
    faulting(where, () => publicKeyOfPuttyFile(text)),
    where,
  );
  const note = `${where} is a PuTTY private key file: its public key was added. The private key was not kept; it belongs to the user only.`;
  return { keys, note };
}

function convert(text: string, where: string): string {
  const converted = faulting(where, () => convertPublicKeys(text));
  return isSsh2PublicKey(text) ? converted : text;
}

/** Throws a `KeyError` as `invalid`, with the name of the file. */
function faulting<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw new Fault('invalid', `${where}: ${error.message}`);
  }
}
