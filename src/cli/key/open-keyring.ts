import type { Command } from 'commander';
import { noRecoveryWarning } from '../../assembly/recovery-warning.js';
import type { RootConfig } from '../../operations/root-config.js';
import type { CommandContext } from '../command.js';
import type { Shell } from '../terminal/shell.js';

/**
 * Opens the keyring and the users of the command's root, imports the raw key files, runs the work
 * and closes them.
 */
export function withKeyring<T>(
  context: CommandContext,
  command: Command,
  work: (config: RootConfig) => Promise<T>,
): Promise<T> {
  return context.withRootConfig(context.rootOf(command), async (config) => {
    await config.importKeyFiles();
    const done = await work(config);
    await warnWithoutRecovery(context.shell, config);
    return done;
  });
}

/** Prints a warning if there is no recovery recipient. */
export async function warnWithoutRecovery(
  shell: Shell,
  { keyring }: Pick<RootConfig, 'keyring'>,
): Promise<void> {
  if ((await keyring.recoveryRecipients()).length === 0) shell.err(noRecoveryWarning);
}
