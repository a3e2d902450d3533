import { crc32cByTable } from './crc32c-table.js';
import { loadNative } from './native.js';

const native = loadNative('crc32c', 0xe3069283);

/** Whether CRC-32C is as fast here as CRC-32. */
export const hasNativeCrc32c = native !== null;

/** CRC-32C of more bytes, of which `previous` came before. */
export const crc32c = native ?? crc32cByTable;
