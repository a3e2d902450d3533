import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { secretFileMode } from '../files/durable.js';
import { Fault } from '../model/fault.js';
import { nextSegment, segmentsIn, spoolBytes } from './spool-directory.js';

export interface SpoolWriterOptions {
  readonly directory: string;
  /** Max bytes of all files of the spool. */
  readonly limitBytes: number;
  readonly nowMs: () => number;
  /** Returns a part of a name that no other file has. */
  readonly random: () => string;
  /** Called when a background sync fails. */
  readonly syncFailed: (error: unknown) => void;
}

/** Size at which the next file begins. */
const segmentBytes = 8 * 1024 * 1024;
/** Time in milliseconds after which a line is on the disk. */
const syncDelayMs = 1_000;

/**
 * Appends lines to the spool of this process. `append` is one write(2): the line is in the kernel when it
 * returns, so it survives the end of the process. A background sync makes it survive a power loss a second
 * later.
 */
export class SpoolWriter {
  readonly #options: SpoolWriterOptions;
  #segment: string | null = null;
  #file = -1;
  #size = 0;
  /** Bytes of the other files. */
  #otherBytes: number;
  #syncTimer: NodeJS.Timeout | null = null;

  /** Opens no file yet. Throws the system's error if the directory cannot be read. */
  constructor(options: SpoolWriterOptions) {
    this.#options = options;
    this.#otherBytes = spoolBytes(options.directory);
  }

  /** The file that lines are appended to; null before the first line. */
  get segment(): string | null {
    return this.#segment;
  }

  /** Bytes of all files. */
  get totalBytes(): number {
    return this.#otherBytes + this.#size;
  }

  /** Throws `over-quota` at the limit, and the system's error. Then the line is not in the spool. */
  append(line: string): void {
    const bytes = Buffer.from(line);
    if (this.totalBytes + bytes.byteLength > this.#options.limitBytes) {
      // The importer removes complete files only.
      this.#rotate();
      throw new Fault('over-quota', 'the spool of the audit trail has reached its limit');
    }
    if (this.#size + bytes.byteLength > segmentBytes) this.#rotate();
    if (this.#file === -1) this.#openFile();
    const written = this.#write(bytes);
    if (written !== bytes.byteLength) throw this.#undo();
    this.#size += written;
    this.#syncTimer ??= setTimeout(() => this.#sync(), syncDelayMs).unref();
  }

  /** Another file was removed, because its events are in the database. */
  removed(bytes: number): void {
    this.#otherBytes = Math.max(0, this.#otherBytes - bytes);
  }

  /** Makes everything durable. Throws the system's error. */
  close(): void {
    if (this.#syncTimer !== null) clearTimeout(this.#syncTimer);
    this.#syncTimer = null;
    this.#closeFile();
  }

  #write(bytes: Buffer): number {
    try {
      return writeSync(this.#file, bytes, 0, bytes.byteLength);
    } catch (error) {
      this.#undo();
      throw error;
    }
  }

  /** Removes a part of a line that reached a full disk. */
  #undo(): Error {
    try {
      ftruncateSync(this.#file, this.#size);
    } catch {
      // The next line begins a new file. The importer ignores the end of this one.
      this.#otherBytes += this.#size;
      closeSync(this.#file);
      this.#file = -1;
      this.#size = 0;
    }
    return new Fault('unavailable', 'no space left for the spool of the audit trail');
  }

  #openFile(): void {
    const { directory, nowMs, random } = this.#options;
    const segment = nextSegment(segmentsIn(directory).at(-1), nowMs(), random());
    this.#file = openSync(join(directory, segment), 'ax', secretFileMode);
    this.#segment = segment;
    this.#size = 0;
  }

  /** Completes the file without waiting for the disk. The next line begins another one. */
  #rotate(): void {
    const file = this.#file;
    if (file === -1) return;
    this.#forgetFile();
    fdatasync(file, (error) => {
      if (error !== null) this.#options.syncFailed(error);
      closeSync(file);
    });
  }

  #closeFile(): void {
    const file = this.#file;
    if (file === -1) return;
    this.#forgetFile();
    fdatasyncSync(file);
    closeSync(file);
  }

  #forgetFile(): void {
    this.#otherBytes += this.#size;
    this.#file = -1;
    this.#size = 0;
    this.#segment = null;
  }

  #sync(): void {
    this.#syncTimer = null;
    if (this.#file === -1) return;
    fdatasync(this.#file, (error) => {
      if (error !== null) this.#options.syncFailed(error);
    });
  }
}
