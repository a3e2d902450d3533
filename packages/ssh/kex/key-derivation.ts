import { createHash } from 'node:crypto';
import type { ProtectionAlgorithms } from '../cipher/create.js';
import type { DirectionKeys } from '../cipher/protection.js';

/** The values that all keys are derived from (RFC 4253 section 7.2). */
export interface KeySource {
  readonly hash: string;
  /** The shared secret as an encoded value. */
  readonly secret: Buffer;
  readonly exchangeHash: Buffer;
  readonly sessionId: Buffer;
}

/** Letters of the values of a direction: IV, cipher key, MAC key. */
const letters = {
  clientToServer: ['A', 'C', 'E'],
  serverToClient: ['B', 'D', 'F'],
} as const;

export type Direction = keyof typeof letters;

function derive(source: KeySource, letter: string, byteLength: number): Buffer {
  if (byteLength === 0) return Buffer.alloc(0);
  const { hash, secret, exchangeHash, sessionId } = source;
  const start = () => createHash(hash).update(secret).update(exchangeHash);
  let key = start().update(letter).update(sessionId).digest();
  while (key.byteLength < byteLength) key = Buffer.concat([key, start().update(key).digest()]);
  return key.subarray(0, byteLength);
}

/** Returns the keys of one direction. */
export function deriveKeys(
  source: KeySource,
  direction: Direction,
  { cipher, mac }: ProtectionAlgorithms,
): DirectionKeys {
  const [iv, key, macKey] = letters[direction];
  return {
    iv: derive(source, iv, cipher.ivBytes),
    key: derive(source, key, cipher.keyBytes),
    macKey: derive(source, macKey, mac?.keyBytes ?? 0),
  };
}
