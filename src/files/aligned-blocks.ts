/** What O_DIRECT asks of memory, positions and lengths differs by device and file system; this suits them (open(2), "O_DIRECT"). */
export const directAlignment = 4096;
export const alignedBlockBytes = 1024 * 1024;

/** WebAssembly is a part of Node that its types leave to the browser's. */
declare const WebAssembly:
  | undefined
  | { readonly Memory: new (pages: { readonly initial: number }) => { readonly buffer: ArrayBuffer } };
const wasmPageBytes = 64 * 1024;

/**
 * Blocks of memory for O_DIRECT. Node has no call for aligned memory, but that of WebAssembly begins at a page. All are made
 * at the first use, and the system gives memory to those that were used only.
 */
export class AlignedBlocks {
  readonly #count: number;
  #free: Uint8Array[] | null = null;
  readonly #waiting: ((block: Uint8Array) => void)[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  /** A block of `alignedBlockBytes` with anything in it, when one is free. Give it back. */
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
  // Without WebAssembly (--jitless) no block is aligned; the first write finds that out.
  const memory =
    typeof WebAssembly === 'undefined'
      ? new ArrayBuffer(bytes)
      : new WebAssembly.Memory({ initial: bytes / wasmPageBytes }).buffer;
  return Array.from(
    { length: count },
    (_, index) => new Uint8Array(memory, index * alignedBlockBytes, alignedBlockBytes),
  );
}
