import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { secretFileMode, writeFileDurably } from '../files/durable.js';
import { Fault } from '../model/fault.js';
import type { AuditFinding } from './findings.js';
import type { VerifyState } from './verify.js';

/** Interrupted verification: its request, progress and findings. */
export interface StoredVerification {
  readonly buckets: readonly string[];
  readonly sample: number | null;
  readonly reads: boolean;
  readonly state: VerifyState;
  readonly findings: readonly AuditFinding[];
}

const format = 1;

/** File in the state directory that stores an interrupted verification. A root has at most one. */
export class VerificationFile {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'ledger-verify.json');
  }

  /**
   * Returns the interrupted verification; null if there is none. Throws `corrupt` for a file in another
   * format.
   */
  async load(): Promise<StoredVerification | null> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (text === null) return null;
    try {
      const kept = JSON.parse(text) as StoredVerification & { readonly format?: number };
      if (kept.format === format) return kept;
    } catch {
      // Text that is not JSON gets the same fault.
    }
    throw new Fault(
      'corrupt',
      `${this.#path} is not an interrupted verification; start again without --resume`,
    );
  }

  async save(kept: StoredVerification): Promise<void> {
    await writeFileDurably(this.#path, JSON.stringify({ format, ...kept }), secretFileMode);
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
