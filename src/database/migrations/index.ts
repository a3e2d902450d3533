import type { Migration } from 'kysely/migration';
import { sealedObject } from './0001-sealed-object.js';
import { mirror } from './0002-mirror.js';
import { keyUsage } from './0003-key-usage.js';
import { rotation } from './0004-rotation.js';
import { refusedTime } from './0005-refused-time.js';
import { checksumAlgorithm } from './0006-checksum-algorithm.js';
import { parkedUploads } from './0007-parked-uploads.js';
import { auditTrail } from './0008-audit-trail.js';
import { api } from './0009-api.js';
import { jobs } from './0010-jobs.js';
import { heldUploads } from './0011-held-uploads.js';
import { people } from './0012-people.js';
import { approvals } from './0013-approvals.js';
import { webhooks } from './0014-webhooks.js';
import { filesPage } from './0015-files-page.js';
import { apiState } from './0016-api-state.js';
import { databaseWriters } from './0017-database-writers.js';
import { databaseMove } from './0018-database-move.js';
import { nodes } from './0019-nodes.js';
import { workerRoots } from './0020-worker-roots.js';
import { sharedLimits } from './0021-shared-limits.js';
import { pendingRemovals } from './0023-pending-removals.js';
import { rootFiles } from './0024-root-files.js';

/** All migrations in order. A released name never changes. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-sealed-object': sealedObject,
  '0002-mirror': mirror,
  '0003-key-usage': keyUsage,
  '0004-rotation': rotation,
  '0005-refused-time': refusedTime,
  '0006-checksum-algorithm': checksumAlgorithm,
  '0007-parked-uploads': parkedUploads,
  '0008-audit-trail': auditTrail,
  '0009-api': api,
  '0010-jobs': jobs,
  '0011-held-uploads': heldUploads,
  '0012-people': people,
  '0013-approvals': approvals,
  '0014-webhooks': webhooks,
  '0015-files-page': filesPage,
  '0016-api-state': apiState,
  '0017-database-writers': databaseWriters,
  '0018-database-move': databaseMove,
  '0019-nodes': nodes,
  '0020-worker-roots': workerRoots,
  '0021-shared-limits': sharedLimits,
  '0023-pending-removals': pendingRemovals,
  '0024-root-files': rootFiles,
};
