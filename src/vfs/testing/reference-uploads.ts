/** The flags of one open, as in `WriteMode`. */
export interface OpenFlags {
  readonly create: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
  readonly append: boolean;
  readonly read: boolean;
}

/** State of one client's handle: the content that a POSIX file would have after the same operations. */
export class ReferenceHandle {
  readonly client: number;
  readonly flags: OpenFlags;
  readonly name: string;
  /** The object that the changes apply to, null if there was none or it was truncated. */
  opened: string | null;
  readonly #changes: ((content: string) => string)[] = [];
  content: string;
  isTouched = false;
  /** True if an operation was refused, so that CLOSE may be refused. */
  mayFail = false;

  constructor(client: number, name: string, flags: OpenFlags, stored: string | null) {
    this.client = client;
    this.name = name;
    this.flags = flags;
    this.opened = flags.truncate ? null : stored;
    this.content = this.opened ?? '';
  }

  write(offset: number, text: string): void {
    if (text === '') return;
    this.#change((content) => {
      const at = this.flags.append ? content.length : offset;
      const before = content.padEnd(at, '\0');
      return before.slice(0, at) + text + before.slice(at + text.length);
    });
    this.isTouched = true;
  }

  /** Applies the changes to the content that another handle of the user has stored. */
  follow(stored: string): void {
    this.opened = stored;
    this.content = this.#changes.reduce((content, change) => change(content), stored);
    // A size that was the old one is a change of the new content.
    if (this.content !== stored) this.isTouched ||= this.#changes.length > 0;
  }

  #change(change: (content: string) => string): void {
    this.#changes.push(change);
    this.content = change(this.content);
  }

  resize(size: number): void {
    const isSame = size === this.content.length;
    this.#change((content) => sized(content, size));
    this.isTouched ||= !isSame;
  }

  /** Whether there is a stored file that stays as it is until CLOSE. */
  get keepsObject(): boolean {
    return this.opened !== null;
  }
}

/** Returns the content with another size: cut, or extended with zeros. */
export function sized(content: string, size: number): string {
  return content.slice(0, size).padEnd(size, '\0');
}

/** The objects with content that must be in the bucket, by name, and the handles that are open. */
export class ReferenceUploads {
  readonly stored = new Map<string, string>();
  readonly handles: ReferenceHandle[] = [];

  /** Returns the handle that SETSTAT and STAT of the name use, or null. */
  newest(name: string): ReferenceHandle | null {
    return this.handles.findLast((handle) => handle.name === name) ?? null;
  }

  close(handle: ReferenceHandle): void {
    const index = this.handles.indexOf(handle);
    if (index !== -1) this.handles.splice(index, 1);
  }

  /** Returns whether a file or an open upload is below the directory, or its own object has content. */
  isFull(directory: string): boolean {
    const names = [...this.stored.keys(), ...this.handles.map(({ name }) => name)];
    return names.some((name) => name.startsWith(`${directory}/`));
  }

  moveDirectory(from: string, to: string): void {
    for (const [name, content] of [...this.stored]) {
      if (!name.startsWith(`${from}/`)) continue;
      this.stored.delete(name);
      this.stored.set(to + name.slice(from.length), content);
    }
  }
}
