import { createRequire } from 'node:module';
import { crc32cByTable } from './crc32c-table.js';

/** CRC-32C of more bytes, of which `previous` came before. */
type Sum = (bytes: Uint8Array, previous: number) => number;

/** The processor's own CRC-32C. Null where its package has no binary for this machine, or one that computes something else. */
function loadNative(): Sum | null {
  try {
    const { crc32c } = createRequire(import.meta.url)('@node-rs/crc32') as { readonly crc32c: Sum };
    // The check value of the catalogue of CRCs: https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-32-iscsi
    return crc32c(Buffer.from('123456789'), 0) === 0xe3069283 ? crc32c : null;
  } catch {
    return null;
  }
}

const native = loadNative();

/** Whether CRC-32C is as fast here as CRC-32. */
export const hasNativeCrc32c = native !== null;

/** CRC-32C of more bytes, of which `previous` came before. */
export const crc32c: Sum = native ?? crc32cByTable;
