import { setFlagsFromString } from 'node:v8';

const mebibyte = 1024 ** 2;

/** Buffers and the garbage that may lie before V8 collects the old generation, together; but so much garbage in any case. */
const totalBytes = 300 * mebibyte;
const minGarbageBytes = 64 * mebibyte;
/** With more transfers than these at once memory counts for more than CPU, and V8 decides alone. */
const fewTransfers = 4;
/** What lives without any transfer. */
const idleBytes = 32 * mebibyte;
const adjustEveryMs = 250;

/** What the uploads and downloads of the moment hold in memory. */
export interface TransferBuffers {
  readonly bytes: number;
  readonly transfers: number;
}

/**
 * Lets garbage lie longer, until the returned function is called. Network buffers that are not used again (bytes/buffer-pool.ts)
 * count as old-generation garbage the moment they are made, and with little alive V8 runs a full collection for every 25 MiB of
 * them. V8 takes how much may come, in percent of what lives, from a flag that it reads at each collection; so it is set again and
 * again for what lives at the moment, and the garbage stays bounded. docs/decisions/0006-heap.md has figures.
 */
export function tuneHeapGrowth(buffersOf: () => TransferBuffers): () => void {
  let last = 0;
  const adjust = () => {
    const { bytes: buffers, transfers } = buffersOf();
    const garbage = Math.max(minGarbageBytes, totalBytes - buffers);
    const isUpToV8 = transfers === 0 || transfers > fewTransfers;
    const percent = isUpToV8 ? 0 : Math.round((100 * garbage) / (idleBytes + buffers));
    if (percent === last) return;
    last = percent;
    setFlagsFromString(`--heap-growing-percent=${percent}`);
  };
  const timer = setInterval(adjust, adjustEveryMs).unref();
  return () => clearInterval(timer);
}
