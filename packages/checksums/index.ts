/**
 * The CRCs that S3 knows. Each can be computed in pieces (pass the previous value) or at once, and each can be
 * combined: the CRC of two adjacent ranges follows from the CRC of each range and the length of the second.
 */
export { combineCrc32, combineCrc32c, combineCrc64Nvme } from './combine.js';
export { crc32 } from './crc32.js';
export { crc32c, hasNativeCrc32c } from './crc32c.js';
export { Crc64Nvme, crc64Nvme, crc64NvmeBase64 } from './crc64-nvme.js';
export type { CrcFunction } from './native.js';
