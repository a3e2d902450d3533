import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ensureDirectory, secretDirectoryMode, secretFileMode, writeFileDurably } from '../files/durable.js';
import { isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';

/** This root's record of its copy in the bucket. If it is lost, the next run only copies everything again. */
export interface CopyState {
  /** The id of this root, 16 hexadecimal digits, so that two gateways do not overwrite each other's copy. */
  readonly gateway: string;
  readonly bucket: string | null;
  /** The last snapshot that this root wrote, and the SHA-256 of its content. */
  readonly snapshot: number | null;
  readonly snapshotDigest: string;
  /** The SHA-256 of each file of the keyring in the bucket, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Time of the last complete copy, in ms. */
  readonly completeMs: number | null;
  /**
   * The root at the last complete copy: a text that differs after every change (see `RootState`), and the names of its
   * signers. Null if they are unknown. Records of earlier versions do not have it.
   */
  readonly copied?: { readonly stamps: string; readonly signers: readonly string[] } | null;
  /** The failure of the last attempt; null after a success. */
  readonly failure: { readonly ms: number; readonly text: string } | null;
}

const format = 1;

/** Returns null if the file does not exist or is invalid. Throws `unavailable`. */
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
  // Only this program writes the file, and it does so atomically.
  return fields as unknown as CopyState;
}

/** Writes the record durably. Throws `unavailable`. */
export async function writeCopyState(path: string, state: CopyState): Promise<void> {
  try {
    await ensureDirectory(dirname(path), secretDirectoryMode);
    await writeFileDurably(path, `${JSON.stringify({ format, ...state }, null, 2)}\n`, secretFileMode);
  } catch (error) {
    throw new Fault('unavailable', `${path} cannot be written`, { cause: error });
  }
}
