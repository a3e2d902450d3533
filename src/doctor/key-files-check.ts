import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAbsence } from '../files/system-errors.js';
import { type KeyFileProblem, keyFileProblems } from '../keyring/key-files.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** A raw key file that somebody's settings use, or may use. */
export interface KeyFilePlace {
  /** `user NAME` or `shared directory`. */
  readonly subject: string;
  readonly path: string;
  /** True when the settings need a key here: its absence is a finding. */
  readonly isNeeded: boolean;
  /** What fails without it. */
  readonly why: string;
}

/** The raw key files, with those that were kept beside them: what they hold, and who may read them. */
export function keyFilesCheck(places: () => Promise<readonly KeyFilePlace[]>): Check {
  return {
    name: 'raw key files',
    run: async () => {
      const findings: DoctorFinding[] = [];
      for (const place of await places()) findings.push(...(await findingsOf(place)));
      return findings;
    },
  };
}

async function findingsOf(place: KeyFilePlace): Promise<readonly DoctorFinding[]> {
  const { subject, path, isNeeded, why } = place;
  const paths = await withKept(path);
  const findings: DoctorFinding[] = [];
  if (isNeeded && !paths.includes(path)) {
    findings.push({
      code: 'key-file-missing',
      severity: 'error',
      subject,
      what: `${path} is not there, and the settings need the key in it.`,
      why,
      whatToDo: 'Put the 32 raw bytes of the key there, mode 0600.',
    });
  }
  for (const one of paths) {
    for (const problem of await keyFileProblems(one)) findings.push(findingOf(place, one, problem));
  }
  return findings;
}

function findingOf({ subject, why }: KeyFilePlace, path: string, problem: KeyFileProblem): DoctorFinding {
  const what = `${problem.text}.`;
  switch (problem.kind) {
    case 'open-to-others':
      return {
        code: 'key-file-open',
        severity: 'error',
        subject,
        what,
        why: 'Every account of this machine that may read the file can read everything that rests under the key.',
        whatToDo: `Run chmod 600 ${path}; if others use this machine, take another key and rotate.`,
      };
    case 'no-key':
      return {
        code: 'key-file-invalid',
        severity: 'error',
        subject,
        what,
        why,
        whatToDo:
          'Replace it by the 32 raw bytes of the key. Keep what is there: it may be the key in another form.',
      };
    case 'unreadable':
      return {
        code: 'key-file-unreadable',
        severity: 'error',
        subject,
        what,
        why,
        whatToDo: 'Give the file to the account that the gateway runs as, mode 0600.',
      };
  }
}

/** The file, when it is there, and the replaced keys that were kept beside it. */
async function withKept(path: string): Promise<readonly string[]> {
  try {
    const name = basename(path);
    return (await readdir(dirname(path)))
      .filter((found) => found === name || (found.startsWith(`${name}.`) && /\.[0-9a-f]{32}$/.test(found)))
      .map((found) => join(dirname(path), found))
      .sort();
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}
