import { setFlagsFromString } from 'node:v8';

const mebibyte = 1024 ** 2;

/**
 * Target for buffers plus garbage before V8 collects the old generation. `minGarbageBytes` of garbage are
 * always allowed.
 */
const totalBytes = 300 * mebibyte;
const minGarbageBytes = 64 * mebibyte;
/** With more parallel transfers than this, memory matters more than CPU, and V8 decides alone. */
const fewTransfers = 4;
/** Live heap without any transfer. */
const idleBytes = 32 * mebibyte;
const adjustEveryMs = 250;

/** The memory that present uploads and downloads hold. */
export interface TransferBuffers {
  readonly bytes: number;
  readonly transfers: number;
}

/**
 * Makes V8 collect garbage less often, until the returned function is called. Network buffers that are not
 * reused (bytes/buffer-pool.ts) count as old-generation garbage as soon as they are allocated. With a small
 * live heap, V8 runs a full collection for every 25 MiB of them. V8 reads the allowed growth, in percent of
 * the live heap, from a flag at each collection. This function adjusts the flag to the present live heap, so
 * the garbage stays bounded. docs/decisions/0006-heap.md has figures.
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
