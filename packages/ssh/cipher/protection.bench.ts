import { cipherAlgorithms } from '../algorithms/ciphers.js';
import { macAlgorithms } from '../algorithms/macs.js';
import { createOpener, createSealer } from './create.js';
import { nativeProtection } from './native.js';

/**
 * Prints the CPU seconds for protecting 1 GiB of channel data in packets of 32 KiB, for each cipher and MAC, with the
 * add-on and with node:crypto. `npm run bench` runs it; an argument selects the ciphers whose names contain it.
 */

const gib = 1024 ** 3;
const dataBytes = 32 * 1024;
const runBytes = 256 * 1024 * 1024;
const selected = process.argv[2] ?? '';

function cpuSecondsPerGib(run: () => void): string {
  run();
  const start = process.cpuUsage();
  const packets = runBytes / dataBytes;
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
      const seal = cpuSecondsPerGib(() => sealer.seal(buffer, 0, packetBytes, 7));
      // A packet cannot be opened twice in place: each is sealed again before, outside of the measured time.
      const keySealer = createSealer({ cipher, mac }, keys, native);
      const opener = createOpener({ cipher, mac }, keys, native);
      const packets = runBytes / dataBytes + 1;
      const open = openSeconds(packets, (sequence) => {
        buffer.writeUInt32BE(packetBytes - 4);
        keySealer.seal(buffer, 0, packetBytes, sequence);
        return () => {
          opener.packetLength(buffer, 0, sequence);
          if (!opener.open(buffer, 0, packetBytes, sequence)) throw new Error('tag does not match');
        };
      });
      const code = native === null ? 'node:crypto' : 'add-on';
      console.log(`| ${cipher.name} | ${mac?.name ?? ''} | ${code} | ${seal} | ${open} |`);
    }
  }
}

/** Returns the seconds for 1 GiB that the calls returned by `prepare` take; `prepare` itself is not counted. */
function openSeconds(packets: number, prepare: (sequence: number) => () => void): string {
  let micros = 0;
  for (let sequence = 0; sequence < packets; sequence += 1) {
    const run = prepare(sequence);
    const start = process.hrtime.bigint();
    run();
    micros += Number(process.hrtime.bigint() - start) / 1000;
  }
  return ((micros / 1e6) * (gib / runBytes)).toFixed(2);
}
