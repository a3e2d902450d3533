import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { maxKeyBytes } from '../../model/path.js';
import { shownPath } from '../mount.js';

/** Where a mount is in S3: the key of `/a` is `prefix + 'a'`, that of the directory `/a` is `prefix + 'a/'`. */
export class ObjectLocation {
  readonly point: string;
  readonly bucket: string;
  /** Ends with `/`. */
  readonly prefix: string;

  constructor(point: string, bucket: string, prefix: string) {
    this.point = point;
    this.bucket = bucket;
    this.prefix = prefix;
  }

  /** A path as the user knows it, in quotes, for a message. */
  shown(path: string): string {
    return JSON.stringify(shownPath(this.point, path));
  }

  /** Throws `invalid` when S3 could not take the key. */
  file(path: string): ObjectRef {
    return { bucket: this.bucket, key: this.#checked(path, path.slice(1)) };
  }

  /** The marker of a directory, which is also the prefix of all that is below it. May be a byte too long for S3: see `fits`. */
  directory(path: string): ObjectRef {
    return { bucket: this.bucket, key: path === '/' ? this.prefix : `${this.prefix}${path.slice(1)}/` };
  }

  /** Throws `invalid` when S3 could not take the marker of this directory. */
  newDirectory(path: string): ObjectRef {
    return { bucket: this.bucket, key: this.#checked(path, `${path.slice(1)}/`) };
  }

  #checked(path: string, relative: string): string {
    const key = this.prefix + relative;
    if (fits(key)) return key;
    const bytes = Buffer.byteLength(key);
    throw new Fault(
      'invalid',
      `the name is too long: S3 takes keys of ${maxKeyBytes} bytes, ${this.shown(path).slice(0, 80)}... would be one of ${bytes}; use shorter names of files or directories`,
    );
  }
}

/** Whether S3 takes a key of this length. */
export function fits(key: string): boolean {
  // A UTF-16 unit takes at most three bytes, so that short keys need no count.
  return key.length * 3 <= maxKeyBytes || Buffer.byteLength(key) <= maxKeyBytes;
}

/**
 * Whether a path can name it: S3 takes keys such as `a//b`, `a/../b` or ones with control characters, which no client could
 * ask for. Half of a surrogate pair is not UTF-8.
 */
export function isUsableName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return name !== '' && name !== '.' && name !== '..' && !/[\u0000-\u001f\u007f/]|\p{Surrogate}/u.test(name);
}
