import type { CipherAlgorithm } from '../algorithms/ciphers.js';
import type { MacAlgorithm } from '../algorithms/macs.js';
import { chachaOpener, chachaSealer } from './chacha20.js';
import { ctrOpener, ctrSealer } from './ctr-mac.js';
import { gcmOpener, gcmSealer } from './gcm.js';
import { type NativeProtection, nativeProtection } from './native.js';
import type { DirectionKeys, PacketOpener, PacketSealer } from './protection.js';

/** Algorithms that protect one direction. `mac` is null when the cipher authenticates. */
export interface ProtectionAlgorithms {
  readonly cipher: CipherAlgorithm;
  readonly mac: MacAlgorithm | null;
}

function macOf({ cipher, mac }: ProtectionAlgorithms): MacAlgorithm {
  if (mac === null) throw new TypeError(`cipher ${cipher.name} needs a MAC`);
  return mac;
}

/** Returns what encrypts packets under new keys. `native` null selects node:crypto. */
export function createSealer(
  algorithms: ProtectionAlgorithms,
  keys: DirectionKeys,
  native: NativeProtection | null = nativeProtection,
): PacketSealer {
  const { cipher } = algorithms;
  if (cipher.kind === 'gcm') return gcmSealer(cipher, keys, native);
  if (cipher.kind === 'chacha20-poly1305') return chachaSealer(keys, native);
  return ctrSealer(cipher, macOf(algorithms), keys);
}

/** Returns what decrypts packets under new keys. `native` null selects node:crypto. */
export function createOpener(
  algorithms: ProtectionAlgorithms,
  keys: DirectionKeys,
  native: NativeProtection | null = nativeProtection,
): PacketOpener {
  const { cipher } = algorithms;
  if (cipher.kind === 'gcm') return gcmOpener(cipher, keys, native);
  if (cipher.kind === 'chacha20-poly1305') return chachaOpener(keys, native);
  return ctrOpener(cipher, macOf(algorithms), keys);
}
