import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresServer, postgresMissing } from '../../../test/support/postgres-server.js';
import { commandIdentity } from '../../../test/support/test-database.js';
import { indexedCharacters } from '../indexed-text.js';
import { openPostgres } from './open.js';

const skipped = postgresMissing();

/** An entry of an index has no more bytes: https://www.postgresql.org/docs/current/btree.html */
const maxEntryBytes = 2_704;
/** Max bytes of the texts that indexes have as a whole, with those of S3, SFTP, OpenID Connect and WebAuthn. */
const id = 64;
const name = 256;
const objectKey = 1_024;
const maxBytes: Readonly<Record<string, number>> = {
  'activity.start_ms': 0,
  'admin.id': id,
  'admin.name': name,
  'admin.subject': 1_024,
  'admin_link.token_hash': id,
  'admin_session.admin_id': id,
  'admin_session.id': id,
  'admin_session.secret_hash': id,
  'api_token.id': id,
  'api_token.token_hash': id,
  'approval.id': id,
  'audit_receiver.name': name,
  'audit_spool.segment': name,
  'barred_key.key_fingerprint': id,
  'cluster_root.id': id,
  'database_move.role': id,
  'database_writer.id': id,
  'idempotency_key.key_hash': id,
  'job.id': id,
  'job.state': id,
  'join_token.token_hash': id,
  'known_login.source': id,
  'known_login.username': name,
  'lease.name': name,
  'kysely_migration.name': name,
  'kysely_migration_lock.id': name,
  'login_ban.source': id,
  'login_count.kind': id,
  'login_count.subject': id,
  'login_ticket.ticket_hash': id,
  'mirror_entry.path': objectKey,
  'mirror_prefix.name': name,
  'node_request.id': id,
  'node_session.id': id,
  'page_session.id': id,
  'page_session.secret_hash': id,
  'page_upload.id': id,
  'page_upload.username': name,
  'parked_upload.row_id': id,
  'pending_removal.id': id,
  'passkey.admin_id': id,
  'passkey.credential_id': 1_364,
  'passkey.id': id,
  'recovery_drill.recipient': name,
  'recovery_share.set_id': id,
  'root_file.path': name,
  'root_node.node': id,
  'rotation_job.id': id,
  'rotation_job.username': name,
  'rotation_problem.job_id': id,
  'rotation_problem.object_key': objectKey,
  'rotation_problem.version_id': objectKey,
  'sealed_object.bucket': id,
  'sealed_object.id': id,
  'sealed_object.key_fingerprint': id,
  'sealed_object.object_key': objectKey,
  'sealed_object.parent_prefix': objectKey,
  'sealed_object.state': 16,
  'user_activity.username': name,
  'webhook.id': id,
  'webhook_delivery.state': 16,
  'webhook_delivery.webhook_id': id,
};

interface IndexedColumn {
  readonly index: string;
  readonly table: string;
  /** Null for an expression. */
  readonly column: string | null;
  readonly is_text: boolean;
  readonly definition: string;
}

describe.skipIf(skipped !== null)('the indexes of a PostgreSQL database', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(async () => await server.stop());

  it('accept the longest texts of all columns', async () => {
    const database = await server.createDatabase();
    await (await openPostgres(server.options(database), commandIdentity())).close();
    const columns = (await server.run(
      database,
      `select i.indexrelid::regclass::text as index, i.indrelid::regclass::text as table, a.attname as column,
         coalesce(a.atttypid in ('text'::regtype, 'varchar'::regtype), true) as is_text,
         pg_get_indexdef(i.indexrelid, k.position::int, true) as definition
       from pg_index i
       cross join unnest(i.indkey::int[]) with ordinality as k(attribute, position)
       left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attribute and k.attribute > 0
       where i.indrelid in (select oid from pg_class where relnamespace = current_schema()::regnamespace)`,
    )) as unknown as readonly IndexedColumn[];
    const bytes = new Map<string, number>();
    for (const { index, table, column, is_text: isText, definition } of columns) {
      const length = isText ? bytesOf(table, column, definition) : 8;
      bytes.set(index, (bytes.get(index) ?? 0) + length + 8);
    }
    expect(bytes.size).toBeGreaterThan(30);
    for (const [index, total] of bytes) expect(total, index).toBeLessThan(maxEntryBytes);
  });
});

function bytesOf(table: string, column: string | null, definition: string): number {
  if (column !== null) {
    const known = maxBytes[`${table}.${column}`];
    if (known === undefined)
      throw new Error(`${table}.${column} may be of any length: index its beginning, as in indexed-text.ts`);
    return known;
  }
  expect(definition).toMatch(new RegExp(`^\\(?substr\\(\\w+, 1, ${indexedCharacters}\\)\\)?$`, 'i'));
  return 4 * indexedCharacters;
}
