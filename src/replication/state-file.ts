import { readFile } from 'node:fs/promises';
import { secretFileMode, writeFileDurably } from '../files/durable.js';
import { isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import type { BaseFile } from './plan.js';

const format = 1;

/** The content of the file: versions and digests by path, and the files that were kept beside others. */
interface StateContent {
  readonly format: number;
  readonly files: Readonly<Record<string, readonly [version: number, digest: string | null]>>;
  readonly conflicts: readonly string[];
}

/**
 * The files that this node has in common with the database. They are recorded below the root, so that a restored
 * backup of the root has the record that belongs to it.
 */
export class ReplicationState {
  readonly #path: string;
  readonly #files: Map<string, BaseFile>;
  #conflicts: readonly string[];
  #isChanged = false;

  private constructor(path: string, files: Map<string, BaseFile>, conflicts: readonly string[]) {
    this.#path = path;
    this.#files = files;
    this.#conflicts = conflicts;
  }

  /** Reads the record; it is empty without a file. Throws `corrupt`, `denied` and `unavailable`. */
  static async open(path: string): Promise<ReplicationState> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (isAbsence(error)) return new ReplicationState(path, new Map(), []);
      throw new Fault('unavailable', `${path} cannot be read`, { cause: error });
    }
    const content = parse(path, text);
    const files = Object.entries(content.files).map(
      ([name, [version, digest]]) => [name, { version, digest }] as const,
    );
    return new ReplicationState(path, new Map(files), content.conflicts);
  }

  /** The paths of files that were kept beside others, below the root. */
  get conflicts(): readonly string[] {
    return this.#conflicts;
  }

  /** True if `save` has something to write. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  get paths(): Iterable<string> {
    return this.#files.keys();
  }

  get(path: string): BaseFile | null {
    return this.#files.get(path) ?? null;
  }

  set(path: string, base: BaseFile): void {
    this.#files.set(path, base);
    this.#isChanged = true;
  }

  setConflicts(conflicts: readonly string[]): void {
    this.#conflicts = conflicts;
    this.#isChanged = true;
  }

  /** Writes the record durably, if it has changed. Throws `unavailable`. */
  async save(): Promise<void> {
    if (!this.#isChanged) return;
    const files = Object.fromEntries(
      [...this.#files].map(([path, { version, digest }]) => [path, [version, digest] as const]),
    );
    const content: StateContent = { format, files, conflicts: this.#conflicts };
    try {
      await writeFileDurably(this.#path, `${JSON.stringify(content)}\n`, secretFileMode);
    } catch (error) {
      throw new Fault('unavailable', `${this.#path} cannot be written`, { cause: error });
    }
    this.#isChanged = false;
  }
}

function parse(path: string, text: string): StateContent {
  try {
    const content = JSON.parse(text) as StateContent;
    if (content.format === format && typeof content.files === 'object' && Array.isArray(content.conflicts))
      return content;
  } catch {
    // Reported below.
  }
  throw new Fault(
    'corrupt',
    `${path} is damaged: remove it, and the gateway compares all files with the database again`,
  );
}
