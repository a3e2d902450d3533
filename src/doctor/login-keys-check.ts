import type { Check } from './check.js';

/** A problem of a file with keys of all users. */
export interface LoginKeysProblem {
  readonly path: string;
  readonly text: string;
}

/** Reports problems in the files of certificate authorities and of revoked keys. */
export function loginKeysCheck(problems: () => Promise<readonly LoginKeysProblem[]>): Check {
  return {
    name: 'certificate authorities and revoked keys',
    run: async () =>
      (await problems()).map(({ path, text }) => ({
        code: 'login-keys',
        severity: 'error',
        subject: path,
        what: `${text}.`,
        why: 'The gateway refuses the certificates of an unreadable authority, and every key while the revoked keys are unreadable.',
        whatToDo: 'Correct the file. The change takes effect at the next login.',
      })),
  };
}
