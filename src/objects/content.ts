import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { RunningChecksum } from '../bytes/running-checksum.js';
import { isAbsence } from '../files/system-errors.js';
import type { Call } from '../model/call.js';
import { type Checksum, type ChecksumAlgorithm, compareChecksums } from '../model/checksum.js';
import type { LedgerRow } from '../model/ledger.js';
import type { ObjectInfo } from '../model/object-store.js';
import { rowOf } from '../vault/mtime.js';

/** Size and checksum by which contents are compared. */
export interface Content {
  readonly size: number;
  readonly checksum: Checksum;
}

/** Returns the content of an object. Null if neither the ledger nor S3 has its checksum. */
export function contentOf(info: ObjectInfo, candidates: readonly LedgerRow[]): Content | null {
  const checksum = rowOf(info, candidates)?.confirmation?.checksum ?? info.checksum;
  return checksum === null ? null : { size: info.size, checksum };
}

/** Compares two contents. Returns false also if a checksum is missing or the algorithms differ. */
export function isSameContent(one: Content | null, other: Content | null): boolean {
  if (one === null || other === null || one.size !== other.size) return false;
  return compareChecksums(one.checksum, other.checksum) === 'same';
}

/**
 * Reports whether a file has this content. Reads the file only if its size matches. Returns false if there is
 * no file.
 */
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

/** Reads the whole file and returns its content. */
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
