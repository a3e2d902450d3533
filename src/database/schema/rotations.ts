import type { Generated } from 'kysely';

/** One rotation of a user's key, with its progress. */
export interface RotationJobTable {
  seq: Generated<number>;
  id: string;
  username: string;
  bucket: string;
  prefix: string;
  new_key: string;
  /** Fingerprints separated by spaces, as in `retired_keys`. */
  old_keys: string;
  versions: string;
  /** JSON, as in `counts`. */
  pace: string;
  state: 'running' | 'done';
  cursor_key: string | null;
  counts: string;
  obstacle: string | null;
  /** The person who paused it; null while it is not paused. */
  paused_by: string | null;
  retired_keys: string;
  created_ms: number;
  updated_ms: number;
  finished_ms: number | null;
}

/** An object or version that a rotation could not re-encrypt. */
export interface RotationProblemTable {
  job_id: string;
  object_key: string;
  /** Empty for the current object. */
  version_id: string;
  kind: string;
  text: string;
}
