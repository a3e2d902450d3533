/** Returns the CRC bit by bit, as it is defined: `reflected` is the reflected polynomial without its leading term. */
export function crcByDefinition(width: 32n | 64n, reflected: bigint, bytes: Uint8Array): bigint {
  const ones = (1n << width) - 1n;
  let register = ones;
  for (const byte of bytes) {
    register ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) register = (register >> 1n) ^ (register & 1n ? reflected : 0n);
  }
  return register ^ ones;
}
