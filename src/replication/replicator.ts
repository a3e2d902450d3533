import type { Call, Clock, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { RootFileChange, RootFileReport, RootFiles, StoredRootFile } from '../model/nodes.js';
import { contentProblem, type SettingsCheck } from './content-check.js';
import { type LocalChange, LocalChanges } from './local-changes.js';
import { isLostKey } from './lost-keys.js';
import { type FilePlan, planFile, type RemoteFile } from './plan.js';
import { isKept, replicatedFile } from './replicated-files.js';
import type { RootSeal } from './root-seal.js';
import type { RootWriter } from './root-writer.js';
import type { RootScanner } from './scanner.js';
import type { ReplicationState } from './state-file.js';

/** Files that are read or stored at once. */
const batchSize = 50;
/** How often the database is asked for changes, in milliseconds. A message makes it sooner. */
const pollMs = 500;
/** How often the versions of all files are compared, in milliseconds. */
const compareMs = 60_000;
/** Min time between two reports of this node, in milliseconds. */
const reportMs = 1_000;
/** A pause between scans is longer than a scan by this factor. */
const scanShare = 10;
const minScanMs = 300;
const maxScanMs = 60_000;
/** Pause between scans while a file is being written, in milliseconds. */
const pendingMs = 160;
/** How long `settle` waits for files that are being written, in milliseconds. */
const settleMs = 10_000;
/** Max sentences and conflicts in a report. */
const maxReported = 50;

/** The dependencies of a `Replicator`. */
export interface ReplicatorServices {
  readonly files: RootFiles;
  readonly seal: RootSeal;
  readonly state: ReplicationState;
  readonly scanner: RootScanner;
  readonly writer: RootWriter;
  readonly checkSettings: SettingsCheck;
  readonly exists: (path: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Keeps the shared files of this node and those of the database the same. A change that cannot be sent, opened or
 * written is reported and tried again; it never replaces a good file.
 */
export class Replicator {
  readonly #services: ReplicatorServices;
  readonly #changes = new LocalChanges();
  readonly #remote = new Map<string, RemoteFile>();
  /** The files that must be read from the database again. */
  readonly #again = new Set<string>();
  readonly #problems = new Map<string, string>();
  #revision = 0;
  #reported = '';
  #scanTookMs = 0;
  #nextCompareMs = Number.NEGATIVE_INFINITY;
  #nextReportMs = Number.NEGATIVE_INFINITY;

  constructor(services: ReplicatorServices) {
    this.#services = services;
  }

  /** The report of this node about its files. */
  get report(): RootFileReport {
    return {
      revision: this.#revision,
      conflicts: this.#services.state.conflicts.slice(0, maxReported),
      problems: [...this.#problems.values()].slice(0, maxReported),
    };
  }

  /**
   * Applies the changes of other nodes and stores those of this one, until no file is being written. Throws
   * the database's faults.
   */
  async settle(signal: AbortSignal): Promise<void> {
    const { clock } = this.#services;
    const endMs = clock.monotonicMs() + settleMs;
    while (await this.#once()) {
      if (clock.monotonicMs() > endMs) return;
      await clock.sleep(pendingMs, signal);
    }
  }

  /** Replicates until the call is cancelled. `onHint` passes on messages of changes, which may be missing. */
  async watch(call: Call, onHint: (listener: () => void) => void): Promise<void> {
    const { clock } = this.#services;
    const hint = { came: new AbortController() };
    onHint(() => hint.came.abort());
    let nextScanMs = clock.monotonicMs();
    let nextPollMs = nextScanMs;
    let isFailing = false;
    while (!call.signal.aborted) {
      try {
        const isDue = hint.came.signal.aborted || clock.monotonicMs() >= nextPollMs;
        if (isDue) {
          hint.came = new AbortController();
          await this.#receive();
          nextPollMs = clock.monotonicMs() + pollMs;
        }
        if (clock.monotonicMs() >= nextScanMs) {
          const isPending = await this.#send();
          const tookMs = this.#scanTookMs;
          const pauseMs = Math.min(maxScanMs, Math.max(minScanMs, tookMs * scanShare));
          nextScanMs = clock.monotonicMs() + (isPending ? Math.max(pendingMs, tookMs) : pauseMs);
        }
        await this.#tell();
        isFailing = false;
      } catch (error) {
        if (call.signal.aborted) return;
        if (!isFailing) call.log.error('files not synchronised', { error: Fault.from(error) });
        isFailing = true;
      }
      const leftMs = Math.max(1, Math.min(nextPollMs, nextScanMs) - clock.monotonicMs());
      const signals = isFailing ? [call.signal] : [call.signal, hint.came.signal];
      await clock.sleep(isFailing ? pollMs : leftMs, AbortSignal.any(signals)).catch(() => undefined);
    }
  }

  /** Returns whether a file is being written. */
  async #once(): Promise<boolean> {
    await this.#receive();
    const isPending = await this.#send();
    if (this.#again.size > 0) await this.#receive();
    await this.#tell();
    return isPending;
  }

  async #receive(): Promise<void> {
    const { files, clock, state } = this.#services;
    const last = await files.lastRevision();
    if (last < this.#revision) this.#revision = 0;
    while (this.#revision < last) {
      const rows = await files.changesSince(this.#revision, batchSize);
      for (const row of rows) {
        await this.#accept(row);
        this.#revision = row.revision;
      }
      await state.save();
      if (rows.length === 0) break;
    }
    if (clock.monotonicMs() >= this.#nextCompareMs) {
      this.#nextCompareMs = clock.monotonicMs() + compareMs;
      await this.#compareVersions();
    }
    const again = [...this.#again].slice(0, batchSize);
    for (const path of again) this.#again.delete(path);
    for (const row of await files.files(again)) await this.#accept(row);
    await state.save();
  }

  /** Finds rows that are not those that this node has seen: someone has restored a backup of the database. */
  async #compareVersions(): Promise<void> {
    const versions = await this.#services.files.versions();
    for (const [path, version] of versions)
      if (this.#remote.get(path)?.version !== version) this.#again.add(path);
    for (const path of this.#remote.keys()) if (!versions.has(path)) this.#remote.delete(path);
  }

  async #accept({ path, version, content: sealed }: StoredRootFile): Promise<void> {
    const { seal, state } = this.#services;
    try {
      const content = await seal.open(path, version, sealed);
      await this.#take(path, version, content);
      this.#problems.delete(path);
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.kind !== 'key-mismatch') {
        this.#again.add(path);
        this.#note(path, `${path} was not received: ${fault.hint}`);
        return;
      }
      // Another attempt would not open it either. The next change of the file replaces the row.
      const digest = state.get(path)?.digest ?? null;
      this.#remote.set(path, { version, digest });
      state.set(path, { version, digest });
      this.#note(path, `${path} was not received: no node of this cluster has stored its content`);
    }
  }

  /** Does with a file of the database what the three sides need. */
  async #take(path: string, version: number, content: Buffer | null): Promise<void> {
    const { seal, scanner, state } = this.#services;
    const digest = content === null ? null : seal.digest(content);
    this.#remote.set(path, { version, digest });
    const local = await scanner.read(path);
    const plan = planFile({
      base: state.get(path),
      local: local?.digest ?? null,
      remote: { version, digest },
    });
    if (plan === 'record') state.set(path, { version, digest });
    else if (plan === 'apply' || plan === 'conflict') {
      await this.#requireUsable(path, content);
      if (plan === 'conflict') await this.#keep(path, local?.content ?? null, content === null);
      await this.#apply(path, version, content, plan);
    }
  }

  async #apply(path: string, version: number, content: Buffer | null, plan: FilePlan): Promise<void> {
    const { scanner, state, writer, log } = this.#services;
    if (content === null) await writer.remove(path);
    else await writer.write(path, content);
    const written = await scanner.read(path);
    state.set(path, { version, digest: written?.digest ?? null });
    log.info(content === null ? 'file removed by another node' : 'file received from another node', {
      path,
      isConflict: plan === 'conflict',
    });
  }

  async #keep(path: string, local: Buffer | null, isRemoved: boolean): Promise<void> {
    const { state, writer, log } = this.#services;
    const file = replicatedFile(path);
    // The home of a removed user is kept as a whole.
    const isArchived = isRemoved && file?.kind === 'user-settings';
    const kept =
      local === null || isArchived || file === null || !isKept(file.kind)
        ? null
        : await writer.keepBeside(path, local);
    if (kept !== null) state.setConflicts([...state.conflicts, kept]);
    log.warn('file changed on two nodes; the first change stays', { path, kept });
  }

  async #requireUsable(path: string, content: Buffer | null): Promise<void> {
    const file = replicatedFile(path);
    if (file === null) throw new Fault('unsupported', 'this version does not share this file');
    const problem =
      content === null ? null : await contentProblem(file.kind, content, this.#services.checkSettings);
    if (problem !== null) throw new Fault('invalid', problem);
  }

  /** Stores the local changes. Returns whether a file is being written. */
  async #send(): Promise<boolean> {
    const { scanner, state, clock } = this.#services;
    const beganMs = clock.monotonicMs();
    const local = await scanner.scan();
    this.#scanTookMs = clock.monotonicMs() - beganMs;
    const now = { monotonicMs: clock.monotonicMs(), nowMs: clock.nowMs() };
    const { changes, isPending, withheldUsers } = this.#changes.find(local, state, this.#remote, now);
    if (withheldUsers > 0)
      this.#note(
        'home',
        `${withheldUsers} users disappeared at once and stay on the other nodes: restore their homes, or remove them with \`sftpgw user remove\``,
      );
    else this.#problems.delete('home');
    for (let start = 0; start < changes.length; start += batchSize)
      await this.#store(changes.slice(start, start + batchSize));
    return isPending;
  }

  async #store(changes: readonly LocalChange[]): Promise<void> {
    const { files, seal, state, scanner, log } = this.#services;
    const sealed: (LocalChange & RootFileChange)[] = [];
    for (const change of changes) {
      const { path, version, digest } = change;
      if (digest === null && (await isLostKey(path, scanner))) {
        await this.#restore(path);
        continue;
      }
      const content = digest === null ? null : await this.#contentToSend(change);
      if (content === undefined) continue;
      const isRemoved = digest === null;
      sealed.push({ ...change, content: await seal.seal(path, version, content), isRemoved });
    }
    if (sealed.length === 0) return;
    const refused = await files.store(sealed);
    for (const { path, version, digest } of sealed) {
      if (refused.has(path)) {
        this.#again.add(path);
        continue;
      }
      this.#remote.set(path, { version, digest });
      state.set(path, { version, digest });
      log.info(digest === null ? 'file removed for all nodes' : 'file sent to all nodes', { path });
    }
    await state.save();
  }

  /** Writes a file as the database has it, and reports it if that fails. */
  async #restore(path: string): Promise<void> {
    const { files, seal, writer, log } = this.#services;
    const [row] = await files.files([path]);
    if (row === undefined) return;
    try {
      const content = await seal.open(path, row.version, row.content);
      if (content !== null) await writer.write(path, content);
      log.warn('missing key restored from the database', { path });
    } catch (error) {
      this.#note(path, `${path} is missing and was not restored: ${Fault.from(error).hint}`);
    }
  }

  /** Returns undefined if the file has changed since the scan, or must not reach other nodes. */
  async #contentToSend({ path, digest }: LocalChange): Promise<Buffer | undefined> {
    const { scanner, checkSettings } = this.#services;
    const read = await scanner.read(path).catch(() => null);
    const file = replicatedFile(path);
    if (read === null || read.digest !== digest || file === null) return undefined;
    const problem = await contentProblem(file.kind, read.content, checkSettings);
    if (problem === null) {
      this.#problems.delete(path);
      return read.content;
    }
    this.#note(path, `${path} was not sent: ${problem}`);
    return undefined;
  }

  #note(path: string, problem: string): void {
    if (this.#problems.get(path) === problem) return;
    this.#problems.set(path, problem);
    this.#services.log.warn('file not synchronised', { path, problem });
  }

  /** Reports what has changed. Forgets conflicts whose copies were removed. */
  async #tell(): Promise<void> {
    const { files, state, clock, exists } = this.#services;
    if (clock.monotonicMs() < this.#nextReportMs) return;
    this.#nextReportMs = clock.monotonicMs() + reportMs;
    const found = await Promise.all(
      state.conflicts.map(async (path) => ((await exists(path)) ? [path] : [])),
    );
    const conflicts = found.flat();
    if (conflicts.length !== state.conflicts.length) state.setConflicts(conflicts);
    await state.save();
    const report = this.report;
    const text = JSON.stringify(report);
    if (text === this.#reported) return;
    await files.report(report);
    this.#reported = text;
  }
}
