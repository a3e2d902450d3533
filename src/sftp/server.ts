import type { AddressInfo } from 'node:net';
import type { SshServer } from '@sftpgw/ssh';
import { LiveSessions } from '../live/live-sessions.js';
import { type AuditRecorder, noAudit } from '../model/audit.js';
import type { Clock, Entropy, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { UserLogins } from '../model/users/logins.js';
import { type AccountBar, type AccountBars, usernameOrNull } from '../model/users.js';
import type { VfsFactory } from '../model/vfs.js';
import { AuditedVfs } from '../vfs/audited/audited-vfs.js';
import type { ByteStream } from './byte-stream.js';
import { guardedLogins } from './defence/guarded-logins.js';
import type { LoginDefence } from './defence/login-defence.js';
import { loadHostKeys } from './host-keys.js';
import { defaultSftpLimits, type SftpLimits } from './limits.js';
import { RequestCall } from './request-call.js';
import { type SftpMeasures, SftpSession } from './session.js';
import { SessionAudit } from './session-audit.js';
import { type AddressList, type IncomingConnections, type SftpLogin, startSshServer } from './ssh-server.js';
import { StdioEndpoint, type StdioOptions } from './stdio/stdio-endpoint.js';

export interface SftpServerOptions {
  readonly host: string;
  /** 0 selects a free one. */
  readonly port: number;
  /** Serves these connections instead of listening on the address. */
  readonly incoming?: IncomingConnections;
  /** A listening socket that replaces `host` and `port`. None by default. */
  readonly listenFd?: number | null;
  /** Directory of the host keys. Missing keys are created. */
  readonly hostKeyDirectory: string;
  readonly users: UserLogins;
  /** Refuses sessions of barred accounts, also those that sshd has logged in. None by default. */
  readonly accounts?: AccountBars;
  /** Limits who may connect, and delays refusals. None by default. */
  readonly defence?: LoginDefence;
  /** The proxies, whose connections begin with a PROXY header. None by default. */
  readonly proxyFrom?: AddressList | null;
  /** Serves users of the machine over `sftpgw stdio` as well. No by default. */
  readonly stdio?: Pick<StdioOptions, 'directory' | 'usernames'>;
  readonly vfs: VfsFactory;
  readonly log: Logger;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly limits?: Partial<SftpLimits>;
  /** The current sessions, which bound new ones. By default the server keeps its own. */
  readonly live?: LiveSessions;
  /** Counts requests. Nothing by default. */
  readonly measures?: SftpMeasures;
  /** Records logins and what users do. Nothing by default. */
  readonly audit?: AuditRecorder;
}

/** Time in milliseconds that clients have to read their last answers, and to disconnect. */
const farewellMs = 1_000;

export interface SftpServer {
  readonly address: AddressInfo;
  /** Each as `type SHA256:...`, for the start-up log. */
  readonly hostKeyFingerprints: readonly string[];
  /** Serves users of the machine, if the options ask for it. Never rejects. */
  serveStdio(): Promise<void>;
  /** Accepts no further users of the machine. Their sessions continue. */
  stopStdio(): Promise<void>;
  /**
   * Stops listening, lets clients finish open uploads for up to `timeoutMs`, then ends all connections.
   * Resolves when their sessions have released their resources.
   */
  drain(timeoutMs: number): Promise<void>;
  /** Drains without waiting for open uploads. */
  close(): Promise<void>;
}

/**
 * Starts the SFTP server. Rejects with `denied` or `invalid` for unusable host keys, and with `unavailable` if
 * it cannot listen on the port.
 */
export async function startSftpServer(options: SftpServerOptions): Promise<SftpServer> {
  const limits: SftpLimits = { ...defaultSftpLimits, ...options.limits };
  const hostKeys = await loadHostKeys(options.hostKeyDirectory, options.entropy, options.log);
  const live = options.live ?? new LiveSessions(limits, options.clock);
  const audit = new SessionAudit(options.audit ?? noAudit, options.clock);
  const listener = new SftpListener(options, limits);
  const defence = options.defence ?? null;
  let ssh: SshServer;
  try {
    ssh = await startSshServer({
      host: options.host,
      port: options.port,
      ...(options.incoming === undefined ? {} : { incoming: options.incoming }),
      listenFd: options.listenFd ?? null,
      hostKeys: hostKeys.map((key) => key.privateKey),
      limits,
      log: options.log,
      users: defence === null ? options.users : guardedLogins(options.users, defence, options.clock),
      defence,
      live,
      audit,
      entropy: options.entropy,
      proxyFrom: options.proxyFrom ?? null,
      callFor: (address, signal) => new RequestCall(signal, options.entropy, options.log.child({ address })),
      onSftp: (login, stream, refuse) => listener.open(login, stream, refuse),
    });
  } catch (error) {
    throw new Fault('unavailable', `SFTP cannot listen on ${placeOf(options)}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  let stdio: StdioEndpoint | null = null;
  const drain = async (timeoutMs: number) => {
    ssh.stopListening();
    await stdio?.stopListening();
    // A client that is told to disconnect may drop the answer to its last request.
    if (await listener.finish(timeoutMs)) await ssh.drain(farewellMs);
    else await ssh.disconnectAll();
    stdio?.disconnectAll();
    await listener.sessionsEnded();
    audit.flush();
  };
  return {
    address:
      options.incoming === undefined
        ? ssh.address
        : { address: options.host, port: options.port, family: '' },
    serveStdio: async () => {
      stdio ??= await startStdio(options, limits, listener, { live, audit });
    },
    stopStdio: async () => {
      await stdio?.stopListening();
    },
    hostKeyFingerprints: hostKeys.map((key) => `${key.type} ${key.fingerprint}`),
    drain,
    close: () => drain(0),
  };
}

function placeOf({ host, port, listenFd = null }: SftpServerOptions): string {
  return listenFd === null ? `${host} port ${port}` : `the socket that systemd has passed`;
}

/** Returns null if it is off, or cannot be started, which is logged. */
async function startStdio(
  { stdio, log, clock, entropy }: SftpServerOptions,
  limits: SftpLimits,
  listener: SftpListener,
  { live, audit }: { readonly live: LiveSessions; readonly audit: SessionAudit },
): Promise<StdioEndpoint | null> {
  if (stdio === undefined) return null;
  try {
    return await StdioEndpoint.start({
      ...stdio,
      limits,
      log,
      clock,
      entropy,
      live,
      audit,
      onSftp: (login, stream, refuse) => listener.open(login, stream, refuse),
    });
  } catch (error) {
    log.error('sftpgw stdio is not served', { error: Fault.from(error) });
    return null;
  }
}

/** The text that the client reads. The client has logged in, so it may know. */
const barTexts: Readonly<Record<AccountBar, string>> = {
  removed: 'this account has just been removed',
  disabled: 'this account is disabled',
  expired: 'this account has expired',
};

/** Opens sessions for logins, and waits for their end. */
class SftpListener {
  readonly #options: SftpServerOptions;
  readonly #limits: SftpLimits;
  readonly #sessions = new Set<SftpSession>();
  /** One promise for each session, also while it starts. It settles when the session ends. */
  readonly #ends = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #isDraining = false;

  constructor(options: SftpServerOptions, limits: SftpLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  open(login: SftpLogin, stream: ByteStream, refuse: (sentence: string) => void): Promise<void> {
    const end = this.#serve(login, stream, refuse).then(() => void this.#ends.delete(end));
    this.#ends.add(end);
    return end;
  }

  /** Waits until no session has open uploads, for up to `timeoutMs`, and then ends all. Returns false if it was too long. */
  async finish(timeoutMs: number): Promise<boolean> {
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
    if (inTime) for (const session of this.#sessions) session.finish();
    else log.warn('closing sessions with open uploads', { sessions: this.#sessions.size });
    return inTime;
  }

  async sessionsEnded(): Promise<void> {
    await Promise.all([...this.#ends]);
    this.#abort.abort(new Fault('cancelled', 'the server is shutting down'));
  }

  /** Never rejects. */
  async #serve(login: SftpLogin, stream: ByteStream, refuse: (sentence: string) => void): Promise<void> {
    const { vfs: factory, entropy, clock, measures } = this.#options;
    const { session: live } = login;
    const { id } = live;
    const { username, address, methods: method, keyFingerprint, certificate, connection } = live.login;
    const keyFields = { key: keyFingerprint ?? undefined, certificate: certificate ?? undefined };
    const log = this.#options.log.child({ session: id, user: username, address });
    if (this.#isDraining) return refuse('the server is shutting down; try again in a moment');
    const startedMs = clock.monotonicMs();
    try {
      const call = new RequestCall(this.#abort.signal, entropy, log);
      const name = usernameOrNull(username);
      const bar = name === null ? 'removed' : ((await this.#options.accounts?.barOf(call, name)) ?? null);
      if (bar !== null) {
        log.info('session of a barred account refused', { reason: bar });
        return refuse(barTexts[bar]);
      }
      const tree = await factory.forUser(call, username);
      if (tree === null) return refuse(barTexts.removed);
      const vfs = new AuditedVfs(tree, this.#options.audit ?? noAudit, live);
      const session = new SftpSession({
        ...{ stream, vfs, username, limits: this.#limits, log, clock, entropy },
        software: connection?.software ?? '',
        copied: (...copy) => vfs.copied(...copy),
        ...(measures === undefined ? {} : { measures }),
      });
      const leave = live.addChannel(session);
      this.#sessions.add(session);
      if (this.#isDraining) void session.drain();
      log.info('SFTP session started', { method, ...keyFields });
      const tally = await session.done;
      leave();
      this.#sessions.delete(session);
      log.info('SFTP session ended', {
        method,
        durationMs: Math.round(clock.monotonicMs() - startedMs),
        ...tally,
      });
    } catch (thrown) {
      const fault = Fault.from(thrown);
      log.error('cannot start SFTP session', { kind: fault.kind, error: fault });
      refuse(`${fault.userHint} [${fault.kind}, session ${id}]`);
    }
  }
}
