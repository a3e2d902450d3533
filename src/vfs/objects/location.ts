import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { maxKeyBytes } from '../../model/path.js';
import { shownPath } from '../mount.js';

/**
 * The location of a mount in S3. The key of the file `/a` is `prefix + 'a'`, that of the directory `/a` is
 * `prefix + 'a/'`.
 */
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

  /** Returns a path as the user sees it, in quotes, for a message. */
  shown(path: string): string {
    return JSON.stringify(shownPath(this.point, path));
  }

  /** Returns the object of a file. Throws `invalid` if the key is too long for S3. */
  file(path: string): ObjectRef {
    return { bucket: this.bucket, key: this.#checked(path, path.slice(1)) };
  }

  /**
   * Returns the marker of a directory, whose key is also the prefix of everything below it. It may be a byte
   * too long for S3, see `fits`.
   */
  directory(path: string): ObjectRef {
    return { bucket: this.bucket, key: path === '/' ? this.prefix : `${this.prefix}${path.slice(1)}/` };
  }

  /** Returns the marker of a new directory. Throws `invalid` if its key is too long for S3. */
  newDirectory(path: string): ObjectRef {
    return { bucket: this.bucket, key: this.#checked(path, `${path.slice(1)}/`) };
  }

  #checked(path: string, relative: string): string {
    const key = this.prefix + relative;
    if (fitsKeyLimit(key)) return key;
    const bytes = Buffer.byteLength(key);
    throw new Fault(
      'invalid',
      `the name is too long: S3 keys have at most ${maxKeyBytes} bytes, but ${this.shown(path).slice(0, 80)}... would have ${bytes}; use shorter names for files or directories`,
    );
  }
}

/** Returns whether the key is short enough for S3. */
export function fitsKeyLimit(key: string): boolean {
  // A UTF-16 unit takes at most three bytes, so short keys need no counting.
  return key.length * 3 <= maxKeyBytes || Buffer.byteLength(key) <= maxKeyBytes;
}

/**
 * Returns whether a client can request this name. S3 accepts keys such as `a//b`, `a/../b` or keys with
 * control characters, which clients cannot request. Half a surrogate pair is not UTF-8.
 */
export function isUsableName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
  return name !== '' && name !== '.' && name !== '..' && !/[\u0000-\u001f\u007f/]|\p{Surrogate}/u.test(name);
}
