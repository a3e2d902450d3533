import type { Call, Clock } from '../model/call.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { KeyLedger, KeyUsage } from '../model/ledger.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

export interface LedgerCheckServices {
  readonly ledger: Pick<KeyLedger, 'pending'>;
  readonly usage: Pick<KeyUsage, 'totals'>;
  /** The keys that are at hand: of the keyring and of every user's files. */
  readonly knownKeys: (call: Call) => Promise<ReadonlySet<KeyFingerprint>>;
  readonly clock: Clock;
}

/** Writes that are not settled after this time are stuck. */
const stuckAfterMs = 60 * 60_000;

/** Does every object have its key, and is nothing left half-way. */
export function ledgerCheck({ ledger, usage, knownKeys, clock }: LedgerCheckServices): Check {
  return {
    name: 'ledger',
    run: async (call) => {
      const known = await knownKeys(call);
      const findings: DoctorFinding[] = [];
      for (const [key, { objects }] of await usage.totals()) {
        if (known.has(key)) continue;
        findings.push({
          code: 'key-unknown',
          severity: 'error',
          subject: `key ${key}`,
          what: `${objects} ${objects === 1 ? 'object rests' : 'objects rest'} under a key that is not here.`,
          why: 'Nobody can read them until the key is found.',
          whatToDo: `Find the key in a backup and take it in: \`sftpgw key import\`. \`sftpgw ledger find --key ${key}\` names the objects.`,
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
          why: 'It is not known whether the object is there; its key is kept as long.',
          whatToDo:
            'Restart the gateway: it settles them at its start, and the log names what keeps it from doing so.',
        });
      }
      return findings;
    },
  };
}
