import type { Keyring, KeyringCustody } from '../model/keyring.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** Are the keys safe: does somebody who is not on this machine hold what opens them. */
export function keyringCheck(keyring: Keyring, custody: KeyringCustody): Check {
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
          why: 'When this machine is lost, so is everything that rests under these keys; nobody, AWS included, can bring it back.',
          whatToDo: 'Run `sftpgw recovery init`, and keep what it prints away from this machine.',
        });
      } else {
        for (const { id, label } of keys.filter((key) => !key.isRecoverable)) {
          findings.push({
            code: 'key-not-recoverable',
            severity: 'error',
            subject: `key ${id}`,
            what: `The key${label === '' ? '' : ` "${label}"`} is not sealed to every recovery recipient.`,
            why: 'What rests under it is lost with this machine.',
            whatToDo:
              'Run `sftpgw recovery init --recipient RECIPIENT` again for the recipient: it seals every key anew.',
          });
        }
      }
      for (const problem of await custody.problems()) {
        findings.push({
          code: 'keyring-file',
          severity: 'error',
          subject: 'gateway',
          what: `${problem}.`,
          why: 'A key that cannot be read opens nothing.',
          whatToDo: 'Put the file back from a backup, or from the copy in the bucket; see KEYS.md.',
        });
      }
      return findings;
    },
  };
}
