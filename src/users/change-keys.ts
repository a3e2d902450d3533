import { readFile } from 'node:fs/promises';
import { isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import { parseAuthorizedKeys, parseKeyLine } from './authorized-keys.js';
import { fileFault } from './user-files.js';

/**
 * Returns the content of `authorized_keys` with these public keys appended. Keeps existing lines, and does
 * not add a key twice. Returns null if there is nothing to add. Throws `invalid` for a line without a usable
 * key.
 */
export async function addPublicKeys(path: string, publicKeys: readonly string[]): Promise<Buffer | null> {
  const existing = await readBytes(path);
  const known = new Set(parseAuthorizedKeys(existing.toString('utf8')).keys.map((key) => textOf(key.blob)));
  const added: string[] = [];
  for (const line of publicKeys.flatMap((text) => text.split(/\r\n|\r|\n/))) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    const parsed = parseKeyLine(content);
    if ('problem' in parsed) throw new Fault('invalid', `unusable public key: ${parsed.problem}`);
    const blob = textOf(parsed.key.blob);
    if (known.has(blob)) continue;
    known.add(blob);
    added.push(`${content}\n`);
  }
  if (added.length === 0) return null;
  const gap = existing.length > 0 && existing.at(-1) !== 0x0a ? '\n' : '';
  return Buffer.concat([existing, Buffer.from(gap + added.join(''))]);
}

function textOf(blob: Uint8Array): string {
  return Buffer.from(blob).toString('base64');
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isAbsence(error)) return Buffer.alloc(0);
    throw fileFault(path, 'read', error);
  }
}
