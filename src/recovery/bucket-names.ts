import { gatewayPrefix } from '../model/gateway-objects.js';

/** Prefix of the copied keys in the default bucket. */
export const keysPrefix = `${gatewayPrefix}keys/`;
/** Prefix of the snapshots in the default bucket. */
export const snapshotsPrefix = `${gatewayPrefix}snapshots/`;

/** Metadata name of the id of the gateway that wrote a snapshot. */
export const gatewayMetadata = 'sftpgw-gateway';
/** Metadata name of a signature, before the name of its signer. */
export const signatureMetadata = 'sftpgw-signature-';

const digits = 10;

/** Returns the key of a snapshot. Keys sort in the order of their numbers. */
export function snapshotKey(number: number): string {
  return `${snapshotsPrefix}snapshot-${String(number).padStart(digits, '0')}.tar.gz.age`;
}

/** Returns the number of a snapshot from its key, or null for any other key. */
export function snapshotNumber(key: string): number | null {
  if (!key.startsWith(snapshotsPrefix)) return null;
  const [, number] = /^snapshot-(\d{10})\.tar\.gz\.age$/.exec(key.slice(snapshotsPrefix.length)) ?? [];
  return number === undefined ? null : Number(number);
}
