/** The last proof that someone has the identity of a recovery recipient. */
export interface RecoveryDrillTable {
  recipient: string;
  proven_ms: number;
  person: string;
}

/** The holder of a share of the recovery identity. The share itself is never stored. */
export interface RecoveryShareTable {
  set_id: string;
  number: number;
  threshold: number;
  holder: string;
  confirmed_ms: number | null;
  confirmed_by: string | null;
}
