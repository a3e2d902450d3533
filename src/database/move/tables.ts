import type { Schema } from '../schema.js';

/** Tables about the database itself, its cluster and the present moment, which stay where they are. */
type OwnTable =
  | 'database_writer'
  | 'database_move'
  | 'lease'
  | 'node_session'
  | 'node_request'
  | 'login_count'
  | 'root_file'
  | 'cluster_root'
  | 'join_token'
  | 'root_node';

/**
 * The tables that move to another engine, with their primary keys. The order of a table's rows by its key is the same
 * in both engines.
 */
export const movedTables: {
  readonly [Table in Exclude<keyof Schema, OwnTable>]: readonly (keyof Schema[Table])[];
} = {
  sealed_object: ['seq'],
  barred_key: ['key_fingerprint'],
  parked_upload: ['row_id'],
  pending_removal: ['id'],
  mirror_prefix: ['id'],
  mirror_entry: ['prefix_id', 'path'],
  rotation_job: ['seq'],
  rotation_problem: ['job_id', 'object_key', 'version_id'],
  audit_event: ['seq'],
  audit_chain: ['id'],
  audit_spool: ['segment'],
  audit_receiver: ['name'],
  api_token: ['id'],
  job: ['seq'],
  idempotency_key: ['seq'],
  login_ban: ['source'],
  known_login: ['source', 'username'],
  webhook: ['id'],
  webhook_delivery: ['id'],
  admin: ['id'],
  passkey: ['id'],
  admin_session: ['id'],
  admin_link: ['token_hash'],
  login_ticket: ['ticket_hash'],
  approval: ['id'],
  page_session: ['id'],
  page_upload: ['id'],
  user_activity: ['username'],
  activity: ['start_ms'],
  recovery_drill: ['recipient'],
  recovery_share: ['set_id', 'number'],
};

export type MovedTable = keyof typeof movedTables;

/** Returns the moved tables in order. */
export function namesOfMovedTables(): readonly MovedTable[] {
  return Object.keys(movedTables) as MovedTable[];
}
