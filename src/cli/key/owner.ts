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

/** The flags that say whose a key is. */
export function addOwnerFlags(command: Command): Command {
  return command
    .option('--user <user>', "the user's: it opens what is in his places")
    .option('--shared', "the shared directory's")
    .option('--label <text>', 'a name for people; may be said instead of the id while it is unique');
}

/** Whose it is to be; nobody's when the flags say nothing. Throws `invalid`, and `not-found` for no user. */
export async function ownerOf({ user, shared }: OwnerFlags, { registry }: RootConfig): Promise<KeyOwner> {
  if (user !== undefined && shared === true) throw new Fault('invalid', 'say --user or --shared, not both');
  if (shared === true) return { kind: 'shared' };
  if (user === undefined) return { kind: 'none' };
  const username = parseUsername(user);
  if ((await registry.describe(username)) === null) throw unknownUser(username);
  return { kind: 'user', username };
}
