import { readdir } from 'node:fs/promises';
import { databaseNameOf, openServerDatabase, postgresOptionsOf } from '../../assembly/database.js';
import { LiveSettings } from '../../assembly/live-settings.js';
import { lockRoot } from '../../assembly/root-lock.js';
import { isCommandRunning } from '../../assembly/running-commands.js';
import type { DatabaseEngine } from '../../database/database.js';
import {
  type MovedRows,
  type MoveProgress,
  moveDatabase,
  type NamedDatabase,
} from '../../database/move/move.js';
import { openDatabase } from '../../database/sqlite/open.js';
import { isAbsence } from '../../files/system-errors.js';
import { Fault } from '../../model/fault.js';

/** The result of a move. */
export interface DatabaseMove {
  readonly from: string;
  readonly to: string;
  readonly tables: readonly MovedRows[];
}

/**
 * Moves the database of a root to the other engine. The gateway must not run. Throws `conflict` if it does, or if
 * another gateway uses the PostgreSQL database, `invalid` without `database.url`, and the faults of `moveDatabase`.
 */
export async function moveRootDatabase(
  root: string,
  from: DatabaseEngine,
  to: DatabaseEngine,
  progress: MoveProgress,
): Promise<DatabaseMove> {
  if (from === to) throw new Fault('invalid', '--from and --to must name different engines');
  const settings = await LiveSettings.open(root, false);
  const options = postgresOptionsOf(settings);
  if (options === null) {
    throw new Fault('invalid', 'database.url is not set: it names the PostgreSQL database of the move');
  }
  await using resources = new AsyncDisposableStack();
  resources.use(await lockRoot(settings, `the gateway of ${settings.paths.root} is running: stop it first`));
  await refuseCommands(settings.paths.runningCommandsDirectory);
  const file: NamedDatabase = {
    database: await openDatabase(settings.paths.databaseFile),
    name: `the file ${settings.paths.databaseFile}`,
  };
  resources.defer(() => file.database.close());
  const server: NamedDatabase = {
    // No other gateway may write meanwhile, also if several share the database.
    database: await openServerDatabase(settings, options, { place: null }, undefined, false),
    name: databaseNameOf(settings),
  };
  resources.defer(() => server.database.close());
  const [source, target] = from === 'sqlite' ? [file, server] : [server, file];
  return { from: source.name, to: target.name, tables: await moveDatabase(source, target, progress) };
}

async function refuseCommands(directory: string): Promise<void> {
  for (const name of await namesIn(directory)) {
    const id = name.replace(/\.lock$/, '');
    if (await isCommandRunning(directory, id)) {
      throw new Fault(
        'conflict',
        'a command that writes is running: wait for its end, then run this one again',
      );
    }
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}
