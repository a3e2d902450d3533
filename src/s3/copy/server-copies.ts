import type { Logger } from '../../model/call.js';
import type { ReadAccess, WriteEncryption } from '../../model/encryption.js';
import { type EncryptionEcho, objectEncryption } from '../encryption-headers.js';

/** The requests that make a server copy. */
export type CopyRequest = 'CopyObject' | 'UploadPartCopy';

/** The side of a copy whose key is involved. Some servers refuse only one of them. */
export type CopyKind = 'customer-key' | 'server-key' | 'no-key';

/** Returns the kind of a copy. Without the HEAD of the source, its own encryption is not known. */
export function copyKind(
  { sourceAccess, encryption }: { readonly sourceAccess: ReadAccess; readonly encryption: WriteEncryption },
  source?: EncryptionEcho,
): CopyKind {
  const kinds = [
    sourceAccess.kind,
    encryption.kind,
    source === undefined ? 'unknown' : objectEncryption(source).kind,
  ];
  if (kinds.includes('sse-c')) return 'customer-key';
  return kinds.includes('sse-s3') || kinds.includes('sse-kms') ? 'server-key' : 'no-key';
}

/**
 * Remembers which copies this server refuses (501), so that later ones go through the gateway at once. Ceph
 * before 20 refuses those of encrypted objects.
 */
export class ServerCopies {
  readonly #refused = new Set<string>();

  isRefused(request: CopyRequest, kind: CopyKind): boolean {
    return this.#refused.has(`${request} ${kind}`);
  }

  /** Records a refusal, and logs the first of its kind. */
  refuse(request: CopyRequest, kind: CopyKind, log: Logger): void {
    if (this.isRefused(request, kind)) return;
    this.#refused.add(`${request} ${kind}`);
    log.info('S3 server refuses to copy', { request, encryption: kind });
  }
}
