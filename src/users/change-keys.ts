import { readFile } from 'node:fs/promises';
import { isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import type { UserChange } from '../model/users.js';
import { parseAuthorizedKeys, parseKeyLine } from './authorized-keys.js';
import { fileFault } from './user-files.js';

/**
 * Returns the content of `authorized_keys` after a change: without the lines of the removed fingerprints, and with
 * these public keys appended. Keeps all other lines, and does not add a key twice. Returns null if nothing changes.
 * Throws `invalid` for a line without a usable key, and `not-found` for a fingerprint that no line has.
 */
export async function changePublicKeys(
  path: string,
  { publicKeys = [], removePublicKeys = [] }: Pick<UserChange, 'publicKeys' | 'removePublicKeys'>,
): Promise<Buffer | null> {
  const before = await readBytes(path);
  const existing = removePublicKeys.length === 0 ? before : withoutKeys(before, removePublicKeys);
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
  if (added.length === 0) return existing === before ? null : existing;
  const gap = existing.length > 0 && existing.at(-1) !== 0x0a ? '\n' : '';
  return Buffer.concat([existing, Buffer.from(gap + added.join(''))]);
}

/** Removes every line with one of these keys, byte by byte, so that the others stay as they are. */
function withoutKeys(existing: Buffer, fingerprints: readonly string[]): Buffer {
  const text = existing.toString('latin1');
  const { byFingerprint } = parseAuthorizedKeys(existing.toString('utf8'));
  const removed = new Set<number>();
  for (const fingerprint of fingerprints) {
    const lines = byFingerprint.get(fingerprint);
    if (lines === undefined) throw new Fault('not-found', `no public key has the fingerprint ${fingerprint}`);
    for (const { line } of lines) removed.add(line);
  }
  const lines = text.match(/[^\r\n]*(?:\r\n|\r|\n|$)/g) ?? [];
  return Buffer.from(lines.filter((_, index) => !removed.has(index + 1)).join(''), 'latin1');
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
