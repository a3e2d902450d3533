import type { ByteRange } from '../../model/object-store.js';
import { s3PartLimits } from '../upload/part-schedule.js';

/** A part of the new object: bytes that the gateway sends, or a range of the old object that S3 copies. */
export interface EditPart extends ByteRange {
  readonly from: 'gateway' | 'object';
}

/** Size in bytes of a part that the gateway sends: the smallest that S3 accepts. */
const sentPartBytes = s3PartLimits.minBytes;

/**
 * Plans the parts of an object of `size` bytes whose unchanged bytes are at the same offsets of the old
 * object. `unchanged` are their ranges, in order. Every part but the last has 5 MiB to 5 GiB, so that bytes
 * around a change are sent with it. Returns null if no part can be copied, or if the parts are more than
 * 10,000: all bytes are then sent.
 */
export function planEdit(size: number, unchanged: Iterable<ByteRange>): readonly EditPart[] | null {
  const parts: EditPart[] = [];
  let position = 0;
  for (const { start, end } of unchanged) {
    const sent = Math.max(0, start - position);
    const from = position + Math.ceil(sent / sentPartBytes) * sentPartBytes;
    if (end - from < s3PartLimits.minBytes) continue;
    addSent(parts, position, from);
    addCopied(parts, from, end);
    position = end;
    if (parts.length > s3PartLimits.parts) return null;
  }
  if (position === 0) return null;
  addSent(parts, position, size);
  return parts.length > s3PartLimits.parts ? null : parts;
}

function addSent(parts: EditPart[], start: number, end: number): void {
  for (let at = start; at < end && parts.length <= s3PartLimits.parts; at += sentPartBytes) {
    parts.push({ from: 'gateway', start: at, end: Math.min(end, at + sentPartBytes) });
  }
}

/** Splits a range into equal parts of up to 5 GiB. */
function addCopied(parts: EditPart[], start: number, end: number): void {
  const count = Math.ceil((end - start) / s3PartLimits.maxBytes);
  const length = Math.ceil((end - start) / count);
  for (let at = start; at < end; at += length) {
    parts.push({ from: 'object', start: at, end: Math.min(end, at + length) });
  }
}
