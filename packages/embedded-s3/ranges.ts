import { invalidRange } from './errors.js';

/** From the first byte to the byte before `end`. */
export interface ResolvedRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Returns the range that a Range header requests from an object of this size; null for the whole
 * (no header, several ranges, or a malformed one, which RFC 9110 section 14.2 requires a server to
 * ignore). Throws InvalidRange if the object has no byte of it.
 */
export function resolveRange(header: string | undefined, size: number): ResolvedRange | null {
  const match = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header ?? '');
  if (header === undefined || match === null) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  if (first === '') {
    const length = Math.min(Number(last), size);
    if (length === 0) throw invalidRange(header, size);
    return { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return null;
  if (start >= size) throw invalidRange(header, size);
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}
