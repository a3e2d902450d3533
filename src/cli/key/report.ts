import type { KeyDescription, KeyOwner } from '../../model/keyring.js';

/** Returns a key as name and value pairs. */
export function keyFields(
  key: KeyDescription,
  writers: readonly string[],
): readonly (readonly [name: string, value: string])[] {
  const changed = key.stateChangedMs === null ? '' : ` since ${day(key.stateChangedMs)}`;
  return [
    ['key', key.id],
    ['label', key.label],
    ['owner', describeOwner(key.owner)],
    ['state', `${key.state}${changed}`],
    ['used by', writers.length === 0 ? 'nothing' : writers.join(', ')],
    ['origin', `${key.origin} ${day(key.createdMs)}`],
    ['MD5', key.md5Base64],
    ['recovery', describeRecovery(key)],
  ];
}

/** Header of the columns of `keyRow`. */
export const keyHeader = ['key', 'label', 'owner', 'state', 'created', 'recovery', 'used by'];

/** Returns a key as a row of the table of keys. */
export function keyRow(key: KeyDescription, writers: readonly string[]): readonly string[] {
  const { id, label, owner, state, createdMs } = key;
  return [id, label, describeOwner(owner), state, day(createdMs), describeRecovery(key), writers.join(', ')];
}

function describeRecovery({ state, isRecoverable }: KeyDescription): string {
  if (state === 'destroyed') return '';
  return isRecoverable ? 'yes' : 'no';
}

function describeOwner(owner: KeyOwner): string {
  if (owner.kind === 'user') return owner.username;
  return owner.kind === 'shared' ? 'shared directory' : '';
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
