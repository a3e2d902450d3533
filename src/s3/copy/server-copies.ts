import type { Logger } from '../../model/call.js';
import type { ReadAccess, WriteEncryption } from '../../model/encryption.js';
import { isFault } from '../../model/fault.js';
import { type EncryptionEcho, objectEncryption, UnconfirmedEncryption } from '../encryption-headers.js';

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
 * Remembers which copies this server makes. Ceph before 20 refuses those of encrypted objects (501), and stores
 * the copy of an unencrypted object without the requested encryption. So later copies go through the gateway at
 * once, and CopyObject, whose result is visible at once, is trusted with an encryption only when a part copy has
 * confirmed it.
 */
export class ServerCopies {
  readonly #refused = new Set<string>();
  readonly #confirmed = new Set<WriteEncryption['kind']>();

  /** Records that the server has confirmed this encryption of a copied part. */
  confirm(encryption: WriteEncryption['kind']): void {
    this.#confirmed.add(encryption);
  }

  /** Returns true when a copy under this encryption can be trusted. */
  isConfirmed(encryption: WriteEncryption['kind']): boolean {
    return encryption === 'bucket-default' || this.#confirmed.has(encryption);
  }

  /**
   * Returns true for a fault that means that the server cannot make such a copy. Before the encryption is
   * confirmed, these are also answers without it, and refusals of its headers.
   */
  isRefusal(fault: unknown, encryption: WriteEncryption['kind']): boolean {
    if (isFault(fault, 'unsupported')) return true;
    if (this.isConfirmed(encryption)) return false;
    return fault instanceof UnconfirmedEncryption || isFault(fault, 'invalid');
  }

  isRefused(request: CopyRequest, kind: CopyKind): boolean {
    return this.#refused.has(`${request} ${kind}`);
  }

  /** Records a refusal, and logs the first of its kind. */
  refuse(request: CopyRequest, kind: CopyKind, log: Logger): void {
    if (this.isRefused(request, kind)) return;
    this.#refused.add(`${request} ${kind}`);
    log.info('S3 server does not copy; copies go through the gateway', {
      operation: request,
      encryption: kind,
    });
  }
}
