import { convertPublicKeys, isSsh2PublicKey, KeyError } from '@sftpgw/ssh/keys';
import { Fault } from '../../model/fault.js';
import { parseAuthorizedKeys } from '../../users/authorized-keys.js';
import type { Prompter } from '../terminal/prompter.js';

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

function convert(text: string, where: string): string {
  try {
    const converted = convertPublicKeys(text);
    return isSsh2PublicKey(text) ? converted : text;
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw new Fault('invalid', `${where}: ${error.message}`);
  }
}

/** An RSA key of 16,384 bits has about 50 lines. */
const maxPastedLines = 200;

/** Returns the whole key that begins with the pasted line. A key in the form of RFC 4716 has several lines. */
export async function readPastedKey(prompter: Prompter, firstLine: string): Promise<string> {
  const lines = [firstLine];
  if (!isSsh2PublicKey(firstLine.trim())) return firstLine;
  while (!/^---- END SSH2 PUBLIC KEY ----\s*$/.test(lines.at(-1) ?? '') && lines.length < maxPastedLines) {
    lines.push(await prompter.ask(''));
  }
  return lines.join('\n');
}
