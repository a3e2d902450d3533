import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAbsence } from '../files/system-errors.js';
import { type KeyFileProblem, keyFileProblems } from '../keyring/key-files.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { KeyFiles } from '../model/key-files.js';
import type { Keyring } from '../model/keyring.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** A raw key file that somebody's settings use, or may use. */
export interface RawKeyFile {
  /** `user NAME` or `shared directory`. */
  readonly subject: string;
  readonly path: string;
  /** The key of the keyring that the settings name instead of the file; null when they name none. */
  readonly keyId: KeyFingerprint | null;
  /** True when the settings need a key here: its absence is a finding. */
  readonly isNeeded: boolean;
  /** What fails without it. */
  readonly why: string;
}

export interface KeyFilesCheckServices {
  readonly keyFiles: () => Promise<readonly RawKeyFile[]>;
  readonly load: KeyFiles['load'];
  readonly describe: Keyring['describe'];
}

/** The raw key files, with those that were kept beside them: what they hold, who may read them, and which are needed no more. */
export function keyFilesCheck(services: KeyFilesCheckServices): Check {
  return {
    name: 'raw key files',
    run: async () => {
      const findings: DoctorFinding[] = [];
      for (const place of await services.keyFiles()) findings.push(...(await findingsOf(services, place)));
      return findings;
    },
  };
}

async function findingsOf(
  services: KeyFilesCheckServices,
  place: RawKeyFile,
): Promise<readonly DoctorFinding[]> {
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
      whatToDo:
        'Put the 32 raw bytes of the key there, mode 0600, or name a key of the keyring: `sftpgw key use`.',
    });
  }
  for (const one of paths) {
    const problems = await keyFileProblems(one);
    findings.push(...problems.map((problem) => findingOf(place, one, problem)));
    if (problems.length === 0 && (await canGo(services, place, one))) findings.push(needless(subject, one));
  }
  return findings;
}

/** A file that names no key for writing, and whose key the keyring keeps safe. */
async function canGo(
  { load, describe }: KeyFilesCheckServices,
  { path, keyId }: RawKeyFile,
  file: string,
): Promise<boolean> {
  if (file === path && keyId === null) return false;
  const key = await load(file);
  const kept = key === null ? null : await describe(key.fingerprint);
  return kept !== null && kept.state !== 'destroyed' && kept.isRecoverable;
}

function needless(subject: string, path: string): DoctorFinding {
  return {
    code: 'key-file-needless',
    severity: 'notice',
    subject,
    what: `${path} is not needed any more: the keyring has the key, sealed and recoverable.`,
    why: 'A raw key file is read by whoever gets at the disk.',
    whatToDo: `Remove it: shred -u ${path}.`,
  };
}

function findingOf({ subject, why }: RawKeyFile, path: string, problem: KeyFileProblem): DoctorFinding {
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
