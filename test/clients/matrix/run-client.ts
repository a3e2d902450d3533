import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Area, Cell, Client, Peer, Session } from './cells.js';
import { areas } from './cells.js';
import { type Operation, operations } from './operations.js';
import type { Store } from './store.js';

/** The key of a result: the operation and the directory, such as `append in /local`. */
export const cellName = (operation: string, area: Area) => `${operation} in /${area}`;

/** Returns the operations that are tried in a directory. */
export const operationsIn = (area: Area): readonly Operation[] =>
  area === 'uploads' ? operations : operations.filter(({ inLocal }) => inLocal === true);

/**
 * Runs every operation of one client, each in a directory of its own. An operation that was acknowledged and has
 * another result throws, and its cell holds that error.
 */
export async function runClient(
  client: Client,
  peer: Peer,
  store: Store,
  directory: string,
): Promise<ReadonlyMap<string, Cell | Error>> {
  const work = join(peer.gateway.work, directory);
  mkdirSync(work);
  const session = await client.start(peer, work);
  try {
    const cells = new Map<string, Cell | Error>();
    for (const area of areas) {
      await store.mkdir(area, directory);
      for (const operation of operationsIn(area)) {
        const cell = await runOperation(operation, session, store, area, { directory, work });
        cells.set(cellName(operation.id, area), cell);
      }
    }
    return cells;
  } finally {
    await session.close();
  }
}

async function runOperation(
  operation: Operation,
  session: Session,
  store: Store,
  area: Area,
  { directory, work }: { readonly directory: string; readonly work: string },
): Promise<Cell | Error> {
  const remote = `${directory}/${operation.id}`;
  const local = join(work, `${area}-${operation.id}`);
  mkdirSync(local);
  try {
    await store.mkdir(area, remote);
    return await operation.check({ session, store, area, remote, local });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
