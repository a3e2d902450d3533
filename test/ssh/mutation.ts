import type { SeededRandom } from '../support/random.js';

/** Returns a copy with one to four random changes: bytes replaced, flipped, set, inserted or cut off. */
export function mutate(random: SeededRandom, original: Uint8Array): Buffer {
  let bytes = Buffer.from(original);
  for (let count = random.between(1, 4); count > 0; count -= 1) bytes = mutateOnce(random, bytes);
  return bytes.byteLength === 0 ? Buffer.of(random.between(0, 255)) : bytes;
}

function mutateOnce(random: SeededRandom, bytes: Buffer<ArrayBuffer>): Buffer<ArrayBuffer> {
  const at = random.between(0, Math.max(0, bytes.byteLength - 1));
  switch (random.between(0, 5)) {
    case 0:
      bytes[at] = random.between(0, 255);
      return bytes;
    case 1:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
      return bytes;
    case 2:
      bytes.subarray(at, at + random.between(1, 8)).fill(random.pick([0, 0xff]));
      return bytes;
    case 3:
      return Buffer.concat([bytes.subarray(0, at), randomPiece(random), bytes.subarray(at)]);
    case 4:
      return Buffer.from(bytes.subarray(0, at));
    default:
      // Repeats a piece, so that lists and strings grow.
      return Buffer.concat([bytes, bytes.subarray(at)]).subarray(0, 30_000);
  }
}

function randomPiece(random: SeededRandom): Buffer {
  return Buffer.from(Array.from({ length: random.between(0, 20) }, () => random.between(0, 255)));
}
