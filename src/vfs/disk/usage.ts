import type { Stats } from 'node:fs';
import { Mutex } from '../../concurrency/mutex.js';
import type { Clock } from '../../model/call.js';
import { countTree, type TreeSize } from './count-tree.js';

/** Time in ms that the first change after a start waits for the count. A larger tree is counted behind it. */
const firstCountMs = 5_000;
/** Min time in ms between two counts of a directory. After a long count it is ten times its duration. */
const minIntervalMs = 60_000;
const durationFactor = 10;

/** Counts in a row, if names are moved meanwhile. */
const maxTries = 3;

/** A file that is open for writing, counted with the size that the gateway has granted. */
interface OpenFile {
  grantedBytes: number;
  handles: number;
  /** True if the last name was removed: the space is free once the last handle is closed. */
  isRemoved: boolean;
  /** True if the usage may have another size of the file than the one that was found when it was opened. */
  isDoubtful: boolean;
}

type FileStats = Pick<Stats, 'dev' | 'ino' | 'size' | 'nlink'>;

/** The time of one change of the disk, from before the file is checked until it is recorded. */
export class ChangeMark implements Disposable {
  /** Files that others changed meanwhile. */
  readonly changed = new Set<string>();
  readonly countsStarted: number;
  readonly isCounting: boolean;
  readonly #marks: Set<ChangeMark>;

  constructor(countsStarted: number, isCounting: boolean, marks: Set<ChangeMark>) {
    this.countsStarted = countsStarted;
    this.isCounting = isCounting;
    this.#marks = marks;
    marks.add(this);
  }

  [Symbol.dispose](): void {
    this.#marks.delete(this);
  }
}

/**
 * Bytes and entries of one directory and everything below it. The gateway counts the tree once and then adds its own
 * changes. Changes of other programs are found by a later count.
 *
 * A count that runs beside a change may or may not have seen it, and two changes of one file may have seen each other's
 * sizes. The usage is then too high rather than too low, and the next count may follow soon. A count that runs beside a
 * rename may have missed a whole directory, and is repeated.
 */
export class DirectoryUsage {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #turns: Mutex;
  readonly #open = new Map<string, OpenFile>();
  readonly #marks = new Set<ChangeMark>();
  /** Held while a name is checked, changed and recorded. */
  readonly #names = new Mutex();
  #bytes = 0;
  #entries = 0;
  /** Growth since the present count began, which may have missed it. */
  #grownBytes = 0;
  #grownEntries = 0;
  /** Entries that are counted, but perhaps not yet on the disk. */
  #entriesToCome = 0;
  /** Names that are being moved, and whether one was since the present count began. */
  #moves = 0;
  #hasMoved = false;
  #counting: Promise<void> | null = null;
  #countsStarted = 0;
  #isCounted = false;
  #nextCountMs = 0;
  /** Time of the next count if the present one is too high. */
  #nextCorrectionMs = 0;

  /** `turns` is shared by all directories: one is counted at a time. */
  constructor(directory: string, clock: Clock, turns: Mutex) {
    this.#directory = directory;
    this.#clock = clock;
    this.#turns = turns;
  }

