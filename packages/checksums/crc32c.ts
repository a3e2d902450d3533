import { crc32cByTable } from './crc32c-table.js';
import { type CrcFunction, loadNative } from './native.js';

const native = loadNative('crc32c', 0xe3069283);

/** True if CRC-32C is as fast on this machine as CRC-32. */
export const hasNativeCrc32c = native !== null;

/** CRC-32C (Castagnoli, RFC 3720 section 12.1). */
export const crc32c: CrcFunction = native ?? crc32cByTable;
