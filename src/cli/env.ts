import type { Command } from 'commander';
import { Fault } from '../model/fault.js';
import { type CommandContext, newCommand } from './command.js';
import { renderJson } from './terminal/render.js';

/** `sftpgw env`. */
export function envCommand(context: CommandContext): Command {
  const summary = [
    'Print what `aws` and other S3 tools need to reach the storage of this gateway, as shell exports.',
    'What the gateway takes from the AWS credential chain is left out: your shell has it, or has its own.',
  ].join('\n');
  const command = newCommand('env', summary, ['eval "$(sftpgw env)"', 'sftpgw env --json']);
  return command.option('--json', 'as a JSON object').action(async (flags: { json?: boolean }) => {
    const root = context.rootOf(command);
    const values = await context.withRootConfig(root, (config) => config.environment());
    const known = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null);
    if (known.length === 0) {
      throw new Fault(
        'not-found',
        `nothing is configured below ${root}; start \`sftpgw serve --embedded\` once, or run \`sftpgw setup\``,
      );
    }
    if (flags.json === true) context.shell.out(renderJson(Object.fromEntries(known)));
    else for (const [name, value] of known) context.shell.out(`export ${name}=${quoteForShell(value)}`);
  });
}

/** Nothing inside single quotes means anything to a POSIX shell but the closing quote. */
export function quoteForShell(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
