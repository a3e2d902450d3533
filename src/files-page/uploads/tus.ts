import { Refusal } from '../../api/refusal.js';
import { Fault } from '../../model/fault.js';
import { pathOf } from '../tree/paths.js';
import type { AnnouncedUpload } from './upload-desk.js';

/** The version of the protocol (https://tus.io/protocols/resumable-upload, version 1.0.0). */
export const tusVersion = '1.0.0';
export const tusExtensions = 'creation,expiration,termination';
export const tusContentType = 'application/offset+octet-stream';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Throws a refusal with the status 412 for another version of the protocol. */
export function requireTus(headers: Headers): void {
  if (headers['tus-resumable'] === tusVersion) return;
  throw new Refusal('invalid', `the header Tus-Resumable must be ${tusVersion}`, { status: 412 });
}

/**
 * Returns the upload that the headers announce: `Upload-Length` in bytes, and in `Upload-Metadata` the `path` and the
 * file's time as `mtime`, in seconds since the epoch. Without a time it is the present one. Throws `invalid` and
 * `too-large`.
 */
export function announcedUpload(headers: Headers, nowMs: number, maxBytes: number): AnnouncedUpload {
  const length = wholeNumber(headers, 'upload-length');
  const metadata = metadataOf(headers['upload-metadata']);
  const path = metadata.get('path');
  if (path === undefined) throw wrongHeader('upload-metadata', 'needs a path');
  const normal = pathOf(path);
  if (normal.startsWith('/uploads/') && length > maxBytes) {
    throw new Fault('too-large', `a file may have up to ${maxBytes} bytes`);
  }
  const mtime = metadata.get('mtime') ?? String(Math.floor(nowMs / 1000));
  if (!/^\d{1,10}$/.test(mtime)) throw wrongHeader('upload-metadata', 'has an mtime that is not in seconds');
  return { path: normal, length, mtimeSeconds: Number(mtime) };
}

/** Returns the header as a number. Throws `invalid`. */
export function wholeNumber(headers: Headers, name: 'upload-length' | 'upload-offset'): number {
  const text = headers[name];
  if (typeof text !== 'string' || !/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw wrongHeader(name, 'must be a number of bytes');
  }
  return Number(text);
}

/** Returns the pairs of `Upload-Metadata`: keys and values in base64, separated by commas. */
function metadataOf(header: Headers[string]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (typeof header !== 'string') return found;
  for (const pair of header.split(',')) {
    const [key = '', value = ''] = pair.trim().split(' ', 2);
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value))
      throw wrongHeader('upload-metadata', 'has a value that is not base64');
    const text = decoded(Buffer.from(value, 'base64'));
    if (text === null) throw wrongHeader('upload-metadata', 'has a value that is not UTF-8');
    found.set(key, text);
  }
  return found;
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function wrongHeader(name: string, detail: string): Refusal {
  return new Refusal('invalid', `${name} ${detail}`, {
    fields: [{ in: 'header', pointer: `/${name}`, detail }],
  });
}
