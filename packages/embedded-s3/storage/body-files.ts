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
 * The files that bodies rest in: `bodies/xx/ID`. A file is made under `staging/`, synced, and moved to its place;
 * it counts only once an index row names it. A body that is being read is pinned: its file stays until the last
 * reader is done, though its row is gone.
 */
export class BodyFiles {
  readonly #staging: string;
  readonly #bodies: string;
  /** Ids made by this process begin with it, so that a sweep tells them from what an earlier one left. */
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

  /** Makes the directories, and empties staging of what a crash left there. */
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

  /** A new, empty file for the body, in staging. */
  async create(bodyId: string): Promise<FileHandle> {
    return await open(join(this.#staging, bodyId), 'wx', privateFileMode);
  }

  /** Moves a synced and closed file to its place, durably. */
  async publish(bodyId: string): Promise<void> {
    const directory = this.#directoryOf(bodyId);
    await rename(join(this.#staging, bodyId), join(directory, bodyId));
    await syncDirectory(directory);
  }

  /** Removes an unfinished file. */
  async abandon(bodyId: string): Promise<void> {
    await unlink(join(this.#staging, bodyId)).catch((error: unknown) => this.#ignoreAbsence(error));
  }

  async openForReading(bodyId: string): Promise<FileHandle> {
    return await open(join(this.#directoryOf(bodyId), bodyId), 'r');
  }

  /** Keeps these bodies' files until the function it answers is called. Pin in the same tick as the row is read. */
  pin(bodyIds: readonly string[]): () => void {
    for (const id of bodyIds) this.#pins.set(id, (this.#pins.get(id) ?? 0) + 1);
    let isPinned = true;
    return () => {
      if (!isPinned) return;
      isPinned = false;
      for (const id of bodyIds) this.#unpin(id);
    };
  }

  /** Removes the files of bodies that no row names any more; pinned ones when their last reader is done. */
  discard(bodyIds: readonly string[]): void {
    const free = bodyIds.filter((id) => {
      const isPinned = this.#pins.has(id);
      if (isPinned) this.#doomed.add(id);
      return !isPinned;
    });
    if (free.length > 0) this.#track(this.#removeAll(free));
  }

  /**
   * Removes files that no row names: what a crash left between moving a file into place and committing its row, or
   * between committing a row's removal and removing its file. Answers how many.
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

  /** Resolves when the removals under way are done. */
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
        // Absent is well: the sweep may have come first.
        await unlink(join(this.#directoryOf(id), id)).catch((error: unknown) => this.#ignoreAbsence(error));
      } catch (error) {
        // The next start's sweep takes what stays.
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
