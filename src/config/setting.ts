import type { ValueKind } from './values.js';

/** One global setting. */
export interface Setting<T> {
  /** As it stands in `sftpgateway.properties`. */
  readonly name: string;
  readonly kind: ValueKind<T>;
  /** The default below this root. */
  readonly defaultFor: (root: string) => T;
  /** A sentence or two, for the documentation and the default file. */
  readonly description: string;
}

export const second = 1_000;
export const hour = 3_600 * second;
export const mebibyte = 1024 ** 2;
export const gibibyte = 1024 ** 3;
export const tebibyte = 1024 ** 4;

/** Returns a setting whose default is the same below all roots. */
export function setting<T>(name: string, kind: ValueKind<T>, fallback: T, description: string): Setting<T> {
  return { name, kind, defaultFor: () => fallback, description };
}
