/** Castagnoli's polynomial, its bits reflected. */
const polynomial = 0x82f63b78;

/** Eight tables of 256: what a byte does to the sum when it is followed by 0 to 7 others. */
const table = new Uint32Array(8 * 256);

for (let index = 0; index < 256; index += 1) {
  let sum = index;
  for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ ((sum & 1) === 0 ? 0 : polynomial);
  table[index] = sum;
}
for (let index = 256; index < table.length; index += 1) {
  const before = table[index - 256] ?? 0;
  table[index] = (before >>> 8) ^ at(before & 255);
}

function at(index: number): number {
  return table[index] ?? 0;
}

/** CRC-32C without the processor's instructions, for machines that have no binary of the native one: some four times the time. */
export function crc32cByTable(bytes: Uint8Array, previous = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let sum = ~previous;
  let position = 0;
  for (const end = bytes.byteLength - 7; position < end; position += 8) {
    const low = sum ^ view.getInt32(position, true);
    const high = view.getInt32(position + 4, true);
    sum =
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
    sum = (sum >>> 8) ^ at((sum ^ (bytes[position] ?? 0)) & 255);
  }
  return ~sum >>> 0;
}
