import { createRequire } from 'node:module';

/** State of a cipher in the add-on. */
export type NativeState = Readonly<Record<never, never>>;

/** The add-on of native/packet-protection.cc. */
export interface NativeProtection {
  createGcm(key: Buffer, iv: Buffer, isSealer: boolean): NativeState;
  createChacha(key: Buffer, isSealer: boolean): NativeState;
  seal(state: NativeState, buffer: Buffer, offset: number, packetBytes: number, sequence: number): void;
  open(state: NativeState, buffer: Buffer, offset: number, packetBytes: number, sequence: number): boolean;
  packetLength(state: NativeState, buffer: Buffer, offset: number, sequence: number): number;
}

/** Directories of the add-on: for this file, for a bundle two folders below the project, and for a chunk of one three folders below. */
const directories = ['../native/', '../../packages/ssh/native/', '../../../packages/ssh/native/'];

function load(): NativeProtection | null {
  if (process.env['SFTPGW_SSH_NATIVE'] === 'no') return null;
  const require = createRequire(import.meta.url);
  for (const directory of directories) {
    try {
      const native = require(`${directory}packet-protection.node`) as NativeProtection;
      return passesSelfTest(native) ? native : null;
    } catch {
      // Not there, or built for another platform.
    }
  }
  return null;
}

/** An add-on built for another OpenSSL may load and fail later: one packet with each cipher shows it at the start. */
function passesSelfTest(native: NativeProtection): boolean {
  const packetBytes = 20;
  const states = [true, false].map((isSealer) => [
    native.createGcm(Buffer.alloc(16), Buffer.alloc(12), isSealer),
    native.createChacha(Buffer.alloc(64), isSealer),
  ]);
  return [0, 1].every((cipher) => {
    const [sealer, opener] = [states[0]?.[cipher], states[1]?.[cipher]];
    if (sealer === undefined || opener === undefined) return false;
    const packet = Buffer.alloc(packetBytes + 16, 7);
    native.seal(sealer, packet, 0, packetBytes, 3);
    const isOpen = native.open(opener, packet, 0, packetBytes, 3);
    return isOpen && packet.subarray(0, packetBytes).equals(Buffer.alloc(packetBytes, 7));
  });
}

/**
 * The add-on, or null when it was not built, does not work with this Node, or is turned off by `SFTPGW_SSH_NATIVE=no`. The package
 * then uses node:crypto.
 */
export const nativeProtection: NativeProtection | null = load();

/** True if the add-on protects packets. Without it, transfers take two to three times the CPU. */
export const hasNativeProtection = nativeProtection !== null;
