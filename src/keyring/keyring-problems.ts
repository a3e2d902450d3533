import { stat } from 'node:fs';
import { mapBounded } from '../concurrency/bounded.js';
import { isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import { isOpenToOthers, openToOthers, readFault } from './disk-fault.js';
import type { GatewayIdentity } from './gateway-identity.js';
import { recordFileName, sealedFileName } from './key-record.js';
import { type KeyEntry, type KeyringFiles, recipientsFileName } from './keyring-files.js';
import type { RecoveryRecipients } from './recovery-recipients.js';
import type { SealedKeys } from './sealed-keys.js';

/** Keys checked in parallel. */
const parallelChecks = 16;

/**
 * Returns every problem with the files of a keyring, one sentence each. Opens `maxOpened` keys or fewer, spread over
 * all.
 */
export async function findProblems(
  files: KeyringFiles,
  identity: GatewayIdentity,
  recovery: RecoveryRecipients,
  sealed: SealedKeys,
  maxOpened: number,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const note = async (check: () => Promise<string | null>, notes = problems): Promise<void> => {
    try {
      const problem = await check();
      if (problem !== null) notes.push(problem);
    } catch (error) {
      notes.push(Fault.from(error).hint);
    }
  };
  const { entries, unknownFiles } = await files.snapshot();
  await note(() => identity.modeProblem());
  await note(async () => (await identity.read()) && null);
  await note(async () => (await recovery.read()) && null);
  await note(() => directoryProblem(files.directory));
  const wanted = await sealed.recipients().catch(() => null);
  for (const name of [...unknownFiles].sort()) {
    problems.push(`${files.path(name)}: not a file of the keyring; move it away`);
  }
  const stride = Math.max(1, Math.ceil(entries.size / maxOpened));
  const ofKeys = await mapBounded(
    [...[...entries.values()].entries()],
    parallelChecks,
    async ([at, entry]) => {
      const notes: string[] = [];
      // A missing file is found without opening anything.
      if (at % stride === 0 || !entry.hasSealedFile || entry.recordProblem !== null)
        await note(async () => keyProblem(entry, sealed), notes);
      await note(async () => sealingProblem(files, entry, wanted), notes);
      for (const name of [sealedFileName(entry.id), recordFileName(entry.id)])
        await note(() => modeProblem(files.path(name)), notes);
      return notes;
    },
  );
  problems.push(...ofKeys.flat());
  await note(() => modeProblem(files.path(recipientsFileName)));
  return [...new Set(problems)];
}

async function keyProblem(
  { id, record, recordProblem, hasSealedFile }: KeyEntry,
  sealed: SealedKeys,
): Promise<string | null> {
  if (recordProblem !== null) return recordProblem.hint;
  if (record?.state === 'destroyed' && !hasSealedFile) return null;
  const opened = await sealed.tryOpen(id);
  return opened.kind === 'opened' ? null : opened.fault.hint;
}

function sealingProblem(
  files: KeyringFiles,
  entry: KeyEntry,
  wanted: readonly string[] | null,
): string | null {
  const { id, record, recordProblem, hasSealedFile } = entry;
  const path = files.path(sealedFileName(id));
  if (!hasSealedFile || recordProblem !== null) return null;
  if (record === null) return `${path}: no description; the next change of the keyring writes one`;
  if (record.state === 'destroyed')
    return `${path}: the key was destroyed; the next change of the keyring removes it`;
  if (wanted === null) return null;
  const missing = wanted.filter((one) => !record.sealedTo.includes(one));
  const more = record.sealedTo.filter((one) => !wanted.includes(one));
  if (missing.length === 0 && more.length === 0) return null;
  const differences = [
    ...missing.map((one) => `not sealed to ${one}`),
    ...more.map((one) => `sealed to ${one}, which is no longer a recipient`),
  ];
  return `${path}: ${differences.join('; ')}`;
}

async function modeProblem(path: string): Promise<string | null> {
  const mode = await modeOf(path);
  return mode !== null && isOpenToOthers(mode) ? openToOthers(path, mode, 'file of the keyring') : null;
}

async function directoryProblem(path: string): Promise<string | null> {
  const mode = await modeOf(path);
  return mode !== null && isOpenToOthers(mode)
    ? `${path}: the keyring is open to others (mode ${mode.toString(8).padStart(4, '0')}); run: chmod 700 ${path}`
    : null;
}

/** Returns the permission bits, or null if the file does not exist. The callback costs half of what the promise does. */
function modeOf(path: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    stat(path, (error, stats) => {
      if (error === null) resolve(stats.mode & 0o777);
      else if (isAbsence(error)) resolve(null);
      else reject(readFault(path, error));
    });
  });
}
