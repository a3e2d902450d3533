import { once } from 'node:events';
import { chmod, chown, rename, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { UnixUser } from './unix-users.js';

const socketMode = 0o600;

/** Returns the path of a user's socket. */
export function userSocketPath(directory: string, username: string): string {
  return join(directory, `${username}.sock`);
}

/**
 * A socket that one user of the machine can connect to, and root: connecting needs write permission on the socket (unix(7)), and only
 * its owner has it. The socket is created in a private directory, and moved to the public one when it belongs to the user.
 */
export class UserSocket {
  readonly uid: number;
  readonly #path: string;
  readonly #server: Server;

  private constructor(path: string, uid: number, onConnection: (socket: Socket) => void) {
    this.#path = path;
    this.uid = uid;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection);
  }

  /** Both directories belong to the gateway. Rejects with the system's error if the socket cannot be given to the user. */
  static async open(
    directories: { readonly publicDirectory: string; readonly privateDirectory: string },
    { name, uid }: UnixUser,
    onConnection: (socket: Socket) => void,
  ): Promise<UserSocket> {
    const path = userSocketPath(directories.publicDirectory, name);
    const unpublished = userSocketPath(directories.privateDirectory, name);
    await rm(unpublished, { force: true });
    const opened = new UserSocket(path, uid, onConnection);
    opened.#server.listen(unpublished);
    await once(opened.#server, 'listening');
    try {
      await chmod(unpublished, socketMode);
      await chown(unpublished, uid, -1);
      await rename(unpublished, path);
    } catch (error) {
      opened.#server.close();
      await rm(unpublished, { force: true });
      throw error;
    }
    return opened;
  }

  /** Accepts no further connections. */
  async close(): Promise<void> {
    this.#server.close();
    await rm(this.#path, { force: true });
  }
}
