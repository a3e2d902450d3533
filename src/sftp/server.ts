import type { AddressInfo } from 'node:net';
import type { Clock, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { Credential, UserDirectory } from '../model/users.js';
import type { VfsFactory } from '../model/vfs.js';
import type { ByteStream } from './byte-stream.js';
import { loadHostKeys } from './host-keys.js';
import { defaultSftpLimits, type SftpLimits } from './limits.js';
import { RequestCall } from './request-call.js';
import { SftpSession } from './session.js';
import { type Login, startTransport, type Transport } from './ssh2/transport.js';

export interface SftpServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The host keys are kept here, and made at the first start. */
  readonly hostKeyDirectory: string;
  readonly users: Pick<UserDirectory, 'verify'>;
  readonly vfs: VfsFactory;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly limits?: Partial<SftpLimits>;
}

export interface SftpServer {
  readonly address: AddressInfo;
  /** Each as `type SHA256:...`, for the start-up log. */
  readonly hostKeyFingerprints: readonly string[];
  /**
   * Stops listening, lets files that are being written be finished for up to `timeoutMs`, ends all connections, and resolves
   * when their sessions have given back what they held.
   */
  drain(timeoutMs: number): Promise<void>;
  /** `drain` without waiting for anybody. */
  close(): Promise<void>;
}

/**
 * Opens the SFTP server. Rejects with `denied` or `invalid` for host keys that cannot be used, with `unavailable` when the port
 * cannot be listened on.
 */
export async function startSftpServer(options: SftpServerOptions): Promise<SftpServer> {
  const limits: SftpLimits = { ...defaultSftpLimits, ...options.limits };
  const hostKeys = await loadHostKeys(options.hostKeyDirectory, options.entropy, options.log);
  const listener = new SftpListener(options, limits);
  let transport: Transport;
  try {
    transport = await startTransport({
      host: options.host,
      port: options.port,
      hostKeys: hostKeys.map((key) => key.privateKey),
      limits,
      log: options.log,
      verify: (username, credential, address) => listener.verify(username, credential, address),
      onSftp: (login, stream, refuse) => listener.open(login, stream, refuse),
    });
  } catch (error) {
    throw new Fault(
      'unavailable',
      `SFTP cannot listen on ${options.host} port ${options.port}: ${(error as Error).message}`,
      { cause: error },
    );
  }
  const drain = async (timeoutMs: number) => {
    transport.stopListening();
    await listener.finish(timeoutMs);
    await transport.disconnectAll();
    await listener.sessionsEnded();
  };
  return {
    address: transport.address,
    hostKeyFingerprints: hostKeys.map((key) => `${key.type} ${key.fingerprint}`),
    drain,
    close: () => drain(0),
  };
}

/** Logins and the sessions that they open. */
class SftpListener {
  readonly #options: SftpServerOptions;
  readonly #limits: SftpLimits;
  readonly #sessions = new Set<SftpSession>();
  /** Settles with the end of each session, the time before it has begun included. */
  readonly #ends = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #isDraining = false;

  constructor(options: SftpServerOptions, limits: SftpLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  async verify(username: string, credential: Credential, address: string): Promise<boolean> {
    const { users, entropy, log } = this.#options;
    const call = new RequestCall(this.#abort.signal, entropy, log.child({ address }));
    try {
      return await users.verify(call, username, credential, address);
    } catch (thrown) {
      call.log.error('a login could not be checked and is refused', { error: Fault.from(thrown) });
      return false;
    }
  }

  open(login: Login, stream: ByteStream, refuse: (sentence: string) => void): void {
    const end = this.#serve(login, stream, refuse).then(() => void this.#ends.delete(end));
    this.#ends.add(end);
  }

  /** Waits until no session writes any more, or for the time. */
  async finish(timeoutMs: number): Promise<void> {
    this.#isDraining = true;
    const { clock, log } = this.#options;
    const waitedEnough = new AbortController();
    const quiet = Promise.all([...this.#sessions].map((session) => session.drain()));
    const inTime = await Promise.race([
      quiet.then(() => true),
      clock.sleep(timeoutMs, waitedEnough.signal).then(
        () => false,
        () => true,
      ),
    ]);
    waitedEnough.abort();
    if (!inTime) log.warn('sessions that still write are ended', { sessions: this.#sessions.size });
  }

  async sessionsEnded(): Promise<void> {
    await Promise.all([...this.#ends]);
    this.#abort.abort(new Fault('cancelled', 'the server is shutting down'));
  }

  /** Never rejects. */
  async #serve(login: Login, stream: ByteStream, refuse: (sentence: string) => void): Promise<void> {
    const { vfs: factory, entropy, clock } = this.#options;
    const { username, address, method } = login;
    const id = entropy.id();
    const log = this.#options.log.child({ session: id, user: username, address });
    if (this.#isDraining) return refuse('the server is shutting down; try again in a moment');
    const startedMs = clock.monotonicMs();
    try {
      const vfs = await factory.forUser(new RequestCall(this.#abort.signal, entropy, log), username);
      if (vfs === null) return refuse('this account has just been removed');
      const session = new SftpSession({ stream, vfs, username, limits: this.#limits, log, clock, entropy });
      this.#sessions.add(session);
      if (this.#isDraining) void session.drain();
      log.info('an SFTP session begins', { method });
      const tally = await session.done;
      this.#sessions.delete(session);
      log.info('an SFTP session has ended', {
        method,
        durationMs: Math.round(clock.monotonicMs() - startedMs),
        ...tally,
      });
    } catch (thrown) {
      const fault = Fault.from(thrown);
      log.error(`an SFTP session could not begin: ${fault.hint}`, { kind: fault.kind, error: fault });
      refuse(`${fault.userHint} [${fault.kind}, session ${id}]`);
    }
  }
}
