import { existsSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Mutex } from '../concurrency/mutex.js';
import type { AuditAppender } from '../database/audit/append.js';
import type { SpooledEvent } from '../database/audit/chain.js';
import { isAbsence } from '../files/system-errors.js';
import type { Logger } from '../model/call.js';
import { type SpoolPaths, segmentsIn } from './spool-directory.js';
import { parseSpoolLine } from './spool-line.js';

export interface ImporterOptions {
  readonly paths: SpoolPaths;
  readonly appender: AuditAppender;
  /**
   * Null in a process without the root's lock, which leaves the files of the gateway there. `segment` is the file
   * that is still appended to. `removed` learns the size of each removed file.
   */
  readonly owner: { readonly segment: () => string | null; removed(bytes: number): void } | null;
  readonly log: Logger;
}

/** Max bytes that one transaction imports. It bounds the time for which the database is locked. */
const partBytes = 64 * 1024;
/** Longer than any line. */
const maxLineBytes = 512 * 1024;

interface Lines {
  readonly to: number;
  readonly events: readonly SpooledEvent[];
}

/**
 * Moves events from the spool to the database, in order and exactly once: the rows and the position in the
 * file are one transaction. Several processes may import at the same time.
 */
export class SpoolImporter {
  readonly #options: ImporterOptions;
  readonly #mutex = new Mutex();

  constructor(options: ImporterOptions) {
    this.#options = options;
  }

  /** Imports everything that is in the spool now. Throws faults of the database. */
  async run(): Promise<void> {
    await this.#mutex.lock();
    try {
      const { directory, incoming } = this.#options.paths;
      for (const name of segmentsIn(directory)) await this.#importFile(join(directory, name), false);
      for (const name of segmentsIn(incoming)) await this.#importFile(join(incoming, name), true);
    } finally {
      this.#mutex.unlock();
    }
  }

  /** Forgets files that are gone: a crash came between their removal and this. Called once at the start. */
  async forgetRemoved(): Promise<void> {
    const { appender, paths } = this.#options;
    const present = new Set([...segmentsIn(paths.directory), ...segmentsIn(paths.incoming)]);
    for (const segment of await appender.segments()) {
      if (!present.has(segment)) await appender.forget(segment);
    }
  }

  async #importFile(path: string, isOfCommand: boolean): Promise<void> {
    const { appender, owner } = this.#options;
    const segment = basename(path);
    // A file that is appended to afterwards is imported again at the next run.
    const isClosed = isOfCommand || (owner !== null && owner.segment() !== segment);
    let position = await appender.position(segment);
    for (;;) {
      const part = await this.#linesFrom(path, position);
      if (part === null) return;
      if (part.to === position) break;
      const isAdded = await appender.append({ segment, from: position, ...part }, () => existsSync(path));
      position = isAdded ? part.to : await appender.position(segment);
      if (!isAdded && !existsSync(path)) return;
    }
    if (isClosed) await this.#remove(path, segment, position, isOfCommand);
  }

  async #remove(path: string, segment: string, bytes: number, isOfCommand: boolean): Promise<void> {
    await unlink(path).catch((error: unknown) => {
      if (!isAbsence(error)) throw error;
    });
    if (!isOfCommand) this.#options.owner?.removed(bytes);
    await this.#options.appender.forget(segment);
  }

  /** Reads complete lines. Returns null if the file is gone. */
  async #linesFrom(path: string, position: number): Promise<Lines | null> {
    let text: Buffer;
    try {
      text = await readPart(path, position);
    } catch (error) {
      if (isAbsence(error)) return null;
      throw error;
    }
    const end = text.lastIndexOf(0x0a) + 1;
    const events: SpooledEvent[] = [];
    for (const line of text.toString('utf8', 0, end).split('\n')) {
      if (line === '') continue;
      const event = parseSpoolLine(line);
      if (event !== null) events.push(event);
      else this.#options.log.error('damaged line in the spool of the audit trail', { file: path });
    }
    return { to: position + end, events };
  }
}

/** Reads up to the size of a part, or more if one line is longer. */
async function readPart(path: string, position: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    for (let bytes = partBytes; ; bytes *= 2) {
      const buffer = Buffer.allocUnsafe(bytes);
      const { bytesRead } = await file.read(buffer, 0, bytes, position);
      const read = buffer.subarray(0, bytesRead);
      if (bytesRead < bytes || read.includes(0x0a) || bytes >= maxLineBytes) return read;
    }
  } finally {
    await file.close();
  }
}
