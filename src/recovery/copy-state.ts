import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ensureDirectory, secretDirectoryMode, secretFileMode, writeFileDurably } from '../files/durable.js';
import { isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';

/** What this root knows of its copy in the bucket. Lost, it only costs a copy that was not needed. */
export interface CopyState {
  /** Names this root, so that two do not write over each other: 16 hexadecimal digits. */
  readonly gateway: string;
  readonly bucket: string | null;
  /** The last snapshot that this root wrote, and what was in it. */
  readonly snapshot: number | null;
  readonly snapshotDigest: string;
  /** The SHA-256 of each file of the keyring in the bucket, by its name. */
  readonly files: Readonly<Record<string, string>>;
  /** When the bucket last had everything. */
  readonly completeMs: number | null;
  /** The last attempt, when it failed. */
  readonly failure: { readonly ms: number; readonly text: string } | null;
}

const format = 1;

/** Null when there is none, or none that can be read. */
export async function readCopyState(path: string): Promise<CopyState | null> {
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = Object(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (isAbsence(error) || error instanceof SyntaxError) return null;
    throw new Fault('unavailable', `${path} cannot be read`, { cause: error });
  }
  const { gateway } = fields;
  if (fields['format'] !== format || typeof gateway !== 'string' || !/^[0-9a-f]{16}$/.test(gateway))
    return null;
  // Written by this program only, atomically.
  return fields as unknown as CopyState;
}

export async function writeCopyState(path: string, state: CopyState): Promise<void> {
  try {
    await ensureDirectory(dirname(path), secretDirectoryMode);
    await writeFileDurably(path, `${JSON.stringify({ format, ...state }, null, 2)}\n`, secretFileMode);
  } catch (error) {
    throw new Fault('unavailable', `${path} cannot be written`, { cause: error });
  }
}
