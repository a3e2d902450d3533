import { Fault } from '../model/fault.js';
import type { DirectoryEntry, ReadHandle, WriteHandle } from '../model/vfs.js';
import { HandleOrder } from './handle-order.js';
import { handleBytes } from './wire/constants.js';

interface Opened {
  readonly path: string;
  readonly order: HandleOrder;
}

export type OpenHandle =
  | (Opened & { readonly kind: 'write'; readonly file: WriteHandle })
  | (Opened & { readonly kind: 'read'; readonly file: ReadHandle })
  | (Opened & {
      readonly kind: 'directory';
      readonly batches: AsyncIterator<readonly DirectoryEntry[]>;
      /** Listed entries that are not yet sent, the next one last. */
      readonly unsent: DirectoryEntry[];
    });

/** A handle without the fields that the table adds. */
export type NewHandle = OpenHandle extends infer H ? (H extends Opened ? Omit<H, 'order'> : never) : never;

/** Releases the resources of a handle. A file that is not yet committed is aborted or parked. */
export async function disposeHandle(handle: OpenHandle): Promise<void> {
  if (handle.kind === 'directory') await handle.batches.return?.();
  else await handle.file[Symbol.asyncDispose]();
}

/** The open handles of one session. Numbers are never reused, so a stale handle is always detected. */
export class HandleTable {
  readonly #open = new Map<number, OpenHandle>();
  readonly #max: number;
  #reserved = 0;
  #last = 0;
  #isOver = false;

  constructor(maxHandles: number) {
    this.#max = maxHandles;
  }

  get size(): number {
    return this.#open.size;
  }

  /** True if a file is open. */
  get hasFile(): boolean {
    for (const handle of this.#open.values()) if (handle.kind !== 'directory') return true;
    return false;
  }

  /** True if a file is open for writing. */
  get isWriting(): boolean {
    for (const handle of this.#open.values()) if (handle.kind === 'write') return true;
    return false;
  }

  /**
   * Opens a handle with `open` and returns its wire form. Throws `over-quota` if too many are open, and
   * `cancelled` if the session ends meanwhile.
   */
  async add(open: () => Promise<NewHandle>): Promise<Uint8Array> {
    if (this.#open.size + this.#reserved >= this.#max) {
      throw new Fault(
        'over-quota',
        `the session has reached its limit of ${this.#max} open files and directories; close some`,
      );
    }
    this.#reserved += 1;
    try {
      const opened = { ...(await open()), order: new HandleOrder() };
      if (this.#isOver) {
        await disposeHandle(opened);
        throw new Fault('cancelled', 'the session ended while the file was being opened');
      }
      this.#last += 1;
      this.#open.set(this.#last, opened);
    } finally {
      this.#reserved -= 1;
    }
    const wire = Buffer.alloc(handleBytes);
    wire.writeUIntBE(this.#last, handleBytes - 6, 6);
    return wire;
  }

  /** Returns the open handle. Throws `invalid` if the table did not issue it or it is closed. */
  get(wire: Uint8Array): OpenHandle {
    const handle = this.#open.get(numberOf(wire));
    if (handle === undefined) throw unknownHandle();
    return handle;
  }

  /** Removes an open handle and returns it. Throws like `get`. */
  remove(wire: Uint8Array): OpenHandle {
    const handle = this.get(wire);
    this.#open.delete(numberOf(wire));
    return handle;
  }

  /** Removes and returns all handles. A handle that is still being opened is disposed when its open ends. */
  removeAll(): OpenHandle[] {
    this.#isOver = true;
    const handles = [...this.#open.values()];
    this.#open.clear();
    return handles;
  }
}

function numberOf(wire: Uint8Array): number {
  if (wire.byteLength !== handleBytes || wire[0] !== 0 || wire[1] !== 0) throw unknownHandle();
  return Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength).readUIntBE(handleBytes - 6, 6);
}

function unknownHandle(): Fault {
  return new Fault('invalid', 'the handle is not open in this session');
}
