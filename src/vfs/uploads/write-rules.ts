import type { Call } from '../../model/call.js';
import type { FileWriter, ObjectEditor } from '../../vault/vault.js';

/** Constraints on an upload from the object that its open found. */
export interface WriteRules {
  /** The path in quotes, for messages. */
  readonly shown: string;
  /**
   * Size of an existing file that was opened without truncation and must be written as a whole. Null if there
   * was none, or if it is replaced anyway, or if it may be changed in part.
   */
  readonly keptSize: number | null;
  /** Whether there is a stored file that stays as it is until CLOSE, and for good if nothing is changed. */
  readonly keepsObject: boolean;
  /** Throws if another file has taken the name since an exclusive open. */
  readonly recheck: ((call: Call) => Promise<void>) | null;
  /** Records the time of a file whose content does not change. */
  readonly recordMtime: (call: Call, mtimeSeconds: number) => Promise<void>;
}

/** An upload that another session takes over. */
export interface UploadHandover {
  readonly writer: FileWriter | ObjectEditor;
  readonly rules: WriteRules;
  readonly mtimeSeconds: number | null;
}
