import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAbsence } from '../files/system-errors.js';
import { type KeyFileProblem, keyFileProblems } from '../keyring/key-files.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { KeyFiles } from '../model/key-files.js';
import type { Keyring } from '../model/keyring.js';
import type { Check } from './check.js';
import type { DoctorFinding } from './finding.js';

/** A raw key file that the settings of a user or of the shared directory use or may use. */
export interface RawKeyFile {
  /** `user NAME` or `shared directory`. */
  readonly subject: string;
  readonly path: string;
  /** The key of the keyring that the settings name instead of the file; null if they name none. */
  readonly keyId: KeyFingerprint | null;
  /** True if the settings need a key in this file, so that its absence is a finding. */
  readonly isNeeded: boolean;
  /** Consequence of its absence, as a sentence. */
  readonly why: string;
}

/** The services of `keyFilesCheck`. */
export interface KeyFilesCheckServices {
  readonly keyFiles: () => Promise<readonly RawKeyFile[]>;
  readonly load: KeyFiles['load'];
  readonly describe: Keyring['describe'];
}

/**
 * Checks the raw key files and the replaced ones in the same directories: content, mode, and whether they are
 * still needed.
 */
export function keyFilesCheck(services: KeyFilesCheckServices): Check {
  return {
    name: 'raw key files',
    run: async () => {
      const findings: DoctorFinding[] = [];
      for (const file of await services.keyFiles()) findings.push(...(await findingsOf(services, file)));
      return findings;
    },
  };
}

async function findingsOf(
  services: KeyFilesCheckServices,
  file: RawKeyFile,
): Promise<readonly DoctorFinding[]> {
  const { subject, path, isNeeded, why } = file;
  const paths = await withKept(path);
  const findings: DoctorFinding[] = [];
  if (isNeeded && !paths.includes(path)) {
    findings.push({
      code: 'key-file-missing',
      severity: 'error',
      subject,
      what: `${path} does not exist, but the settings need the key in it.`,
      why,
      whatToDo:
        'Write the 32 raw bytes of the key to it, with mode 0600, or use a key of the keyring: `sftpgw key use`.',
    });
  }
  for (const one of paths) {
    const problems = await keyFileProblems(one);
    findings.push(...problems.map((problem) => findingOf(file, one, problem)));
    const isUsable = problems.every(({ kind }) => kind === 'weak-key');
    if (isUsable && (await canGo(services, file, one))) findings.push(needless(subject, one));
  }
  return findings;
}

/** Returns true if no upload needs the file and the keyring has its key, sealed and recoverable. */
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
    what: `${path} is no longer needed: the keyring has the key, sealed and recoverable.`,
    why: 'Anyone with access to the disk can read a raw key file.',
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
        why: 'Every account of this machine that may read the file can decrypt everything encrypted with the key.',
        whatToDo: `Run chmod 600 ${path}; if other people use this machine, rotate to a new key.`,
      };
    case 'no-key':
      return {
        code: 'key-file-invalid',
        severity: 'error',
        subject,
        what,
        why,
        whatToDo:
          'Replace it with the 32 raw bytes of the key. Keep the present content: it may be the key in another form.',
      };
    case 'weak-key':
      return {
        code: 'key-weak',
        severity: 'warning',
        subject,
        what,
        why: 'Anyone who knows or guesses the key can decrypt everything encrypted with it.',
        whatToDo:
          'Rotate to a new key: sftpgw key rotate. Keys of downloads: replace the file and put the objects again.',
      };
    case 'unreadable':
      return {
        code: 'key-file-unreadable',
        severity: 'error',
        subject,
        what,
        why,
        whatToDo: 'Make the account of the gateway the owner of the file, with mode 0600.',
      };
  }
}

/** Returns the file, if it exists, and the replaced keys in the same directory. */
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
