import type { Generated } from 'kysely';

/** Long work that outlives its client. */
export interface JobTable {
  seq: Generated<number>;
  id: string;
  kind: string;
  /** JSON, as in `progress`, `position` and `result`. */
  request: string;
  state: 'waiting' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled';
  progress: string | null;
  position: string | null;
  result: string | null;
  fault_kind: string | null;
  fault_text: string | null;
  person: string;
  created_ms: number;
  updated_ms: number;
  finished_ms: number | null;
  /** The node that runs the job, and its epoch, if several use the database. */
  node: string | null;
  node_epoch: number | null;
}

/** A request that must not run twice, with its answer. */
export interface IdempotencyKeyTable {
  seq: Generated<number>;
  key_hash: string;
  created_ms: number;
  /** Null while the request is in work. */
  status: number | null;
  body: string | null;
  etag: string | null;
}
