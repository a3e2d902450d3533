import type { Command } from 'commander';

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
