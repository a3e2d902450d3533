import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { secretFileMode, writeFileDurably } from '../files/durable.js';
import { Fault } from '../model/fault.js';
import type { AuditFinding } from './findings.js';
import type { VerifyState } from './verify.js';

/** A verification that was interrupted: what was asked for, how far it came and what it found. */
export interface StoredVerification {
  readonly buckets: readonly string[];
  readonly sample: number | null;
  readonly reads: boolean;
  readonly state: VerifyState;
  readonly findings: readonly AuditFinding[];
}

const format = 1;

/** One a root, below its state directory. */
export class VerificationFile {
  readonly #path: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'ledger-verify.json');
  }

  /** Null when none was interrupted. Throws `corrupt` for a file that this program did not write. */
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
      // What is no JSON is not ours either.
    }
    throw new Fault(
      'corrupt',
      `${this.#path} is not an interrupted verification: begin anew, without --resume`,
    );
  }

  async save(kept: StoredVerification): Promise<void> {
    await writeFileDurably(this.#path, JSON.stringify({ format, ...kept }), secretFileMode);
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
