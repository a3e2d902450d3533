import type { ActivityTable, UserActivityTable } from './schema/activity.js';
import type {
  AuditChainTable,
  AuditEventTable,
  AuditReceiverTable,
  AuditSpoolTable,
} from './schema/audit.js';
import type { PageSessionTable, PageUploadTable } from './schema/files-page.js';
import type { IdempotencyKeyTable, JobTable } from './schema/jobs.js';
import type {
  BarredKeyTable,
  ParkedUploadTable,
  PendingRemovalTable,
  SealedObjectTable,
} from './schema/ledger.js';
import type { MirrorEntryTable, MirrorPrefixTable } from './schema/mirror.js';
import type {
  AdminLinkTable,
  AdminSessionTable,
  AdminTable,
  ApiTokenTable,
  ApprovalTable,
  LoginTicketTable,
  PasskeyTable,
} from './schema/people.js';
import type { DatabaseMoveTable, DatabaseWriterTable, LeaseTable } from './schema/processes.js';
import type { RecoveryDrillTable, RecoveryShareTable } from './schema/recovery.js';
import type { ClusterRootTable, JoinTokenTable, RootFileTable, RootNodeTable } from './schema/root-files.js';
import type { RotationJobTable, RotationProblemTable } from './schema/rotations.js';
import type {
  KnownLoginTable,
  LoginBanTable,
  LoginCountTable,
  NodeRequestTable,
  NodeSessionTable,
} from './schema/shared-limits.js';
import type { WebhookDeliveryTable, WebhookTable } from './schema/webhooks.js';

/** All tables of the database. */
export interface Schema {
  audit_event: AuditEventTable;
  audit_chain: AuditChainTable;
  audit_spool: AuditSpoolTable;
  audit_receiver: AuditReceiverTable;
  api_token: ApiTokenTable;
  webhook: WebhookTable;
  webhook_delivery: WebhookDeliveryTable;
  admin: AdminTable;
  passkey: PasskeyTable;
  admin_session: AdminSessionTable;
  admin_link: AdminLinkTable;
  login_ticket: LoginTicketTable;
  approval: ApprovalTable;
  job: JobTable;
  page_session: PageSessionTable;
  page_upload: PageUploadTable;
  idempotency_key: IdempotencyKeyTable;
  database_writer: DatabaseWriterTable;
  database_move: DatabaseMoveTable;
  lease: LeaseTable;
  node_session: NodeSessionTable;
  node_request: NodeRequestTable;
  login_ban: LoginBanTable;
  known_login: KnownLoginTable;
  login_count: LoginCountTable;
  root_file: RootFileTable;
  cluster_root: ClusterRootTable;
  join_token: JoinTokenTable;
  root_node: RootNodeTable;
  sealed_object: SealedObjectTable;
  barred_key: BarredKeyTable;
  parked_upload: ParkedUploadTable;
  pending_removal: PendingRemovalTable;
  mirror_prefix: MirrorPrefixTable;
  mirror_entry: MirrorEntryTable;
  rotation_job: RotationJobTable;
  rotation_problem: RotationProblemTable;
  user_activity: UserActivityTable;
  activity: ActivityTable;
  recovery_drill: RecoveryDrillTable;
  recovery_share: RecoveryShareTable;
}
