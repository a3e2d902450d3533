import type { UserRegistry } from '../model/users.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** Reports problems in the users' files, and users who cannot log in. */
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
            why: 'The line or file is ignored. The last valid settings stay in force until a restart. After it the user cannot work.',
            whatToDo: 'Correct the file. The change takes effect at the next request.',
          });
        }
        if (user.canLogIn) continue;
        findings.push({
          code: 'no-login',
          severity: 'warning',
          subject,
          what: `The keys, the password and the second factor of the user do not fulfil login.methods=${user.loginMethods}.`,
          why: 'This user cannot log in.',
          whatToDo: `Add a public key: \`addsftpuser ${user.username} --public-key-file FILE\`.`,
        });
      }
      return findings;
    },
  };
}
