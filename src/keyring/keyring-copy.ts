import { readFile } from 'node:fs/promises';
import { mapBounded } from '../concurrency/bounded.js';
import { isAbsence } from '../files/system-errors.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { SealedKeyringFile } from '../model/keyring.js';
import { readFault } from './disk-fault.js';
import {
  type KeyRecord,
  parseKeyFileName,
  parseKeyRecord,
  recordFileName,
  renderKeyRecord,
  sealedFileName,
} from './key-record.js';
import { type KeyEntry, type KeyringFiles, recipientsFileName } from './keyring-files.js';

/** Files read in parallel. */
const parallelReads = 16;

/** Attempts to read everything between two changes of the keyring, before the lock prevents changes. */
const readAttempts = 3;

/**
 * Returns every file of the keyring in a consistent state, in the order in which `filesToPut` accepts them.
 * Locks the keyring only if it changes during each attempt.
 */
export async function readAllFiles(
  files: KeyringFiles,
  hold: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<readonly SealedKeyringFile[]> {
  for (let attempt = 1; attempt <= readAttempts; attempt++) {
    const before = await files.state();
    const found = await readFiles(files);
    if (before !== null && before === (await files.state())) return found;
  }
  return await hold(() => readFiles(files));
}

async function readFiles(files: KeyringFiles): Promise<readonly SealedKeyringFile[]> {
  const { entries } = await files.snapshot();
  const names = [recipientsFileName];
  for (const { id } of entries.values()) names.push(sealedFileName(id), recordFileName(id));
  const found = await mapBounded(names, parallelReads, async (name) => ({
    name,
    bytes: await read(files.path(name)),
  }));
  return found.flatMap(({ name, bytes }) => (bytes === null ? [] : [{ name, bytes }]));
}

/**
 * Chooses the files of a copy that the keyring needs, in the order to write them. `leftOut` names the files
 * that already exist. Throws `invalid` for a name or a description that a keyring does not have.
 */
export async function filesToPut(
  files: KeyringFiles,
  copy: readonly SealedKeyringFile[],
): Promise<{ readonly wanted: readonly SealedKeyringFile[]; readonly leftOut: readonly string[] }> {
  const { entries } = await files.snapshot();
  const wanted: SealedKeyringFile[] = [];
  const leftOut: string[] = [];
  for (const file of inOrder(copy)) {
    const key = parseKeyFileName(file.name);
    if (key === null) {
      const exists = (await read(files.path(file.name))) !== null;
      if (exists) leftOut.push(file.name);
      else wanted.push(file);
      continue;
    }
    const entry = entries.get(key.id);
    const isWanted = key.kind === 'sealed' ? lacksSealedFile(entry) : lacksRecord(entry);
    if (!isWanted) {
      leftOut.push(file.name);
      continue;
    }
    // The existing description may list other recipients than those of the restored sealed file.
    if (entry?.record) wanted.push(recordFile({ ...entry.record, sealedTo: [] }));
    wanted.push(file);
  }
  return { wanted, leftOut };
}

function lacksSealedFile(entry: KeyEntry | undefined): boolean {
  if (entry === undefined) return true;
  return !entry.hasSealedFile && entry.record !== null && entry.record.state !== 'destroyed';
}

function lacksRecord(entry: KeyEntry | undefined): boolean {
  return entry === undefined || (entry.record === null && entry.recordProblem === null);
}

/** Sorts descriptions before sealed files, unlike for a new key: a restored description cannot be rebuilt. */
function inOrder(copy: readonly SealedKeyringFile[]): readonly SealedKeyringFile[] {
  const rank = (file: SealedKeyringFile): number => {
    const key = parseKeyFileName(file.name);
    if (key === null) {
      if (file.name === recipientsFileName) return 0;
      throw new Fault('invalid', `${JSON.stringify(file.name)} is not a file of a keyring`);
    }
    if (key.kind === 'record') checkRecord(file, key.id);
    return key.kind === 'record' ? 1 : 2;
  };
  return copy
    .map((file) => ({ file, rank: rank(file) }))
    .sort((a, b) => a.rank - b.rank || (a.file.name < b.file.name ? -1 : 1))
    .map(({ file }) => file);
}

function checkRecord({ name, bytes }: SealedKeyringFile, id: KeyFingerprint): void {
  let record: KeyRecord;
  try {
    record = parseKeyRecord(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new Fault('invalid', `${name}: invalid description: ${Fault.from(error).hint}`);
  }
  if (record.id !== id) throw new Fault('invalid', `${name}: describes another key, ${record.id}`);
}

function recordFile(record: KeyRecord): SealedKeyringFile {
  return { name: recordFileName(record.id), bytes: Buffer.from(renderKeyRecord(record)) };
}

async function read(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isAbsence(error)) return null;
    throw readFault(path, error);
  }
}
