import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { SessionTimers, systemClock } from '@sftpgw/ssh';
import type { LiveSessions } from '../../live/live-sessions.js';
import type { Clock, Entropy, Logger } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { ByteStream } from '../byte-stream.js';
import type { SftpLimits } from '../limits.js';
import type { SessionAudit } from '../session-audit.js';
import type { SftpLogin } from '../ssh-server.js';
import { formatAnswer, parsePreface } from './preface.js';
import { readLine } from './read-line.js';
import { SocketStream } from './socket-stream.js';
import { findUnixUsers, type UnixUser } from './unix-users.js';
import { UserSocket } from './user-socket.js';

export interface StdioOptions {
  /** Other users of the machine can enter it. */
  readonly directory: string;
  /** Returns the names of the SFTP users. */
  readonly usernames: () => Promise<readonly string[]>;
  readonly limits: Pick<SftpLimits, 'loginTimeoutMs' | 'idleTimeoutMs' | 'maxSessionMs' | 'maxSessions'>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** The current sessions, which bound new ones. */
  readonly live: LiveSessions;
  readonly audit: SessionAudit;
  /** As for SSH: settles when the session has released what it held. Never rejects. */
  readonly onSftp: (login: SftpLogin, stream: ByteStream, refuse: (text: string) => void) => Promise<void>;
  /** Replaces the search for users of the machine. */
  readonly findUsers?: (names: readonly string[]) => Promise<readonly UnixUser[]>;
}

const rescanMs = 30_000;

/**
 * Serves SFTP to users of the machine, whom sshd has logged in: each has a socket that only they can connect to. The caller holds the
 * root's lock.
 */
export class StdioEndpoint {
  readonly #options: StdioOptions;
  readonly #stop = new AbortController();
  readonly #sockets = new Map<string, UserSocket>();
  readonly #connections = new Set<Socket>();
  /** Users whose socket could not be made, so that each is logged once. */
  readonly #failed = new Set<string>();
  #scanning: Promise<void> = Promise.resolve();

  private constructor(options: StdioOptions) {
    this.#options = options;
  }

  /** Listens for the users that exist, and looks for new and removed ones every 30 seconds. Rejects if the directory cannot be made. */
  static async start(options: StdioOptions): Promise<StdioEndpoint> {
    const endpoint = new StdioEndpoint(options);
    await endpoint.#prepare();
    await endpoint.#scan();
    endpoint.#scanning = endpoint.#rescan();
    return endpoint;
  }

  /** Accepts no further connections. */
  async stopListening(): Promise<void> {
    this.#stop.abort();
    await this.#scanning;
    await Promise.all([...this.#sockets.values()].map((socket) => socket.close()));
    this.#sockets.clear();
  }

  disconnectAll(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  get #privateDirectory(): string {
    return join(this.#options.directory, '.new');
  }

  /** Sockets of an earlier run are removed. */
  async #prepare(): Promise<void> {
    const { directory } = this.#options;
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o755);
    for (const name of await readdir(directory)) {
      if (name.endsWith('.sock') || name === '.new') await rm(join(directory, name), { recursive: true });
    }
    await mkdir(this.#privateDirectory, { mode: 0o700 });
  }

  async #rescan(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      await clock.sleep(rescanMs, this.#stop.signal).catch(() => undefined);
      if (!this.#stop.signal.aborted) await this.#scan();
    }
  }

  /** Never rejects. */
  async #scan(): Promise<void> {
    const { usernames, findUsers = findUnixUsers, log } = this.#options;
    try {
      const users = new Map((await findUsers(await usernames())).map((user) => [user.name, user]));
      for (const [name, socket] of this.#sockets) {
        if (users.get(name)?.uid === socket.uid) continue;
        this.#sockets.delete(name);
        await socket.close();
      }
      for (const user of users.values()) if (!this.#sockets.has(user.name)) await this.#open(user);
    } catch (error) {
      log.warn('users of the machine not found', { error: Fault.from(error) });
    }
  }

  async #open(user: UnixUser): Promise<void> {
    const { directory: publicDirectory, log } = this.#options;
    try {
      const directories = { publicDirectory, privateDirectory: this.#privateDirectory };
      const socket = await UserSocket.open(directories, user, (connection) => {
        void this.#serve(user.name, connection);
      });
      this.#sockets.set(user.name, socket);
      this.#failed.delete(user.name);
    } catch (error) {
      if (!this.#failed.has(user.name)) {
        log.warn('no socket for a user of the machine', { user: user.name, error: Fault.from(error) });
      }
      this.#failed.add(user.name);
    }
  }

  /** Never rejects. */
  async #serve(username: string, socket: Socket): Promise<void> {
    const { log, limits } = this.#options;
    socket.on('error', () => undefined);
    const isFull = this.#connections.size >= limits.maxSessions;
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    try {
      if (isFull) return refuse(socket, 'too many sessions: try again later');
      const line = await readLine(socket, AbortSignal.timeout(limits.loginTimeoutMs));
      const address = parsePreface(line);
      if (address === null) return refuse(socket, 'sftpgw stdio has another version than the gateway');
      log.info('stdio connection', { user: username, statedAddress: address });
      await this.#run(username, address, socket);
    } catch (error) {
      if (!isFault(error, 'invalid', 'unavailable')) {
        log.error('stdio connection failed', { user: username, error: Fault.from(error) });
      }
      socket.destroy();
    }
  }

  async #run(username: string, statedAddress: string, socket: Socket): Promise<void> {
    const { onSftp, limits, live, audit, entropy } = this.#options;
    const session = live.open({
      id: entropy.id(),
      login: {
        protocol: 'sftp',
        username,
        address: 'stdio',
        methods: 'stdio',
        keyFingerprint: null,
        certificate: null,
        connection: null,
      },
      source: null,
      disconnect: () => socket.destroy(),
    });
    if (typeof session === 'string') {
      const details = { statedAddress };
      audit.refused({ address: 'stdio', username, rule: 'sessions', reason: session, details });
      return refuse(socket, `${session}: close some and try again`);
    }
    audit.loggedIn(session);
    const stream = new AnsweringStream(socket);
    const timers = new SessionTimers({
      limits,
      clock: systemClock,
      takeActivity: () => stream.takeActivity(),
      expired: () => socket.destroy(),
    });
    socket.once('close', () => timers.stop());
    try {
      await onSftp({ session }, stream, (text) => refuse(socket, text));
    } finally {
      live.close(session, null);
      audit.ended(session);
    }
  }
}

/** Answers `ok` when the session starts. */
class AnsweringStream extends SocketStream {
  readonly #answer: () => void;

  constructor(socket: Socket) {
    super(socket);
    this.#answer = () => void socket.write(formatAnswer(null));
  }

  override start(...[events]: Parameters<SocketStream['start']>): void {
    this.#answer();
    super.start(events);
  }
}

function refuse(socket: Socket, text: string): void {
  socket.end(formatAnswer(text));
  socket.resume();
}
