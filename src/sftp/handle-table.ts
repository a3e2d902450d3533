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
      /** Entries that were listed and not yet sent, the next one last. */
      readonly unsent: DirectoryEntry[];
    });

/** A handle without what the table adds. */
export type NewHandle = OpenHandle extends infer H ? (H extends Opened ? Omit<H, 'order'> : never) : never;

/** Ends what a handle holds. A written file that was not committed before goes. */
export async function disposeHandle(handle: OpenHandle): Promise<void> {
  if (handle.kind === 'directory') await handle.batches.return?.();
  else await handle.file[Symbol.asyncDispose]();
}

/** The open handles of one session. Numbers are never used twice, so a stale handle is always known as such. */
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

  /** True when a file is open for writing. */
  get isWriting(): boolean {
    for (const handle of this.#open.values()) if (handle.kind === 'write') return true;
    return false;
  }

  /** Opens by `open` and answers the new handle's wire form. Throws `over-quota` when there are too many. */
  async add(open: () => Promise<NewHandle>): Promise<Uint8Array> {
    if (this.#open.size + this.#reserved >= this.#max) {
      throw new Fault(
        'over-quota',
        `this session has ${this.#max} open files and directories, which is the limit; close some`,
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

  /** Throws `invalid` for a handle that was never given out or has been closed. */
  get(wire: Uint8Array): OpenHandle {
    const handle = this.#open.get(numberOf(wire));
    if (handle === undefined) throw unknownHandle();
    return handle;
  }

  /** As `get`, and the handle is known no more. */
  remove(wire: Uint8Array): OpenHandle {
    const handle = this.get(wire);
    this.#open.delete(numberOf(wire));
    return handle;
  }

  /** Takes all handles out, for good: what is still being opened is disposed as it comes. */
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
