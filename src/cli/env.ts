import type { Command } from 'commander';
import { Fault } from '../model/fault.js';
import { type CommandContext, newCommand } from './command.js';
import { localExits } from './exit-codes.js';
import { renderJson } from './terminal/render.js';

/** Creates `sftpgw env`. */
export function envCommand(context: CommandContext): Command {
  const summary = [
    'Print the environment of S3 tools for the storage of this gateway.',
    'Prints shell exports for `aws` and similar tools. Leaves out what the gateway takes from the AWS credential chain, because your shell has its own.',
  ].join('\n');
  const command = newCommand(
    'env',
    summary,
    ['eval "$(sftpgw env)"', 'sftpgw env --json'],
    [...localExits, 'notFound'],
  );
  return command.option('--json', 'print JSON').action(async (flags: { json?: boolean }) => {
    const root = context.rootOf(command);
    const values = await context.withRootConfig(root, (config) => config.environment());
    const known = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null);
    if (known.length === 0) {
      throw new Fault(
        'not-found',
        `nothing is configured below ${root}: start \`sftpgw serve --embedded\` once, or run \`sftpgw setup\``,
      );
    }
    if (flags.json === true) context.shell.out(renderJson(Object.fromEntries(known)));
    else for (const [name, value] of known) context.shell.out(`export ${name}=${quoteForShell(value)}`);
  });
}

/** Quotes a value for a POSIX shell. Between single quotes only the closing quote has a meaning. */
export function quoteForShell(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
