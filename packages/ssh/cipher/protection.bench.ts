import { cipherAlgorithms } from '../algorithms/ciphers.js';
import { macAlgorithms } from '../algorithms/macs.js';
import { createOpener, createSealer, type ProtectionAlgorithms } from './create.js';
import { type NativeProtection, nativeProtection } from './native.js';
import type { DirectionKeys } from './protection.js';

/**
 * Prints the CPU seconds for protecting 1 GiB of channel data in packets of 32 KiB, for each cipher and MAC, with the
 * add-on and with node:crypto. `npm run bench` runs it; an argument selects the ciphers whose names contain it.
 */

const gib = 1024 ** 3;
const dataBytes = 32 * 1024;
const runBytes = 256 * 1024 * 1024;
const batchPackets = 64;
const selected = process.argv[2] ?? '';

function cpuSecondsPerGib(packets: number, run: () => void): string {
  run();
  const start = process.cpuUsage();
  for (let count = 0; count < packets; count += 1) run();
  const { user, system } = process.cpuUsage(start);
  return (((user + system) / 1e6) * (gib / runBytes)).toFixed(2);
}

console.log('| cipher | MAC | code | seal | open |\n|---|---|---|---|---|');
for (const cipher of cipherAlgorithms.filter(({ name }) => name.includes(selected))) {
  for (const mac of cipher.tagBytes > 0 ? [null] : macAlgorithms) {
    for (const native of cipher.tagBytes > 0 ? [nativeProtection, null] : [null]) {
      const keys = {
        key: Buffer.alloc(cipher.keyBytes, 1),
        iv: Buffer.alloc(cipher.ivBytes, 2),
        macKey: Buffer.alloc(mac?.keyBytes ?? 0, 3),
      };
      const packetBytes = 4 + 32 + dataBytes + (mac !== null && !mac.isEncryptThenMac ? 12 : 0);
      const sealer = createSealer({ cipher, mac }, keys, native);
      const buffer = Buffer.alloc(packetBytes + sealer.tagBytes);
      const seal = cpuSecondsPerGib(runBytes / dataBytes, () => sealer.seal(buffer, 0, packetBytes, 7));
      const open = openSeconds({ cipher, mac }, keys, native, packetBytes);
      const code = native === null ? 'node:crypto' : 'add-on';
      console.log(`| ${cipher.name} | ${mac?.name ?? ''} | ${code} | ${seal} | ${open} |`);
    }
  }
}

/** A packet cannot be opened twice in place: packets are sealed in batches, and only their opening is measured. */
function openSeconds(
  algorithms: ProtectionAlgorithms,
  keys: DirectionKeys,
  native: NativeProtection | null,
  packetBytes: number,
): string {
  const sealer = createSealer(algorithms, keys, native);
  const opener = createOpener(algorithms, keys, native);
  const batch = Array.from({ length: batchPackets }, () => Buffer.alloc(packetBytes + sealer.tagBytes));
  let micros = 0;
  for (let batches = runBytes / dataBytes / batchPackets; batches > 0; batches -= 1) {
    for (const buffer of batch) {
      buffer.writeUInt32BE(packetBytes - 4);
      sealer.seal(buffer, 0, packetBytes, 7);
    }
    const start = process.cpuUsage();
    for (const buffer of batch) {
      opener.packetLength(buffer, 0, 7);
      if (!opener.open(buffer, 0, packetBytes, 7)) throw new Error('tag does not match');
    }
    const { user, system } = process.cpuUsage(start);
    micros += user + system;
  }
  return ((micros / 1e6) * (gib / runBytes)).toFixed(2);
}
