import { crc32 as crc32OfZlib } from 'node:zlib';
import { loadNative, type SumFunction } from './native.js';

/** By Node's zlib, which forgets what came before when it is given the memory of no byte at all. */
export const crc32OfNode: SumFunction = (bytes, previous) =>
  bytes.byteLength === 0 ? previous : crc32OfZlib(bytes, previous);

/** CRC-32 of more bytes, of which `previous` came before. */
export const crc32: SumFunction = loadNative('crc32', 0xcbf43926) ?? crc32OfNode;