  get bytes(): number {
    return Math.max(0, this.#bytes);
  }

  get entries(): number {
    return Math.max(0, this.#entries);
  }

  /** Starts the first count, and waits a few seconds for it. */
  async ready(): Promise<void> {
    if (this.#isCounted) return;
    const counting = this.#count();
    const patience = new AbortController();
    await Promise.race([counting, this.#clock.sleep(firstCountMs, patience.signal).catch(() => undefined)]);
    patience.abort();
  }

  /** Counts again, unless the last count was recent. Resolves when it is done. Never rejects. */
  async refresh(): Promise<void> {
    // A count that runs already may be too high because of what its caller has just done.
    if (this.#counting !== null) await this.#counting;
    if (this.#clock.monotonicMs() >= this.#nextCountMs) await this.#count();
  }

  #count(): Promise<void> {
    this.#counting ??= this.#countInTurn().finally(() => {
      this.#counting = null;
    });
    return this.#counting;
  }

  async #countInTurn(): Promise<void> {
    await this.#turns.lock();
    try {
      for (let tries = 1; !(await this.#countOnce(tries === maxTries)); tries += 1);
    } finally {
      this.#turns.unlock();
    }
  }

  /** Returns false if the count is worthless: it may have missed a name that was moved meanwhile. */
  async #countOnce(isLast: boolean): Promise<boolean> {
    const startedMs = this.#clock.monotonicMs();
    this.#countsStarted += 1;
    this.#grownBytes = 0;
    this.#grownEntries = 0;
    this.#hasMoved = this.#moves > 0;
    const entriesToCome = this.#entriesToCome;
    const found = await this.#countedTree();
    const endedMs = this.#clock.monotonicMs();
    this.#nextCorrectionMs = endedMs + durationFactor * (endedMs - startedMs);
    this.#nextCountMs = Math.max(endedMs + minIntervalMs, this.#nextCorrectionMs);
    if (found === null) return true;
    if (this.#hasMoved && !isLast) return false;
    const bytes = found.bytes + this.#grownBytes + this.#removedOpenBytes();
    const entries = found.entries + this.#grownEntries + entriesToCome;
    this.#bytes = this.#hasMoved ? Math.max(bytes, this.#bytes) : bytes;
    this.#entries = this.#hasMoved ? Math.max(entries, this.#entries) : entries;
    if (this.#hasMoved || this.#grownBytes > 0 || this.#grownEntries + entriesToCome > 0) this.#countSoon();
    this.#isCounted = true;
    return true;
  }

  async #countedTree(): Promise<TreeSize | null> {
    try {
      return await countTree(this.#directory, (stats) => this.#countedSize(stats));
    } catch {
      // For example a directory that its user made unreadable; the next count tries again.
      return null;
    }
  }

  /** An open file counts with what it may grow to. */
  #countedSize(stats: FileStats): number {
    const file = this.#open.get(nameOf(stats));
    if (file === undefined) return stats.size;
    return file.isRemoved ? 0 : Math.max(stats.size, file.grantedBytes);
  }

  #removedOpenBytes(): number {
    let bytes = 0;
    for (const file of this.#open.values()) if (file.isRemoved) bytes += file.grantedBytes;
    return bytes;
  }

  #countSoon(): void {
    this.#nextCountMs = Math.min(this.#nextCountMs, this.#nextCorrectionMs);
  }

  /** Runs a change of names. One runs at a time, so that a name is still what the change has found. */
  async changing<T>(change: (mark: ChangeMark) => Promise<T>): Promise<T> {
    await this.#names.lock();
    try {
      using mark = new ChangeMark(this.#countsStarted, this.#counting !== null, this.#marks);
      return await change(mark);
    } finally {
      this.#names.unlock();
    }
  }

  #overlapsCount({ countsStarted, isCounting }: ChangeMark): boolean {
    return isCounting || countsStarted !== this.#countsStarted;
  }

  #changed(file: string): void {
    for (const { changed } of this.#marks) changed.add(file);
  }

  #addBytes(bytes: number): void {
    this.#bytes += bytes;
    if (bytes > 0) this.#grownBytes += bytes;
  }

  /** Makes an entry with `create`, and counts it before. */
  async adding<T>(create: () => Promise<T>): Promise<T> {
    this.#entries += 1;
    this.#grownEntries += 1;
    this.#entriesToCome += 1;
    try {
      return await create();
    } catch (error) {
      this.#entries -= 1;
      throw error;
    } finally {
      this.#entriesToCome -= 1;
    }
  }

  /** Moves a name within the directory with `move`. */
  async moving<T>(move: () => Promise<T>): Promise<T> {
    this.#moves += 1;
    this.#hasMoved = true;
    try {
      return await move();
    } finally {
      this.#moves -= 1;
    }
  }

  /** Records that a file is open. `stats` are those of the open file. */
  open(stats: FileStats, mark: ChangeMark): OpenFileUsage {
    const name = nameOf(stats);
    const file = this.#open.get(name) ?? this.#opened(name, stats, mark);
    file.handles += 1;
    this.#open.set(name, file);
    return new OpenFileUsage(
      file,
      (bytes) => this.#resize(name, file, bytes),
      () => this.#open.delete(name),
    );
  }

  #resize(name: string, file: OpenFile, bytes: number): void {
    const growth = bytes - file.grantedBytes;
    if (growth === 0) return;
    this.#changed(name);
    file.grantedBytes = bytes;
    if (growth > 0 || !file.isDoubtful) this.#addBytes(growth);
    else this.#countSoon();
  }

  #opened(name: string, { size, nlink }: FileStats, mark: ChangeMark): OpenFile {
    const isDoubtful = this.#overlapsCount(mark) || mark.changed.has(name);
    this.#changed(name);
    return { grantedBytes: nlink === 0 ? 0 : size, handles: 0, isRemoved: nlink === 0, isDoubtful };
  }

  /**
   * Records that a name was removed; `stats` are those before. Counts the name and, with the last one of a file, its
   * bytes.
   */
  removed(stats: FileStats, isFile: boolean, mark: ChangeMark): void {
    const name = nameOf(stats);
    const overlapsCount = this.#overlapsCount(mark);
    // The number of a removed file may already be that of a new one.
    const isChanged = mark.changed.has(name);
    this.#changed(name);
    if (overlapsCount || isChanged) this.#countSoon();
    if (!overlapsCount) this.#entries -= 1;
    if (!isFile || stats.nlink > 1 || isChanged) return;
    const file = this.#open.get(name);
    if (file !== undefined) {
      file.isRemoved = true;
      if (overlapsCount) this.#addBytes(file.grantedBytes);
    } else if (!overlapsCount) this.#addBytes(-stats.size);
  }
}

/** The usage of one open handle. */
export class OpenFileUsage {
  readonly #file: OpenFile;
  readonly #resize: (bytes: number) => void;
  readonly #closed: () => void;

