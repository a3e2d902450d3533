import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entropy, Logger } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { ClearedDirectory, MirrorAction, MirrorState } from '../../model/mirror.js';
import { checkedState } from '../plan/local-check.js';
import { Planner } from '../plan/planner.js';
import type { CommitStep } from './commit-group.js';
import { Committer } from './committer.js';
import type { DiskTools } from './disk-tools.js';
import { MirrorDisk } from './mirror-disk.js';

/** Dependencies of `ClearedDirectories`. */
export interface ClearingServices {
  readonly state: MirrorState;
  readonly entropy: Entropy;
  readonly log: Logger;
  readonly tools: DiskTools;
  readonly checkpoint?: (step: string) => Promise<void>;
}

/** Removes mirrored files from directories that are no longer mirrored. Sends no requests to S3. */
export class ClearedDirectories {
  readonly #services: ClearingServices;
  readonly #done = new Set<string>();
  /** Last logged text by name, so that each new text is logged once. */
  readonly #logged = new Map<string, string>();

  constructor(services: ClearingServices) {
    this.#services = services;
  }

  /**
   * Clears each of `directories` once while it stays in the list. None of them may be mirrored in the
   * meantime. Logs errors and tries again at the next call. Stops early if the signal is aborted.
   */
  async clear(directories: readonly ClearedDirectory[], signal: AbortSignal): Promise<void> {
    const names = new Set(directories.map(({ name }) => name));
    for (const name of this.#done) if (!names.has(name)) this.#done.delete(name);
    for (const directory of directories) {
      if (signal.aborted) return;
      if (this.#done.has(directory.name)) continue;
      try {
        if (await this.#clear(directory, signal)) this.#done.add(directory.name);
        this.#logged.delete(directory.name);
      } catch (error) {
        this.#logFailure(directory, Fault.from(error));
      }
    }
  }

  /** Clears one directory. Returns false if it was stopped before the end. */
  async #clear({ name, directory }: ClearedDirectory, signal: AbortSignal): Promise<boolean> {
    const { state, entropy, tools, log, checkpoint } = this.#services;
    // Also removes staged files that an earlier process left.
    const disk = await MirrorDisk.open(directory, entropy, tools);
    const committer = new Committer(disk, state, name, checkpoint);
    const planner = new Planner({ maxPathBytes: disk.maxPathBytes, foldsCase: false, keys: new Set() });
    let removed = 0;
    // Plans for an empty listing. The contents of a directory are removed before the directory.
    for await (const page of checkedState(state, tools.stats, name, disk.root, false)) {
      for (const known of page) planner.next(known.entry.path, null, known);
      removed += await carryOut(committer, planner.take());
      if (signal.aborted) return false;
    }
    planner.end();
    removed += await carryOut(committer, planner.take());
    await committer.idle();
    await this.#forgetRecord(name);
    if (removed > 0) log.info('removed mirrored files', { mirror: name, directory, removed });
    const left = await firstFileBelow(disk.root);
    if (left !== null) {
      log.warn('foreign files left in a cleared directory', {
        mirror: name,
        file: left,
      });
    }
    return true;
  }

  /** Resets the record, whose statements about files on disk no longer hold. */
  async #forgetRecord(name: string): Promise<void> {
    const { state } = this.#services;
    if ((await state.record(name)) === null) return;
    await state.saveRecord(name, { origin: '', emptySeenMs: null, status: null });
  }

  #logFailure({ name, directory }: ClearedDirectory, error: Fault): void {
    const text = `${error.hint} ${error.cause instanceof Error ? error.cause.message : ''}`;
    if (this.#logged.get(name) === text) return;
    this.#logged.set(name, text);
    this.#services.log.error('cannot remove mirrored files', {
      mirror: name,
      directory,
      error,
    });
  }
}

/** Returns the number of files removed. Throws the first fault after all steps have been tried. */
async function carryOut(committer: Committer, actions: readonly MirrorAction[]): Promise<number> {
  const steps = actions.map(stepOf);
  const ends = await Promise.allSettled(steps.map((step) => commit(committer, step)));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return steps.filter(({ kind }) => kind === 'delete').length;
}

type RemovingStep = Extract<CommitStep, { kind: 'delete' | 'forget' | 'remove-directory' }>;

function stepOf(action: MirrorAction): RemovingStep {
  switch (action.kind) {
    case 'delete':
    case 'forget':
    case 'remove-directory':
      return { kind: action.kind, path: action.path };
    default:
      throw new Fault('bug', `clearing a directory cannot need ${action.kind}`);
  }
}

async function commit(committer: Committer, step: RemovingStep): Promise<void> {
  try {
    await committer.commit(step);
  } catch (error) {
    // The directory contains files of another program, so they and the directory stay.
    if (step.kind !== 'remove-directory' || !isFault(error, 'conflict')) throw error;
    await committer.commit({ kind: 'forget', path: step.path });
  }
}

async function firstFileBelow(directory: string): Promise<string | null> {
  for await (const entry of await opendir(directory, { recursive: true })) {
    if (!entry.isDirectory()) return join(entry.parentPath, entry.name);
  }
  return null;
}
