import { Fault } from '../model/fault.js';
import type { KeyDescription, KeyOwner, Keyring } from '../model/keyring.js';
import { parseUsername, type SharedRegistry, type UserRegistry } from '../model/users.js';
import { keyWriters } from '../users/key-writers.js';
import { unknownUser } from './users.js';

/** Describes a key argument in help texts. */
export const keyArgument = 'the key: its id, at least 6 first digits of the id, or its label';

/**
 * Finds the key that `text` names. Throws `not-found`, and `invalid` for an ambiguous text or a key
 * itself.
 */
export async function findKey(keyring: Pick<Keyring, 'list'>, text: string): Promise<KeyDescription> {
  const wanted = text.trim();
  if (/^(?:[A-Za-z0-9+/_-]{43}=?|[0-9A-Fa-f]{64})$/.test(wanted)) {
    throw new Fault(
      'invalid',
      `this looks like a key itself, which is never an argument: give ${keyArgument}`,
    );
  }
  const all = await keyring.list();
  const byId = /^[0-9a-f]{6,32}$/i.test(wanted)
    ? all.filter(({ id }) => id.startsWith(wanted.toLowerCase()))
    : [];
  const found = byId.length > 0 ? byId : all.filter(({ label }) => label !== '' && label === wanted);
  const [key, ...others] = found;
  if (key === undefined) {
    throw new Fault('not-found', `there is no key ${JSON.stringify(wanted)}: see \`sftpgw key list\``);
  }
  if (others.length > 0) {
    const ids = found.map(({ id }) => id).join(', ');
    throw new Fault('invalid', `${JSON.stringify(wanted)} matches ${found.length} keys: ${ids}`);
  }
  return key;
}

/** The users, the shared directory and the keyring of a root. */
export interface KeyUsers {
  readonly registry: UserRegistry;
  readonly shared: SharedRegistry;
  readonly keyring: Pick<Keyring, 'list' | 'retire'>;
}

/** The owner of a new key by name: a user, the shared directory, or none. */
export interface OwnerName {
  readonly user?: string;
  readonly shared?: boolean;
}

/** Returns the owner. Throws `invalid`, and `not-found` for an unknown user. */
export async function ownerOf(
  { user, shared }: OwnerName,
  { registry }: Pick<KeyUsers, 'registry'>,
): Promise<KeyOwner> {
  if (user !== undefined && shared === true)
    throw new Fault('invalid', 'give a user or the shared directory, not both');
  if (shared === true) return { kind: 'shared' };
  if (user === undefined) return { kind: 'none' };
  const username = parseUsername(user);
  if ((await registry.describe(username)) === null) throw unknownUser(username);
  return { kind: 'user', username };
}

/** The new use of a key: files of one user, or those in the shared directory. */
export type KeyUse =
  | { readonly user: string; readonly uploads: boolean; readonly downloads: boolean }
  | { readonly user: null };

/** Makes a key the one for new objects, and returns a sentence for people. Throws `not-found` and `conflict`. */
export async function useKey(
  { registry, shared }: Pick<KeyUsers, 'registry' | 'shared'>,
  { id }: Pick<KeyDescription, 'id'>,
  use: KeyUse,
): Promise<string> {
  if (use.user === null) {
    await shared.save({ syncOption: 3, syncKeyId: id });
    return `the shared directory uses the key ${id}`;
  }
  const username = parseUsername(use.user);
  if ((await registry.describe(username)) === null) throw unknownUser(username);
  await registry.save(username, {
    ...(use.uploads ? { uploadOption: 3, uploadKeyId: id } : {}),
    ...(use.downloads ? { syncOption: 3, syncKeyId: id } : {}),
  });
  const what = [use.uploads ? 'uploads' : '', use.downloads ? 'downloads' : ''].filter((one) => one !== '');
  return `the ${what.join(' and ')} of ${username} use the key ${id}`;
}

/** Retires a key. Throws `conflict` if it is not active, or still used for new objects. */
export async function retireKey(root: KeyUsers, { id, state }: KeyDescription): Promise<void> {
  if (state !== 'active') throw new Fault('conflict', `the key ${id} is already ${state}`);
  await refuseUsedKey(root, id);
  await root.keyring.retire(id);
}

/** Throws `conflict` if a key is destroyed already, or still used for new objects. */
export async function refuseDestruction(root: KeyUsers, { id, state }: KeyDescription): Promise<void> {
  if (state === 'destroyed') throw new Fault('conflict', `the key ${id} is already destroyed`);
  await refuseUsedKey(root, id);
}

async function refuseUsedKey({ registry, shared }: KeyUsers, id: string): Promise<void> {
  const writers = (await keyWriters(registry, shared)).get(id) ?? [];
  if (writers.length === 0) return;
  throw new Fault(
    'conflict',
    `the key ${id} is used by ${writers.join(', ')}: set another key first (sftpgw key use)`,
  );
}

/** Returns a key for `--json` and the API: its description and what uses it. Never the key itself. */
export function keyJson(key: KeyDescription, writers: readonly string[]) {
  const { id, md5Base64, label, owner, origin, createdMs, state, stateChangedMs, isRecoverable } = key;
  return {
    id,
    md5: md5Base64,
    label,
    owner,
    origin,
    created: new Date(createdMs).toISOString(),
    state,
    stateChanged: stateChangedMs === null ? null : new Date(stateChangedMs).toISOString(),
    isRecoverable,
    writers,
  };
}
