import type { KnownEncryption } from '../../objects/encryption-lookup.js';
import type { ListEntry } from '../../objects/listing.js';
import { printable } from '../../objects/s3-url.js';

const names = {
  'sse-c': 'SSE-C',
  'sse-c-unknown-key': 'SSE-C',
  'sse-s3': 'SSE-S3',
  'sse-kms': 'SSE-KMS',
  'bucket-default': 'default',
  none: 'none',
  'not-known': '?',
} as const;

/** Returns the encryption as one word. */
export function encryptionName({ kind }: KnownEncryption): string {
  return names[kind];
}

/** Digits of a fingerprint in a column. `--key` accepts them. */
const shortIdLength = 8;

/** Returns the key for a column: the first digits of its fingerprint and its label. */
export function keyName(encryption: KnownEncryption): string {
  switch (encryption.kind) {
    case 'sse-c':
      return `${encryption.keyId.slice(0, shortIdLength)} ${encryption.keyState === null ? '(not available)' : printable(encryption.label)}`.trimEnd();
    case 'sse-c-unknown-key':
      return 'unknown key';
    case 'sse-kms':
      return encryption.keyArn?.split('/').at(-1) ?? '';
    default:
      return '';
  }
}

/** Describes the key in full. */
export function describeObjectKey(encryption: KnownEncryption): string {
  switch (encryption.kind) {
    case 'sse-c': {
      const { keyId, label, keyState } = encryption;
      const state = keyState ?? 'not available';
      return `${keyId} (${[printable(label), state].filter((part) => part !== '').join(', ')})`;
    }
    case 'sse-c-unknown-key':
      return 'unknown: none of the available keys opens it';
    case 'sse-kms':
      return encryption.keyArn ?? "S3's own";
    case 'not-known':
      return encryption.why;
    default:
      return '';
  }
}

/** Returns a time as `2026-05-01T12:00:00Z`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/**
 * Returns one line of a listing. The columns have a fixed width, because the entries are not known
 * in advance.
 */
export function listLine(entry: ListEntry): string {
  const name = printable(entry.key);
  if (entry.kind === 'directory') return `${columns('', '', 'DIR', '')}${name}`;
  const time = isoTime(entry.lastModifiedMs);
  const version =
    entry.version === null ? '' : `  [${entry.version.id ?? ''}${entry.version.isLatest ? ', latest' : ''}]`;
  if (entry.kind === 'delete-marker') return `${columns(time, '', 'DELETED', '')}${name}${version}`;
  const { encryption } = entry;
  return `${columns(time, String(entry.size), encryptionName(encryption), keyName(encryption))}${name}${version}`;
}

function columns(time: string, size: string, encryption: string, key: string): string {
  return `${time.padEnd(20)} ${size.padStart(14)}  ${encryption.padEnd(10)}  ${key.padEnd(24)}  `;
}

/** Returns the header of a listing. */
export function listHeader(): string {
  return `${columns('TIME', 'SIZE', 'ENCRYPTION', 'KEY')}NAME`;
}
