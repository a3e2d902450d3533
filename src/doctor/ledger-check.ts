import type { Call, Clock } from '../model/call.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { KeyLedger, KeyUsage } from '../model/ledger.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** The services of `ledgerCheck`. */
export interface LedgerCheckServices {
  readonly ledger: Pick<KeyLedger, 'pending'>;
  readonly usage: Pick<KeyUsage, 'totals'>;
  /** Returns the keys of the keyring. */
  readonly sealedKeys: () => Promise<ReadonlySet<KeyFingerprint>>;
  /** Returns the keys in raw files. Called only if the keyring lacks one, because there may be thousands of files. */
  readonly rawKeys: (call: Call) => Promise<ReadonlySet<KeyFingerprint>>;
  readonly clock: Clock;
}

/** A write that is still open after this time is stuck. */
const stuckAfterMs = 60 * 60_000;

/** Checks that the key of every object is available and that no write stays open. */
export function ledgerCheck({ ledger, usage, sealedKeys, rawKeys, clock }: LedgerCheckServices): Check {
  return {
    name: 'ledger',
    run: async (call) => {
      const sealed = await sealedKeys();
      const unsealed = [...(await usage.totals())].filter(([key]) => !sealed.has(key));
      const raw = unsealed.length === 0 ? new Set() : await rawKeys(call);
      const findings: DoctorFinding[] = [];
      for (const [key, { objects }] of unsealed) {
        if (raw.has(key)) continue;
        findings.push({
          code: 'key-unknown',
          severity: 'error',
          subject: `key ${key}`,
          what: `${objects} ${objects === 1 ? 'object is' : 'objects are'} encrypted with a key that is missing.`,
          why: 'They cannot be read until the key is found.',
          whatToDo: `Find the key in a backup and import it: \`sftpgw key import\`. \`sftpgw ledger find --key ${key}\` lists the objects.`,
        });
      }
      const stuck = await ledger.pending(clock.nowMs() - stuckAfterMs);
      if (stuck.length > 0) {
        const first = stuck[0];
        findings.push({
          code: 'writes-unsettled',
          severity: 'warning',
          subject: 'gateway',
          what: `${stuck.length} ${stuck.length === 1 ? 'write has' : 'writes have'} been open for more than an hour, the oldest to ${first?.ref.key ?? ''}.`,
          why: 'It is unknown whether the object exists, so its key must be kept.',
          whatToDo: 'Restart the gateway: it settles them at its start, or logs why it cannot.',
        });
      }
      return findings;
    },
  };
}
