import { parseKeyRecord } from '../keyring/key-record.js';
import { replicatedFile } from './replicated-files.js';
import type { RootScanner } from './scanner.js';

/**
 * Returns whether a file that is missing belongs to a key that was not destroyed by a command. Someone has removed
 * it by mistake, and objects of all nodes may need it.
 */
export async function isLostKey(path: string, scanner: Pick<RootScanner, 'read'>): Promise<boolean> {
  const kind = replicatedFile(path)?.kind;
  if (kind === 'key-description') return true;
  if (kind !== 'sealed-key') return false;
  try {
    const description = await scanner.read(path.replace(/age$/, 'json'));
    return description === null || parseKeyRecord(description.content.toString('utf8')).state !== 'destroyed';
  } catch {
    return true;
  }
}
