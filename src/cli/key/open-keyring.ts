import type { Command } from 'commander';
import { noRecoveryWarning } from '../../assembly/recovery-warning.js';
import type { Administration } from '../../operations/root-config.js';
import type { CommandContext } from '../command.js';
import type { Shell } from '../terminal/shell.js';

/** Opens the keyring and the users of the command's root, the raw key files taken in before; the work's end closes them. */
export function withKeyring<T>(
  context: CommandContext,
  command: Command,
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  return context.administer(context.rootOf(command), async (administration) => {
    await administration.takeInKeyFiles();
    const done = await work(administration);
    await warnWithoutRecovery(context.shell, administration);
    return done;
  });
}

/** Says so while no recovery recipient exists. */
export async function warnWithoutRecovery(
  shell: Shell,
  { keyring }: Pick<Administration, 'keyring'>,
): Promise<void> {
  if ((await keyring.recoveryRecipients()).length === 0) shell.err(noRecoveryWarning);
}
