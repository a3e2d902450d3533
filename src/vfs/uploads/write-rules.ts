import type { Call } from '../../model/call.js';
import type { UploadWriter } from '../../vault/vault.js';

/** Constraints on an upload from the object that its open found. */
export interface WriteRules {
  /** The path in quotes, for messages. */
  readonly shown: string;
  /**
   * Size of an existing file that was opened without truncation. Null if there was none, or if it is replaced
   * anyway.
   */
  readonly keptSize: number | null;
  /** Throws if another file has taken the name since an exclusive open. */
  readonly recheck: ((call: Call) => Promise<void>) | null;
  /** Records the time of a file whose content does not change. */
  readonly recordMtime: (call: Call, mtimeSeconds: number) => Promise<void>;
}

/** An upload that another session takes over. */
export interface UploadHandover {
  readonly writer: UploadWriter;
  readonly rules: WriteRules;
  readonly mtimeSeconds: number | null;
}
