import type { LedgerRow, LedgerRows } from '../../model/ledger.js';
import type { GatewayDatabase } from '../database.js';
import { currentRowsOf, versionRowsOf } from './queries.js';
import { toLedgerRow } from './rows.js';

/** Creates the batched queries for rows of many objects. */
export function createLedgerRowBatches(db: GatewayDatabase): LedgerRows {
  return {
    async currentOf(bucket, keys) {
      if (keys.length === 0) return new Map();
      const rows = await db.read((k) => currentRowsOf(k, bucket, keys).execute());
      return new Map(rows.map((row): [string, LedgerRow] => [row.object_key, toLedgerRow(row)]));
    },
    async versionsOf(bucket, keys) {
      if (keys.length === 0) return [];
      return (await db.read((k) => versionRowsOf(k, bucket, keys).execute())).map(toLedgerRow);
    },
  };
}
