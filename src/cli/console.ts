import type { Command } from 'commander';
import { Fault } from '../model/fault.js';
import { type CommandContext, newCommand } from './command.js';
import { localExits } from './exit-codes.js';

/** Creates `sftpgw console`. */
export function consoleCommand(context: CommandContext): Command {
  const summary = [
    'Run the console of a running gateway until SIGTERM or SIGINT.',
    'The gateway starts its console by itself if console.listen is set. Run it here to see its log, or with console.listen=off to run it as another service. It needs access to the control socket.',
  ].join('\n');
  const command = newCommand('console', summary, ['sftpgw console'], localExits);
  return command.action(async () => {
    const { runConsoleCommand } = await import('../daemon/console-command.js');
    const code = await runConsoleCommand(context.rootOf(command));
    if (code === null) {
      throw new Fault(
        'invalid',
        'console.listen is off: set SFTPGW_CONSOLE_LISTEN=127.0.0.1:8080 for this command',
      );
    }
    context.setExitCode(code);
  });
}
