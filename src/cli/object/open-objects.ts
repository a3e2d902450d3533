import type { Command } from 'commander';
import type { OpenObjectServices } from '../../operations/object-services.js';
import type { CommandContext } from '../command.js';

/** Opens the objects of the command's root, runs the work and closes them. */
export function withObjects<T>(
  context: CommandContext,
  command: Command,
  work: (objects: OpenObjectServices) => Promise<T>,
): Promise<T> {
  return context.withRoot(context.rootOf(command), async (root) => {
    // Loaded late: `--help` does not need it.
    const { openObjectServices } = await import('../../operations/object-services.js');
    return work(await openObjectServices(root, root.settings, root.log));
  });
}
