import { type FileHandle, open, stat } from 'node:fs/promises';
import { secretFileMode } from '../../files/durable.js';
import { isAbsence } from '../../files/system-errors.js';
import type { AuditRow } from '../../model/audit.js';
import { Fault } from '../../model/fault.js';
import { auditLine } from './audit-line.js';
import type { AuditReceiver } from './receiver.js';

/**
 * Appends events to a file as JSON lines. It opens the file again when another one, or none, is at its path:
 * logrotate has renamed it.
 */
export class FileReceiver implements AuditReceiver {
  readonly name: string;
  readonly #path: string;
  #file: FileHandle | null = null;
  #inode = 0;

  constructor(path: string) {
    this.#path = path;
    this.name = `file:${path}`;
  }

  async send(rows: readonly AuditRow[]): Promise<void> {
    try {
      const file = await this.#current();
      await file.appendFile(rows.map((row) => `${auditLine(row)}\n`).join(''));
      await file.datasync();
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw new Fault('unavailable', `${this.#path} cannot be written`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => undefined);
  }

  async #current(): Promise<FileHandle> {
    if (this.#file !== null && (await inodeOf(this.#path)) === this.#inode) return this.#file;
    await this[Symbol.asyncDispose]();
    this.#file = await open(this.#path, 'a', secretFileMode);
    this.#inode = (await this.#file.stat()).ino;
    return this.#file;
  }
}

async function inodeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}
