import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { KeyOwner } from '../../model/keyring.js';
import { parseUsername } from '../../model/users.js';
import type { RootConfig } from '../../operations/root-config.js';
import { unknownUser } from '../user/remove.js';

export interface OwnerFlags {
  readonly user?: string;
  readonly shared?: boolean;
}

/** Adds the flags for the owner and the label of a key. */
export function addOwnerFlags(command: Command): Command {
  return command
    .option('--user <name>', "make the user the owner: the key opens the user's files")
    .option('--shared', 'make the shared directory the owner')
    .option('--label <text>', 'human-readable name; accepted in place of the id if unique');
}

/**
 * Returns the owner that the flags name, or none. Throws `invalid`, and `not-found` for an unknown
 * user.
 */
export async function ownerOf({ user, shared }: OwnerFlags, { registry }: RootConfig): Promise<KeyOwner> {
  if (user !== undefined && shared === true) throw new Fault('invalid', 'give --user or --shared, not both');
  if (shared === true) return { kind: 'shared' };
  if (user === undefined) return { kind: 'none' };
  const username = parseUsername(user);
  if ((await registry.describe(username)) === null) throw unknownUser(username);
  return { kind: 'user', username };
}
