/** Where the copy is, in the default bucket. No user's prefix is here: see `isReservedPrefix`. */
export const copyPrefix = '.sftpgw/';
export const keysPrefix = `${copyPrefix}keys/`;
export const snapshotsPrefix = `${copyPrefix}snapshots/`;

/** Metadata of a snapshot: which gateway wrote it, and what it is signed with, by the name of the signer. */
export const gatewayMetadata = 'sftpgw-gateway';
export const signatureMetadata = 'sftpgw-signature-';

const digits = 10;

/** The names sort as the numbers do. */
export function snapshotKey(number: number): string {
  return `${snapshotsPrefix}snapshot-${String(number).padStart(digits, '0')}.tar.gz.age`;
}

/** Null for what is no snapshot. */
export function snapshotNumber(key: string): number | null {
  const [, number] = /^\.sftpgw\/snapshots\/snapshot-(\d{10})\.tar\.gz\.age$/.exec(key) ?? [];
  return number === undefined ? null : Number(number);
}
