import type { HostKeyAlgorithm } from '../algorithms/host-key-algorithms.js';
import type { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import { type HostKey, proofAlgorithm } from './host-key.js';

/** Names of the global requests of OpenSSH PROTOCOL 2.5. */
export const hostKeysRequest = 'hostkeys-00@openssh.com';
export const proveRequest = 'hostkeys-prove-00@openssh.com';

/** Returns the data of the request that announces the keys: one string for each. */
export function hostKeysData(keys: readonly HostKey[]): Buffer {
  const writer = new WireWriter(1024);
  for (const { publicBlob } of keys) writer.string(publicBlob);
  return writer.finish();
}

/**
 * Returns the data of the answer to `hostkeys-prove-00@openssh.com`: a signature for each key that the request names, in its order.
 * `request` is at the first key. Returns null, which means a failure, when the request names no key, a key twice, or a key that is
 * not ours.
 */
export function proveHostKeys(
  keys: readonly HostKey[],
  sessionId: Uint8Array,
  negotiated: HostKeyAlgorithm,
  request: WireReader,
): Buffer | null {
  const named: HostKey[] = [];
  while (request.remainingBytes > 0) {
    const blob = request.string();
    const key = keys.find(({ publicBlob }) => publicBlob.equals(blob));
    if (key === undefined || named.includes(key)) return null;
    named.push(key);
  }
  if (named.length === 0) return null;
  const writer = new WireWriter(1024);
  for (const key of named) {
    const signed = new WireWriter(512).string(proveRequest).string(sessionId).string(key.publicBlob);
    writer.string(key.sign(proofAlgorithm(key, negotiated), signed.finish()));
  }
  return writer.finish();
}
