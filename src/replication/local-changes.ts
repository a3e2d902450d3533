import { nextVersion, planFile, type RemoteFile } from './plan.js';
import { replicatedFile } from './replicated-files.js';
import type { LocalFile, LocalFiles } from './scanner.js';
import type { ReplicationState } from './state-file.js';

/** How long a file must stay as it is before it is sent, in milliseconds: its writer may not be done. */
const quietMs = 150;
/** How long a file must be absent, in milliseconds: some editors remove a file and create it again. */
const absentMs = 2_000;
/** More users that disappear at once, if they are most of them, are a fault of the disk and not removed. */
const maxRemovedUsers = 10;

/** A local change that the database does not have. */
export interface LocalChange {
  readonly path: string;
  /** The version of the row that it replaces; 0 without a row. */
  readonly replaces: number;
  readonly version: number;
  /** Null for a removed file. */
  readonly digest: string | null;
}

/** The local changes at one moment. */
export interface FoundChanges {
  /** In the order in which other nodes apply them. */
  readonly changes: readonly LocalChange[];
  /** True if a file has changed a moment ago, so that another scan must follow. */
  readonly isPending: boolean;
  /** The number of users that disappeared at once and are not removed elsewhere; 0 if there are none. */
  readonly withheldUsers: number;
}

/** Finds the local changes that are complete. */
export class LocalChanges {
  /** The files that differ from the base, since when, by the monotonic clock. */
  readonly #waiting = new Map<string, { readonly stamps: string; readonly sinceMs: number }>();

  /** Compares the files of a scan with the base and the database. `monotonicMs` and `nowMs` are the present time. */
  find(
    local: LocalFiles,
    state: ReplicationState,
    remote: ReadonlyMap<string, RemoteFile>,
    { monotonicMs, nowMs }: { readonly monotonicMs: number; readonly nowMs: number },
  ): FoundChanges {
    const changes: (LocalChange & { readonly file: LocalFile | null })[] = [];
    let isPending = false;
    for (const path of new Set([...local.files.keys(), ...state.paths])) {
      const file = local.files.get(path) ?? null;
      const base = state.get(path);
      const sides = { base, local: file?.digest ?? null, remote: remote.get(path) ?? null };
      const isAbsentSettings = file === null && replicatedFile(path)?.kind === 'settings';
      if (planFile(sides) !== 'store' || (file === null && !local.isRemoved(path)) || isAbsentSettings) {
        this.#waiting.delete(path);
        continue;
      }
      const neededMs = file === null && !local.isHomeGone(path) ? absentMs : quietMs;
      if (!this.#isQuiet(path, file?.stamps ?? 'absent', neededMs, monotonicMs)) {
        isPending = true;
        continue;
      }
      const [replaces, version] = [sides.remote?.version ?? 0, nextVersion(sides, nowMs)];
      changes.push({ path, replaces, version, digest: sides.local, file });
    }
    const withheldUsers = withheldUsersOf(changes, state);
    return {
      changes: changes
        .filter(({ digest }) => withheldUsers === 0 || digest !== null)
        .toSorted((one, other) => orderOf(one) - orderOf(other) || byTime(one.file, other.file))
        .map(({ path, replaces, version, digest }) => ({ path, replaces, version, digest })),
      isPending,
      withheldUsers,
    };
  }

  #isQuiet(path: string, stamps: string, neededMs: number, monotonicMs: number): boolean {
    const waiting = this.#waiting.get(path);
    if (waiting?.stamps === stamps) return monotonicMs - waiting.sinceMs >= neededMs;
    this.#waiting.set(path, { stamps, sinceMs: monotonicMs });
    return false;
  }
}

function isUserSettings(path: string): boolean {
  return replicatedFile(path)?.kind === 'user-settings';
}

/** Returns how many users have disappeared, if they are too many to have been removed by commands. */
function withheldUsersOf(changes: readonly LocalChange[], state: ReplicationState): number {
  const removed = changes.filter(({ path, digest }) => digest === null && isUserSettings(path)).length;
  if (removed <= maxRemovedUsers) return 0;
  const known = [...state.paths].filter((path) => isUserSettings(path) && state.get(path)?.digest !== null);
  return removed * 2 > known.length ? removed : 0;
}

/** The settings of a user make the user exist: they are removed first and written last. */
function orderOf({ path, digest }: LocalChange): number {
  if (digest === null) return isUserSettings(path) ? 0 : 1;
  return isUserSettings(path) ? 3 : 2;
}

/** The oldest first: the times of replaced keys show their order. */
function byTime(one: LocalFile | null, other: LocalFile | null): number {
  const [a, b] = [one?.modifiedNs ?? 0n, other?.modifiedNs ?? 0n];
  return a < b ? -1 : a > b ? 1 : 0;
}
