/** The last proof that someone has the identity of a recovery recipient. */
export interface DrillRecord {
  readonly recipient: string;
  readonly provenMs: number;
  /** The person who typed the words. */
  readonly person: string;
}

/** The holder of a share of the recovery identity. The gateway never learns the share. */
export interface ShareRecord {
  /** The id of the split, as `sftpgw key split` prints it: 8 hexadecimal digits. */
  readonly set: string;
  /** From 1 on. */
  readonly number: number;
  /** Shares of the set that restore the identity. */
  readonly threshold: number;
  readonly holder: string;
  /** When the holder last confirmed that they have it; null for never. */
  readonly confirmedMs: number | null;
  readonly confirmedBy: string | null;
}

/** A set of shares, with its holders in the order of their numbers. */
export interface ShareSet {
  readonly set: string;
  readonly threshold: number;
  readonly holders: readonly string[];
}

/** The proofs and confirmations of people about the recovery. Changes are durable when a method resolves. */
export interface RecoveryRecords {
  /** Returns the last proof of each recipient, the newest first. */
  drills(): Promise<readonly DrillRecord[]>;
  proven(drill: DrillRecord): Promise<void>;
  /** Returns all shares by set and number. */
  shares(): Promise<readonly ShareRecord[]>;
  /** Replaces all shares with those of one set. Holders that stay keep their confirmation. */
  registerShares(set: ShareSet): Promise<void>;
  /** Records that a holder has their share. Returns null if there is no such share. */
  confirmShare(set: string, number: number, nowMs: number, person: string): Promise<ShareRecord | null>;
}
