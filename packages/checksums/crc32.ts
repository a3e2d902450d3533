import { crc32 as crc32OfZlib } from 'node:zlib';
import { type CrcFunction, loadNative } from './native.js';

/** CRC-32 by Node's zlib, which drops the previous value when the bytes are empty. */
export const crc32OfNode: CrcFunction = (bytes, previous) =>
  bytes.byteLength === 0 ? previous : crc32OfZlib(bytes, previous);

/** CRC-32 (IEEE 802.3, as in zlib and gzip). */
export const crc32: CrcFunction = loadNative('crc32', 0xcbf43926) ?? crc32OfNode;
