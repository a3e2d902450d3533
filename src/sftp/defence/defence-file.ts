import { readFile } from 'node:fs/promises';
import { secretFileMode, writeFileDurably } from '../../files/durable.js';
import { isAbsence } from '../../files/system-errors.js';
import type { Ban } from '../../model/bans.js';
import { Fault } from '../../model/fault.js';
import type { KnownLogin } from '../../model/nodes.js';

/** The part of the defence that survives a restart. */
export interface DefenceState {
  readonly bans: readonly Ban[];
  readonly logins: readonly KnownLogin[];
}

const empty: DefenceState = { bans: [], logins: [] };

/** Reads the state; an empty one if the file does not exist. Throws `corrupt` if it does not hold a state. */
export async function readDefenceState(path: string): Promise<DefenceState> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsence(error)) return empty;
    throw new Fault('unavailable', `cannot read the bans in ${path}`, { cause: error });
  }
  try {
    const { bans, logins } = JSON.parse(text) as Partial<Record<keyof DefenceState, unknown>>;
    if (!Array.isArray(bans) || !Array.isArray(logins)) throw new Error('bans or logins are missing');
    return { bans: bans.filter(isBan), logins: logins.filter(isKnownLogin) };
  } catch (error) {
    throw new Fault('corrupt', `${path} does not hold bans: remove it, which ends all bans`, {
      cause: error,
    });
  }
}

/** Writes the state completely or not at all. */
export async function writeDefenceState(path: string, state: DefenceState): Promise<void> {
  await writeFileDurably(path, `${JSON.stringify(state)}\n`, secretFileMode);
}

function isBan(value: unknown): value is Ban {
  if (!isRecord(value)) return false;
  return (
    typeof value['source'] === 'string' &&
    (value['scope'] === 'everyone' || value['scope'] === 'new-users') &&
    (value['cause'] === 'logins' || value['cause'] === 'command') &&
    typeof value['sinceMs'] === 'number' &&
    typeof value['untilMs'] === 'number'
  );
}

function isKnownLogin(value: unknown): value is KnownLogin {
  if (!isRecord(value)) return false;
  return (
    typeof value['source'] === 'string' &&
    typeof value['username'] === 'string' &&
    typeof value['atMs'] === 'number'
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
