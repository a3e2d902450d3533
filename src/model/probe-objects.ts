import { gatewayPrefix } from './gateway-prefix.js';

/** What each start writes into the bucket for a moment, under a key that it throws away, to see whether that works. */
export const probePrefix = `${gatewayPrefix}probe-`;

/** What the doctor writes for a moment where a user's objects are; behind the user's prefix. */
export const doctorName = '.sftpgw-doctor-';

/** Whether an object was only a trial. In a bucket with versioning a version of it may stay, which nobody needs to open. */
export function isProbeObject(key: string): boolean {
  return key.startsWith(probePrefix) || key.includes(doctorName);
}
