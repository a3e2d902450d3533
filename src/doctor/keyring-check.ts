import type { Keyring, KeyringCustody } from '../model/keyring.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/**
 * Checks that the keys survive the loss of this machine: each key is sealed to every recovery recipient. Opens
 * `maxOpened` keys or fewer.
 */
export function keyringCheck(keyring: Keyring, custody: KeyringCustody, maxOpened: number): Check {
  return {
    name: 'keyring',
    run: async () => {
      const keys = (await keyring.list()).filter((key) => key.state !== 'destroyed');
      const recipients = await custody.recoveryRecipients();
      const findings: DoctorFinding[] = [];
      if (keys.length > 0 && recipients.length === 0) {
        findings.push({
          code: 'no-recovery-recipient',
          severity: 'error',
          subject: 'gateway',
          what: `There is no recovery recipient: ${keys.length} ${keys.length === 1 ? 'key is' : 'keys are'} held by this machine only.`,
          why: 'If this machine is lost, so is everything encrypted with these keys. Nothing can restore it, not even AWS.',
          whatToDo: 'Run `sftpgw recovery init`, and store what it prints outside this machine.',
        });
      } else {
        for (const { id, label } of keys.filter((key) => !key.isRecoverable)) {
          findings.push({
            code: 'key-not-recoverable',
            severity: 'error',
            subject: `key ${id}`,
            what: `The key${label === '' ? '' : ` "${label}"`} is not sealed to every recovery recipient.`,
            why: 'Everything encrypted with it is lost with this machine.',
            whatToDo:
              'Run `sftpgw recovery init --recipient RECIPIENT` again for the recipient: it seals every key again.',
          });
        }
      }
      for (const problem of await custody.problems(maxOpened)) {
        findings.push({
          code: 'keyring-file',
          severity: 'error',
          subject: 'gateway',
          what: `${problem}.`,
          why: 'Objects encrypted with an unreadable key cannot be read.',
          whatToDo: 'Restore the file from a backup or from the copy in the bucket; see KEYS.md.',
        });
      }
      return findings;
    },
  };
}
