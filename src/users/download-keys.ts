import type { CustomerKey } from '../model/customer-key.js';
import type { KeyFiles } from '../model/key-files.js';

/**
 * The keys that may open downloads: that of `sse-sync.key` first, then those it replaced, then those of the uploads; each
 * once. Faults as `KeyFiles.loadAll`.
 */
export async function loadDownloadKeys(
  keyFiles: KeyFiles,
  syncKeyPath: string,
  uploadKeyPath: string,
): Promise<readonly CustomerKey[]> {
  const keys = new Map<string, CustomerKey>();
  for (const path of [syncKeyPath, uploadKeyPath]) {
    for (const key of await keyFiles.loadAll(path)) {
      if (!keys.has(key.fingerprint)) keys.set(key.fingerprint, key);
    }
  }
  return [...keys.values()];
}
