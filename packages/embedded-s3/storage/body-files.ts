import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ensurePrivateDirectory,
  privateDirectoryMode,
  privateFileMode,
  syncDirectory,
} from './durable-file.js';

const fanOut = 256;

/**
 * The files of bodies: `bodies/xx/ID`. A file is created under `staging/`, synced, and moved to its
 * path. It is valid only after an index row names it. A body that is being read is pinned: its file
 * stays until the last reader has finished, even without a row.
 */
export class BodyFiles {
  readonly #staging: string;
  readonly #bodies: string;
  /** Prefix of the ids of this process, so that a sweep can tell them from those of an earlier one. */
  readonly #session = randomBytes(6).toString('hex');
  readonly #pins = new Map<string, number>();
  readonly #doomed = new Set<string>();
  readonly #removals = new Set<Promise<void>>();
  readonly #onTrouble: (message: string, error: unknown) => void;

  constructor(directory: string, onTrouble: (message: string, error: unknown) => void) {
    this.#staging = join(directory, 'staging');
    this.#bodies = join(directory, 'bodies');
    this.#onTrouble = onTrouble;
  }

  /** Creates the directories, and empties staging of files that a crash left there. */
  async prepare(): Promise<void> {
    await ensurePrivateDirectory(this.#staging);
    await ensurePrivateDirectory(this.#bodies);
    const existing = new Set(await readdir(this.#bodies));
    for (let index = 0; index < fanOut; index++) {
      const name = index.toString(16).padStart(2, '0');
      if (!existing.has(name)) await mkdir(join(this.#bodies, name), { mode: privateDirectoryMode });
    }
    if (existing.size < fanOut) await syncDirectory(this.#bodies);
    for (const name of await readdir(this.#staging)) await unlink(join(this.#staging, name));
  }

  newId(): string {
    return this.#session + randomBytes(12).toString('hex');
  }

  /** Creates a new, empty file for the body, in staging. */
  async create(bodyId: string): Promise<FileHandle> {
    return await open(join(this.#staging, bodyId), 'wx', privateFileMode);
  }

  /** Moves a synced and closed file to its path, durably. */
  async publish(bodyId: string): Promise<void> {
    const directory = this.#directoryOf(bodyId);
    await rename(join(this.#staging, bodyId), join(directory, bodyId));
    await syncDirectory(directory);
  }

  /** Removes an incomplete file. */
  async abandon(bodyId: string): Promise<void> {
    await unlink(join(this.#staging, bodyId)).catch((error: unknown) => this.#ignoreAbsence(error));
  }

  async openForReading(bodyId: string): Promise<FileHandle> {
    return await open(join(this.#directoryOf(bodyId), bodyId), 'r');
  }

  /**
   * Keeps the files of these bodies until the returned function is called. Must be called in the
   * same tick as the row is read.
   */
  pin(bodyIds: readonly string[]): () => void {
    for (const id of bodyIds) this.#pins.set(id, (this.#pins.get(id) ?? 0) + 1);
    let isPinned = true;
    return () => {
      if (!isPinned) return;
      isPinned = false;
      for (const id of bodyIds) this.#unpin(id);
    };
  }

  /** Removes the files of bodies without a row; pinned ones when their last reader has finished. */
  discard(bodyIds: readonly string[]): void {
    const free = bodyIds.filter((id) => {
      const isPinned = this.#pins.has(id);
      if (isPinned) this.#doomed.add(id);
      return !isPinned;
    });
    if (free.length > 0) this.#track(this.#removeAll(free));
  }

  /**
   * Removes files without a row. A crash leaves them between moving a file and committing its row,
   * or between committing the removal of a row and removing its file. Returns their number.
   */
  async sweep(isKnown: (bodyId: string) => boolean, signal: AbortSignal): Promise<number> {
    let removed = 0;
    for (let index = 0; index < fanOut && !signal.aborted; index++) {
      const directory = join(this.#bodies, index.toString(16).padStart(2, '0'));
      for (const name of await readdir(directory)) {
        if (signal.aborted) break;
        if (name.startsWith(this.#session) || this.#pins.has(name) || isKnown(name)) continue;
        await unlink(join(directory, name)).catch((error: unknown) => this.#ignoreAbsence(error));
        removed++;
      }
    }
    return removed;
  }

  /** Resolves when the current removals are done. */
  async settle(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals);
  }

  #unpin(id: string): void {
    const count = this.#pins.get(id) ?? 0;
    if (count > 1) {
      this.#pins.set(id, count - 1);
      return;
    }
    this.#pins.delete(id);
    if (this.#doomed.delete(id)) this.#track(this.#removeAll([id]));
  }

  #track(removal: Promise<void>): void {
    this.#removals.add(removal);
    void removal.finally(() => this.#removals.delete(removal));
  }

  async #removeAll(bodyIds: readonly string[]): Promise<void> {
    for (const id of bodyIds) {
      try {
        // A missing file is not an error: the sweep may have removed it.
        await unlink(join(this.#directoryOf(id), id)).catch((error: unknown) => this.#ignoreAbsence(error));
      } catch (error) {
        // The sweep of the next start removes the files that are left.
        this.#onTrouble('a body that nothing refers to could not be removed', error);
      }
    }
  }

  #directoryOf(bodyId: string): string {
    return join(this.#bodies, bodyId.slice(-2));
  }

  #ignoreAbsence(error: unknown): void {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
