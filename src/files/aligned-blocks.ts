/**
 * O_DIRECT requires aligned memory, positions and lengths. The requirement differs by device and
 * file system; this alignment satisfies them (open(2), "O_DIRECT").
 */
export const directAlignment = 4096;
export const alignedBlockBytes = 1024 * 1024;

/** Node has WebAssembly, but its types declare it only for browsers. */
declare const WebAssembly:
  | undefined
  | { readonly Memory: new (pages: { readonly initial: number }) => { readonly buffer: ArrayBuffer } };
const wasmPageBytes = 64 * 1024;

/**
 * Blocks of memory for O_DIRECT. Node cannot allocate aligned memory, but WebAssembly memory starts
 * at a page. All blocks are allocated at the first use. The system provides memory only for those
 * that are used.
 */
export class AlignedBlocks {
  readonly #count: number;
  #free: Uint8Array[] | null = null;
  readonly #waiting: ((block: Uint8Array) => void)[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  /**
   * Returns a block of `alignedBlockBytes` with arbitrary content, as soon as one is free. The
   * caller releases it.
   */
  take(): Promise<Uint8Array> {
    this.#free ??= makeBlocks(this.#count);
    const block = this.#free.pop();
    if (block !== undefined) return Promise.resolve(block);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(block: Uint8Array): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free?.push(block);
    else next(block);
  }
}

function makeBlocks(count: number): Uint8Array[] {
  const bytes = count * alignedBlockBytes;
  // Without WebAssembly (--jitless) the blocks are not aligned. The first write detects that.
  const memory =
    typeof WebAssembly === 'undefined'
      ? new ArrayBuffer(bytes)
      : new WebAssembly.Memory({ initial: bytes / wasmPageBytes }).buffer;
  return Array.from(
    { length: count },
    (_, index) => new Uint8Array(memory, index * alignedBlockBytes, alignedBlockBytes),
  );
}
