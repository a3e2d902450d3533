import { Fault } from '../model/fault.js';

/** Runs passes: `{"names": ["downloads/bob"]}` or null for all; answers `MirrorRunEvent`s or a problem, one JSON text a line. */
export const mirrorRunPath = '/mirror/run';
/** Answers `LiveMirrorStatus[]`. */
export const mirrorPath = '/mirror';

/** GET answers `Ban[]`. POST bans an address: `{"address": "192.0.2.7", "durationMs": 3600000}`; answers the `Ban`. */
export const bansPath = '/bans';
/** POST ends the ban of `{"address": "192.0.2.7"}`, or all bans with null; answers `{"ended": 1}`. */
export const bansClearPath = '/bans/clear';

export interface BanRequest {
  readonly address: string;
  readonly durationMs: number;
}

export interface BanClearRequest {
  readonly address: string | null;
}

export interface BanClearAnswer {
  readonly ended: number;
}

/** What `run` takes. */
export interface MirrorRunRequest {
  readonly names: readonly string[] | null;
}

/** The last line of an answer that had begun when something went wrong. */
export interface RunFailure {
  readonly kind: 'failed';
  readonly fault: string;
  readonly detail: string;
}

/** sun_path of unix(7) has 108 bytes with its final zero, of macOS 104. A longer path would be cut off without a word. */
const maxSocketPathBytes = process.platform === 'darwin' ? 103 : 107;

/** Throws `invalid` for a path that no socket can have. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxSocketPathBytes) return;
  throw new Fault(
    'invalid',
    `the control socket ${path} has a path of ${bytes} bytes, and the system takes ${maxSocketPathBytes}: use a root with a shorter path`,
  );
}
