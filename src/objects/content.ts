import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { RunningChecksum } from '../bytes/running-checksum.js';
import { isAbsence } from '../files/system-errors.js';
import type { Call } from '../model/call.js';
import { type Checksum, type ChecksumAlgorithm, compareChecksums } from '../model/checksum.js';
import type { LedgerRow } from '../model/ledger.js';
import type { ObjectInfo } from '../model/object-store.js';
import { rowOf } from '../vault/mtime.js';

/** What two contents are compared by. */
export interface Content {
  readonly size: number;
  readonly checksum: Checksum;
}

/** Null when nobody kept the checksum of the object: neither the ledger nor S3. */
export function contentOf(info: ObjectInfo, candidates: readonly LedgerRow[]): Content | null {
  const checksum = rowOf(info, candidates)?.confirmation?.checksum ?? info.checksum;
  return checksum === null ? null : { size: info.size, checksum };
}

/** False too when nobody knows: where there is no checksum, or those of two algorithms. */
export function isSameContent(one: Content | null, other: Content | null): boolean {
  if (one === null || other === null || one.size !== other.size) return false;
  return compareChecksums(one.checksum, other.checksum) === 'same';
}

/** Whether a file holds this content; it is read only when it has the size. False when there is no file. */
export async function fileHolds(call: Call, path: string, content: Content | null): Promise<boolean> {
  if (content === null) return false;
  try {
    const status = await stat(path);
    if (!status.isFile() || status.size !== content.size) return false;
    return isSameContent(await contentOfFile(call, path, content.checksum.algorithm), content);
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

/** Reads all of it. */
export async function contentOfFile(
  call: Call,
  path: string,
  algorithm: ChecksumAlgorithm,
): Promise<Content> {
  const sum = new RunningChecksum(algorithm);
  let size = 0;
  const bytes: AsyncIterable<Buffer> = createReadStream(path, {
    highWaterMark: 1024 * 1024,
    signal: call.signal,
  });
  for await (const piece of bytes) {
    sum.update(piece);
    size += piece.byteLength;
  }
  return { size, checksum: sum.checksum };
}
