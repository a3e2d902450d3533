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
  readonly flags: OpenFlags;
  readonly name: string;
  /** The object that the open found, null if there was none or it was truncated. */
  readonly opened: string | null;
  content: string;
  isTouched = false;
  /** True if an operation was refused, or left a gap, so that CLOSE may be refused. */
  mayFail = false;
  #hasBegun = false;

  constructor(name: string, flags: OpenFlags, stored: string | null) {
    this.name = name;
    this.flags = flags;
    this.opened = flags.truncate ? null : stored;
    this.content = this.opened ?? '';
  }

  /** Begins to change the file. Returns whether this continues the object that was found. */
  begin(offset: number): boolean {
    const end = (this.opened ?? '').length;
    const isExtended = !this.#hasBegun && end > 0 && (this.flags.append || offset === end);
    this.#hasBegun = true;
    return isExtended && !this.isTouched;
  }

  write(offset: number, text: string): void {
    if (text === '') return;
    const at = this.flags.append ? this.content.length : offset;
    if (at > this.content.length) this.mayFail = true;
    const before = this.content.padEnd(at, '\0');
    this.content = before.slice(0, at) + text + before.slice(at + text.length);
    this.isTouched = true;
  }

  resize(size: number): void {
    if (size === this.content.length && !this.isTouched) return;
    this.content = this.content.slice(0, size).padEnd(size, '\0');
    this.isTouched = true;
  }

  /** Whether the new content can be stored without bytes of the object that the client did not send. */
  get isWhole(): boolean {
    return this.opened === null || this.opened === '' || (this.flags.append && this.isTouched);
  }
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
