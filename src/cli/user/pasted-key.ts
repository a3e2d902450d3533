import { isSsh2PublicKey } from '@sftpgw/ssh/keys';
import type { Prompter } from '../terminal/prompter.js';

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
