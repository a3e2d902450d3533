import { type Command, Option } from 'commander';
import type { DatabaseEngine } from '../../database/database.js';
import type { MoveProgress } from '../../database/move/move.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { renderFields, renderJson } from '../terminal/render.js';

interface MigrateFlags {
  readonly from: DatabaseEngine;
  readonly to: DatabaseEngine;
  readonly json?: boolean;
}

/** Time between two lines of progress, in milliseconds. */
const progressEveryMs = 2_000;

/** Creates `sftpgw database migrate`. */
export function databaseMigrateCommand(context: CommandContext): Command {
  const summary = [
    'Move the gateway’s data to the other engine.',
    'Stop the gateway first, and set database.url to the PostgreSQL database. Copies every table, compares the counts and checksums of both sides, and then refuses to run on the old side. Run it again after an interruption: it continues. After a move to SQLite, remove database.url.',
  ].join('\n');
  const command = newCommand(
    'migrate',
    summary,
    [
      'sftpgw database migrate --from sqlite --to postgres',
      'sftpgw database migrate --from postgres --to sqlite',
    ],
    [...rootExits, 'exists', 'corrupt'],
  );
  return command
    .addOption(engineOption('--from <engine>', 'the engine that has the data'))
    .addOption(engineOption('--to <engine>', 'the engine that gets it'))
    .option('--json', 'print JSON')
    .action((flags: MigrateFlags) => migrate(context, command, flags));
}

function engineOption(flags: string, description: string): Option {
  return new Option(flags, description).choices(['sqlite', 'postgres']).makeOptionMandatory();
}

async function migrate(
  { shell, rootOf }: CommandContext,
  command: Command,
  flags: MigrateFlags,
): Promise<void> {
  const { moveRootDatabase } = await import('../../operations/database/move-database.js');
  const { from, to, tables } = await moveRootDatabase(
    rootOf(command),
    flags.from,
    flags.to,
    reportProgress((line) => shell.err(line)),
  );
  if (flags.json === true) {
    shell.out(renderJson({ from, to, tables }));
    return;
  }
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  shell.out(
    renderFields([
      ['from', from],
      ['to', to],
      ['tables', `${tables.length}, with ${rows} rows; the checksums agree`],
      ['next', flags.to === 'sqlite' ? 'remove database.url, then start the gateway' : 'start the gateway'],
    ]),
  );
}

/** Prints a line for each step that takes long, and every few seconds within it. */
function reportProgress(print: (line: string) => void): MoveProgress {
  let printedMs = performance.now();
  return (action, table, rows) => {
    const nowMs = performance.now();
    if (nowMs - printedMs < progressEveryMs) return;
    printedMs = nowMs;
    print(`${action === 'copy' ? 'copied' : 'compared'} ${rows} rows of ${table}`);
  };
}
