/**
 * Prefix of the gateway's own objects in the default bucket: the probes at start, and the sealed
 * copy of the keyring, the users and the settings. No user sees it.
 */
export const gatewayPrefix = '.sftpgw/';

/**
 * Prefix of the objects that each start writes and removes to test the bucket, with a key that it
 * discards.
 */
export const probePrefix = `${gatewayPrefix}probe-`;

/** Name of the object that the doctor writes and removes for a test, below a user's prefix. */
export const doctorName = '.sftpgw-doctor-';

/**
 * Returns whether an object was only a test. In a bucket with versioning, a version of it may stay.
 * It never needs to be opened.
 */
export function isProbeObject(key: string): boolean {
  return key.startsWith(probePrefix) || key.includes(doctorName);
}
