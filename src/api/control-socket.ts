import { Fault } from '../model/fault.js';

/**
 * Runs passes of `{"names": ["downloads/bob"]}`, or of all with null. The answer is `MirrorRunEvent`s or a
 * problem, one JSON text per line.
 */
export const mirrorRunPath = '/mirror/run';
/** Returns `LiveMirrorStatus[]`. */
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

/** The request of a run. */
export interface MirrorRunRequest {
  readonly names: readonly string[] | null;
}

/** The last line of an answer that failed after its beginning. */
export interface RunFailure {
  readonly kind: 'failed';
  readonly fault: string;
  readonly detail: string;
}

/**
 * `sun_path` of unix(7) has 108 bytes with its final zero; on macOS 104. The system truncates a longer path.
 */
const maxSocketPathBytes = process.platform === 'darwin' ? 103 : 107;

/** Throws `invalid` for a path that is too long for a socket. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxSocketPathBytes) return;
  throw new Fault(
    'invalid',
    `the path of the control socket ${path} has ${bytes} bytes, but the maximum is ${maxSocketPathBytes}; use a root with a shorter path`,
  );
}
