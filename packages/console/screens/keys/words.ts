import type { ItemOf } from '../../api/endpoints.js';
import type { Tone } from '../../parts/status.js';

export type Key = ItemOf<'listKeys'>;

/** The states of keys: `retired` opens its objects, but encrypts no new ones. */
export const keyStates: Readonly<Record<Key['state'], readonly [Tone, string]>> = {
  active: ['good', 'active'],
  retired: ['plain', 'retired'],
  destroyed: ['plain', 'destroyed'],
};

/** How keys came into the keyring. */
export const keyOrigins: Readonly<Record<Key['origin'], string>> = {
  generated: 'generated here',
  imported: 'imported',
  found: 'found in a key file',
};

/** Returns the owner of a key in words. */
export function ownerText({ owner }: Pick<Key, 'owner'>): string {
  if (owner.kind === 'user') return owner.username;
  return owner.kind === 'shared' ? 'the shared directory' : 'nobody';
}

/** Returns a key's name for sentences: its label, or the first digits of its fingerprint. */
export function keyName({ id, label }: Pick<Key, 'id' | 'label'>): string {
  return label === '' ? id.slice(0, 8) : label;
}

/** Returns true if objects would be lost with this machine: they need a key that nothing else opens. */
export function isAtRisk({ state, isRecoverable }: Key): boolean {
  return state !== 'destroyed' && !isRecoverable;
}
