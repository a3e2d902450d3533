import type { Command } from 'commander';
import type { OpenObjects } from '../../operations/object-services.js';
import type { CommandContext } from '../command.js';

/** Opens the objects of the command's root; the work's end closes them. */
export function withObjects<T>(
  context: CommandContext,
  command: Command,
  work: (objects: OpenObjects) => Promise<T>,
): Promise<T> {
  return context.operate(context.rootOf(command), async (operations) => {
    // Loaded only now, as the rest of the daemon.
    const { openObjects } = await import('../../operations/object-services.js');
    return work(await openObjects(operations, operations.settings, operations.log));
  });
}
