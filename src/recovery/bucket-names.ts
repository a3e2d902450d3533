import { gatewayPrefix } from '../model/gateway-prefix.js';

/** Where the copy is, in the default bucket. */
export const keysPrefix = `${gatewayPrefix}keys/`;
export const snapshotsPrefix = `${gatewayPrefix}snapshots/`;

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
  if (!key.startsWith(snapshotsPrefix)) return null;
  const [, number] = /^snapshot-(\d{10})\.tar\.gz\.age$/.exec(key.slice(snapshotsPrefix.length)) ?? [];
  return number === undefined ? null : Number(number);
}
