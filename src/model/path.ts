import { Fault } from './fault.js';

/**
 * S3's limit for a key, in bytes of UTF-8.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
 */
export const maxKeyBytes = 1024;

/** Longer paths are refused before they are parsed, in bytes. */
export const maxPathBytes = 4096;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Turns a client's path into an absolute one, and is the only function that does so: drops `.` and
 * empty segments, and resolves `..` without leaving `/`. An empty path is the home directory, `/`
 * (draft-ietf-secsh-filexfer-02 section 6.2). Throws `invalid` for bytes that are not UTF-8, for
 * control characters and for paths that are too long.
 */
export function normalisePath(raw: Uint8Array): string {
  if (raw.byteLength > maxPathBytes)
    throw new Fault('invalid', `the path is longer than ${maxPathBytes} bytes`);
  let text: string;
  try {
    text = utf8.decode(raw);
  } catch {
    throw new Fault('invalid', 'the path is not valid UTF-8');
  }
  return normalisePathText(text);
}

/** Applies `normalisePath` to text that is already decoded. */
export function normalisePathText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
  if (/[\u0000-\u001f\u007f]/.test(text)) throw new Fault('invalid', 'the path contains a control character');
  const segments: string[] = [];
  for (const segment of text.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

/** Returns the directory of a normalised path; `/` for `/` itself. */
export function parentPath(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/** Returns the last segment of a normalised path; empty for `/`. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
