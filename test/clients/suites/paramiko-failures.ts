import type { Area } from '../matrix/cells.js';

/** The tests of paramiko's suite that fail, each with its reason. `npm run drill:paramiko` checks that no other fails. */
export const paramikoFailures: Readonly<Record<Area, Readonly<Record<string, string>>>> = {
  uploads: {
    test_setstat: 'The test expects the mode 0600 after chmod. Modes are not kept.',
    test_fsetstat: 'The test expects the mode 0600 after chmod. Modes are not kept.',
    test_symlink: 'S3 has no symbolic links.',
    test_check: 'The gateway does not offer the extension `check-file`. OpenSSH does not either.',
  },
  local: {
    test_symlink:
      'The test reads back an absolute target. The gateway stores targets relative to the link, so that they stay inside `/local`.',
    test_check: 'The gateway does not offer the extension `check-file`. OpenSSH does not either.',
  },
};

/** Tests that pass. OpenSSH's server passes 40. Four more are skipped by the suite itself. */
export const paramikoPasses: Readonly<Record<Area, number>> = { uploads: 41, local: 43 };
