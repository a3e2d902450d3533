import { mapBounded } from '../concurrency/bounded.js';
import type { UserLocation, Username, UserRegistry, UserSummary } from '../model/users.js';
import { findOverlaps } from '../users/prefix-overlaps.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** Users whose files are read in parallel. */
const parallelReads = 16;

/**
 * Reports problems in the files of these users, prefixes that overlap with those of any user, and users who cannot log
 * in.
 */
export function usersCheck(
  registry: Pick<UserRegistry, 'describe' | 'locations'>,
  usernames: readonly Username[],
  defaultBucket: () => string | null,
): Check {
  return {
    name: 'users',
    run: async () => {
      const findings: DoctorFinding[] = [];
      const locations = await registry.locations();
      const users = await mapBounded(usernames, parallelReads, (username) => registry.describe(username));
      for (const user of users) {
        if (user === null) continue;
        findings.push(...overlapFindings(user, locations, usernames, defaultBucket()));
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

function overlapFindings(
  user: UserSummary,
  locations: readonly UserLocation[],
  checked: readonly Username[],
  defaultBucket: string | null,
): readonly DoctorFinding[] {
  // Reports a pair of checked users once.
  const others = locations.filter(({ username }) => username < user.username || !checked.includes(username));
  return findOverlaps(user, others, defaultBucket).map(({ own, other }) => ({
    code: 'prefix-overlap',
    severity: 'warning',
    subject: `user ${user.username}`,
    what: `${sentence(own)} overlap with ${other}.`,
    why: 'Users can list, read, replace or remove objects of others.',
    whatToDo: `Set another upload.prefix or upload.bucket for one of them, if this is not intended.`,
  }));
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
