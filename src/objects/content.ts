import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { isAbsence } from '../files/system-errors.js';
import type { Call } from '../model/call.js';
import type { LedgerRow } from '../model/ledger.js';
import type { ObjectInfo } from '../model/object-store.js';
import { rowOf } from '../vault/mtime.js';

/** What two contents are compared by. */
export interface Content {
  readonly size: number;
  readonly crc32: number;
}

/** Null when nobody kept the CRC-32 of the object: neither the ledger nor S3. */
export function contentOf(info: ObjectInfo, candidates: readonly LedgerRow[]): Content | null {
  const crc = rowOf(info, candidates)?.confirmation?.crc32 ?? info.crc32;
  return crc === null ? null : { size: info.size, crc32: crc >>> 0 };
}

export function isSameContent(one: Content | null, other: Content | null): boolean {
  return one !== null && other !== null && one.size === other.size && one.crc32 === other.crc32;
}

/** Whether a file holds this content; it is read only when it has the size. False when there is no file. */
export async function fileHolds(call: Call, path: string, content: Content | null): Promise<boolean> {
  if (content === null) return false;
  try {
    const status = await stat(path);
    if (!status.isFile() || status.size !== content.size) return false;
    return isSameContent(await contentOfFile(call, path), content);
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

/** Reads all of it. */
export async function contentOfFile(call: Call, path: string): Promise<Content> {
  let sum = 0;
  let size = 0;
  const bytes: AsyncIterable<Buffer> = createReadStream(path, {
    highWaterMark: 1024 * 1024,
    signal: call.signal,
  });
  for await (const piece of bytes) {
    sum = crc32(piece, sum);
    size += piece.byteLength;
  }
  return { size, crc32: sum };
}
