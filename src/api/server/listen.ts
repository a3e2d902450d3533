import { chmod, unlink } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { isAbsence } from '../../files/system-errors.js';
import { Fault } from '../../model/fault.js';
import { checkSocketPath } from '../control-socket.js';

/**
 * Makes the server listen on a Unix socket. Only the owner can open its file (mode 0600), in a directory that only
 * the owner can enter. Replaces the file of an earlier process, because the caller holds the root's lock. Throws
 * `invalid` (the path is too long) or `unavailable`. Disposing disconnects waiting clients.
 */
export async function listenOnSocket(server: FastifyInstance, path: string): Promise<AsyncDisposable> {
  checkSocketPath(path);
  try {
    await unlink(path).catch((error: unknown) => {
      if (!isAbsence(error)) throw error;
    });
    const listening: Promise<string> = server.listen({ path });
    await listening;
    await chmod(path, 0o600);
  } catch (error) {
    await server.close();
    throw new Fault('unavailable', `cannot create the control socket ${path}`, { cause: error });
  }
  return { [Symbol.asyncDispose]: async () => await server.close() };
}
