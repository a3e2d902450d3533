import { dirname, join } from 'node:path';
import { ensureDirectory, secretDirectoryMode, secretFileMode, writeFileDurably } from '../files/durable.js';
import { Fault } from '../model/fault.js';
import { snapshotSigner } from './authenticity.js';
import { signerDirectory } from './snapshot-paths.js';

/**
 * Stores the key that signs snapshots for this recovery identity below the root, without the identity. Throws
 * `invalid` or `unavailable`.
 */
export async function saveSigner(root: string, identity: string): Promise<void> {
  const { name, key } = snapshotSigner(identity);
  const path = join(root, signerDirectory, name);
  try {
    await ensureDirectory(dirname(path), secretDirectoryMode);
    await writeFileDurably(path, key, secretFileMode);
  } catch (error) {
    throw new Fault('unavailable', `${path} cannot be written`, { cause: error });
  }
}