  constructor(file: OpenFile, resize: (bytes: number) => void, closed: () => void) {
    this.#file = file;
    this.#resize = resize;
    this.#closed = closed;
  }

  /** Size in bytes that the file may have, or has. */
  get grantedBytes(): number {
    return this.#file.grantedBytes;
  }

  /** Records another size. The caller has checked that it fits. */
  resize(bytes: number): void {
    this.#resize(bytes);
  }

  /** Closes the handle. The last one asks `look` for the size of the file in bytes, null if it is unknown. */
  async close(look: () => Promise<number | null>): Promise<void> {
    const file = this.#file;
    file.handles -= 1;
    if (file.handles > 0) return;
    const bytes = await look();
    if (file.handles > 0) return;
    if (file.isRemoved) this.#resize(0);
    else if (bytes !== null) this.#resize(bytes);
    this.#closed();
  }
}

function nameOf({ dev, ino }: FileStats): string {
  return `${dev}:${ino}`;
}

/** The usages of all directories of the process, so that parallel sessions share one. */
export class DirectoryUsages {
  readonly #clock: Clock;
  readonly #turns = new Mutex();
  readonly #byDirectory = new Map<string, DirectoryUsage>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(directory: string): DirectoryUsage {
    const known = this.#byDirectory.get(directory);
    if (known !== undefined) return known;
    const usage = new DirectoryUsage(directory, this.#clock, this.#turns);
    this.#byDirectory.set(directory, usage);
    return usage;
  }

  /** Forgets a directory without limits: its changes are not counted. */
  forget(directory: string): void {
    this.#byDirectory.delete(directory);
  }
}
