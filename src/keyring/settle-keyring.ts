import type { AgeIdentity } from './age.js';
import type { KeyRecord } from './key-record.js';
import type { KeyEntry, KeyringFiles } from './keyring-files.js';
import type { OpenedKey, SealedKeys } from './sealed-keys.js';

/** The dependencies of `settleKeyring`. */
export interface SettleServices {
  readonly files: KeyringFiles;
  readonly sealed: SealedKeys;
  readonly nowMs: number;
  /** An identity for keys that the gateway's own identity does not open; null for none. */
  readonly other: AgeIdentity | null;
}

/**
 * Completes changes that a crash interrupted. Removes partial files and the sealed files of destroyed keys.
 * Writes missing descriptions, and seals keys again that are not sealed to the present recipients. Keys that
 * cannot be opened are not changed. The caller must hold the lock. Returns one sentence per action.
 */
export async function settleKeyring(services: SettleServices): Promise<readonly string[]> {
  const { files, sealed } = services;
  const snapshot = await files.snapshotToChange();
  if (snapshot.hasLeftovers) await files.removeLeftovers();
  const recipients = await sealed.recipients();
  const done: string[] = [];
  for (const entry of snapshot.entries.values()) {
    if (!entry.hasSealedFile || entry.recordProblem !== null) continue;
    if (entry.record?.state === 'destroyed') {
      await sealed.remove(entry.id);
      done.push(`removed the destroyed key ${entry.id}`);
      continue;
    }
    const isRight = recipients !== null && isSealedTo(entry, recipients) && services.other === null;
    if (isRight || recipients === null) continue;
    const message = await sealAgain(services, entry, recipients);
    if (message !== null) done.push(message);
  }
  return done;
}

async function sealAgain(
  { sealed, nowMs, other }: SettleServices,
  entry: KeyEntry,
  recipients: readonly string[],
): Promise<string | null> {
  let opened: OpenedKey = await sealed.tryOpen(entry.id);
  if (opened.kind === 'opened' && isSealedTo(entry, recipients)) return null;
  if (opened.kind === 'failed' && other !== null) opened = await sealed.tryOpen(entry.id, other);
  if (opened.kind === 'failed') return null;
  const { key } = opened;
  const record: KeyRecord = entry.record ?? {
    id: entry.id,
    md5Base64: key.md5Base64,
    label: '',
    owner: { kind: 'none' },
    origin: 'found',
    createdMs: nowMs,
    state: 'active',
    stateChangedMs: null,
    sealedTo: [],
  };
  await sealed.write(key, record);
  return entry.record === null
    ? `wrote a new description of the key ${entry.id}`
    : `sealed the key ${entry.id} to the present recipients`;
}

function isSealedTo({ record }: KeyEntry, recipients: readonly string[]): boolean {
  const sealedTo = record?.sealedTo ?? [];
  return sealedTo.length === recipients.length && recipients.every((one) => sealedTo.includes(one));
}
