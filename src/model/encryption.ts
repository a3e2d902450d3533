import type { CustomerKey } from './customer-key.js';

/**
 * The encryption of a new object. Every write states it. There is no default, so an omission cannot
 * store bytes unencrypted. `bucket-default` sends no header and is itself a choice (menu option 4).
 */
export type WriteEncryption =
  | { readonly kind: 'sse-s3' }
  | { readonly kind: 'sse-kms'; readonly keyArn: string }
  | { readonly kind: 'sse-c'; readonly key: CustomerKey }
  | { readonly kind: 'bucket-default' };

/** The key that a read presents, or none: SSE-S3, SSE-KMS and unencrypted objects need none. */
export type ReadAccess = { readonly kind: 'no-key' } | { readonly kind: 'sse-c'; readonly key: CustomerKey };

export const noKey: ReadAccess = { kind: 'no-key' };

/** The encryption of an object as S3 reports it; `unknown` if the server does not report it. */
export type ObjectEncryption =
  | { readonly kind: 'sse-s3' }
  | { readonly kind: 'sse-kms'; readonly keyArn: string | null }
  | { readonly kind: 'sse-c'; readonly keyMd5Base64: string }
  | { readonly kind: 'unknown' };

/** Returns the access that reads objects written with `encryption`. */
export function accessFor(encryption: WriteEncryption): ReadAccess {
  return encryption.kind === 'sse-c' ? { kind: 'sse-c', key: encryption.key } : noKey;
}

/** The numbers of the encryption menu and of `sse.option`. */
export const encryptionOptions = { 1: 'sse-s3', 2: 'sse-kms', 3: 'sse-c', 4: 'bucket-default' } as const;
export type EncryptionOption = keyof typeof encryptionOptions;

/**
 * The canned ACLs by the numbers of `acl.option`.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
 */
export const cannedAcls = {
  1: 'private',
  2: 'public-read',
  3: 'public-read-write',
  4: 'aws-exec-read',
  5: 'authenticated-read',
  6: 'bucket-owner-read',
  7: 'bucket-owner-full-control',
  8: 'log-delivery-write',
} as const;
export type AclOption = keyof typeof cannedAcls;
export type CannedAcl = (typeof cannedAcls)[AclOption];
