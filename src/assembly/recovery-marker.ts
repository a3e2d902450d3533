import { readFile } from 'node:fs/promises';
import { removeFileDurably, secretFileMode, writeFileDurably } from '../files/durable.js';
import { isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import type { LiveSettings } from './live-settings.js';

/**
 * Throws `conflict` if a recovery was interrupted. The gateway must not serve such a root, because some users
 * may lack their keys.
 */
export async function refuseIncompleteRecovery({ paths }: LiveSettings): Promise<void> {
  if ((await readRecoveryMarker(paths.recoveringFile)) === null) return;
  throw new Fault(
    'conflict',
    `the recovery of ${paths.root} was interrupted: run the same \`sftpgw recover\` again to resume it`,
  );
}

/**
 * Returns the bucket of an unfinished recovery, or null if there is none. Throws `unavailable` if the marker
 * cannot be read.
 */
export async function readRecoveryMarker(path: string): Promise<string | null> {
  try {
    const { bucket } = Object(JSON.parse(await readFile(path, 'utf8'))) as { readonly bucket?: unknown };
    return String(bucket);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw new Fault('unavailable', `${path} cannot be read`, { cause: error });
  }
}

/** Records durably that a recovery from this bucket has begun. */
export async function writeRecoveryMarker(path: string, bucket: string): Promise<void> {
  await writeFileDurably(path, `${JSON.stringify({ bucket })}\n`, secretFileMode);
}

/** Removes the marker durably once the recovery is complete. */
export async function removeRecoveryMarker(path: string): Promise<void> {
  await removeFileDurably(path);
}
