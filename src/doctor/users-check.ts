import type { UserRegistry } from '../model/users.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** What is wrong with the users' files, and who cannot log in. */
export function usersCheck(registry: Pick<UserRegistry, 'list'>): Check {
  return {
    name: 'users',
    run: async () => {
      const findings: DoctorFinding[] = [];
      for (const user of await registry.list()) {
        const subject = `user ${user.username}`;
        for (const problem of user.problems ?? []) {
          findings.push({
            code: 'user-files',
            severity: 'error',
            subject,
            what: `${problem}.`,
            why: 'The line or file does not count: the last good settings go on, and after a restart the user cannot work.',
            whatToDo: 'Correct the file that the sentence names; it counts at the next request.',
          });
        }
        if (user.publicKeyCount > 0 || user.hasPassword) continue;
        findings.push({
          code: 'no-login',
          severity: 'warning',
          subject,
          what: 'Neither a public key nor a password is set.',
          why: 'Nobody can log in as this user.',
          whatToDo: `Add a public key: \`addsftpuser ${user.username} --public-key-file FILE\`.`,
        });
      }
      return findings;
    },
  };
}
