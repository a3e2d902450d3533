/** Castagnoli's polynomial 0x1edc6f41, reflected (RFC 3720 section 12.1). */
const polynomial = 0x82f63b78;

/**
 * Slicing-by-8 (Kounavis and Berry, 2005): slice n of the table is the CRC of a byte followed by n zero bytes. Eight
 * look-ups that do not depend on each other then process eight bytes.
 */
const table = new Uint32Array(8 * 256);

for (let index = 0; index < 256; index += 1) {
  let crc = index;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : polynomial);
  table[index] = crc;
}
for (let index = 256; index < table.length; index += 1) {
  const before = table[index - 256] ?? 0;
  table[index] = (before >>> 8) ^ at(before & 255);
}

function at(index: number): number {
  return table[index] ?? 0;
}

/** CRC-32C for machines without a native binary. It takes about four times as long. */
export function crc32cByTable(bytes: Uint8Array, previous: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // The register is inverted: the algorithm starts and ends with all ones.
  let crc = ~previous;
  let position = 0;
  for (const end = bytes.byteLength - 7; position < end; position += 8) {
    const low = crc ^ view.getInt32(position, true);
    const high = view.getInt32(position + 4, true);
    crc =
      at(1792 + (low & 255)) ^
      at(1536 + ((low >>> 8) & 255)) ^
      at(1280 + ((low >>> 16) & 255)) ^
      at(1024 + (low >>> 24)) ^
      at(768 + (high & 255)) ^
      at(512 + ((high >>> 8) & 255)) ^
      at(256 + ((high >>> 16) & 255)) ^
      at(high >>> 24);
  }
  for (; position < bytes.byteLength; position += 1) {
    crc = (crc >>> 8) ^ at((crc ^ (bytes[position] ?? 0)) & 255);
  }
  return ~crc >>> 0;
}
