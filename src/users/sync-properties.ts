import { readFile } from 'node:fs/promises';
import { isAbsence } from '../files/system-errors.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { EncryptionOption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import { fileFault, located } from './user-files.js';
import { parseUserProperties } from './user-properties.js';

/** The settings in a `user.properties` file for objects that other clients write and the user downloads. */
export interface SyncProperties {
  readonly option: EncryptionOption | null;
  readonly kmsKeyArn: string | null;
  readonly syncKeyId: KeyFingerprint | null;
  readonly uploadKeyId: KeyFingerprint | null;
  /** Settings that apply only to users' own directories, in the form `name=value`. */
  readonly ignored: readonly string[];
}

const noProperties: SyncProperties = {
  option: null,
  kmsKeyArn: null,
  syncKeyId: null,
  uploadKeyId: null,
  ignored: [],
};

/**
 * Reads the settings; a missing file has none. Throws `invalid`, with file and line, for a file with an
 * error, and `denied` or `unavailable` for the disk.
 */
export async function readSyncProperties(path: string): Promise<SyncProperties> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (isAbsence(error)) return noProperties;
    throw fileFault(path, 'read', error);
  }
  const { properties, problems } = parseUserProperties(bytes);
  const errors = located(
    path,
    problems.filter(({ severity }) => severity === 'error'),
  );
  if (errors.length > 0) throw new Fault('invalid', errors.join('; '));
  const { syncOption: option, kmsKeyArn, syncKeyId, uploadKeyId } = properties;
  const ignored = [
    ...(properties.downloadsMode === 'direct' ? ['downloads.mode=direct'] : []),
    ...(properties.downloadsDelete ? ['downloads.delete=yes'] : []),
  ];
  return { option, kmsKeyArn, syncKeyId, uploadKeyId, ignored };
}
