import type { Duplex } from 'node:stream';
import type { NegotiatedAlgorithms } from '../algorithms/negotiate.js';
import { Authentication } from '../auth/authentication.js';
import type { Login } from '../auth/authenticator.js';
import { ConnectionLayer } from '../connection/connection-layer.js';
import { proveHostKeys } from '../host-keys/prove.js';
import { serverSignatureAlgorithms } from '../keys/signature-algorithms.js';
import type { CloseCause, TransportEvent, TransportLog } from '../transport/events.js';
import { Transport } from '../transport/transport.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import type { WireReader } from '../wire/reader.js';
import type { AdmittedConnection } from './admission.js';
import { withFields } from './log-fields.js';
import type { FailedConnection } from './server-options.js';
import { SessionTimers } from './session-timers.js';
import type { SharedParts } from './shared.js';
import type { SshConnection } from './ssh-connection.js';

/** Clients that fail on `hostkeys-00@openssh.com` (SSH_BUG_HOSTKEYS in OpenSSH's compat.c). */
const clientsWithoutHostKeys = /^(?:Cisco-1\.|TTSSH\/(?:1\.5\.|2\.[1-6]|2\.7[0-2]))/;

export interface ServerConnectionOptions {
  readonly shared: SharedParts;
  readonly stream: Duplex;
  readonly address: string;
  readonly port: number;
  readonly admitted: AdmittedConnection;
  /** Bytes that were read from the stream before. */
  readonly firstBytes?: Uint8Array;
}

/** One connection of a client: the transport, then the authentication, then the connection protocol. */
export class ServerConnection {
  readonly address: string;
  readonly #options: ServerConnectionOptions;
  readonly #shared: SharedParts;
  readonly #log: TransportLog;
  readonly #transport: Transport;
  readonly #authentication: Authentication;
  readonly #startedMs: number;
  readonly #closed: Promise<void>;
  #login: Login | null = null;
  #layer: ConnectionLayer | null = null;
  #timers: SessionTimers | null = null;
  #finishText: string | null = null;
  #isIdentified = false;

  constructor(options: ServerConnectionOptions) {
    const { shared, stream, address, firstBytes } = options;
    const { hostKeys, ident, log, offer } = shared.options;
    this.#options = options;
    this.#shared = shared;
    this.address = address;
    this.#startedMs = shared.clock.nowMs();
    this.#log = withFields(log, () => ({ address, ...this.#logFields() }));
    this.#closed = new Promise((resolve) => stream.once('close', resolve));
    this.#transport = new Transport({
      stream,
      hostKeys,
      ident,
      limits: shared.transportLimits,
      log: this.#log,
      signatureAlgorithms: serverSignatureAlgorithms,
      slabs: shared.slabs,
      clock: shared.clock,
      ...(offer === undefined ? {} : { offer }),
      ...(firstBytes === undefined ? {} : { firstBytes }),
      onEvent: (event) => this.#onEvent(event),
    });
    this.#authentication = this.#createAuthentication();
  }

  /** The user, null before the login. */
  get login(): Login | null {
    return this.#login;
  }

  get channelCount(): number {
    return this.#layer?.channelCount ?? 0;
  }

  /** Resolves when the stream is closed. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  start(): void {
    this.#transport.start();
  }

  disconnect(text: string): void {
    this.#transport.disconnect(DisconnectReason.byApplication, text);
  }

  /** Ends the connection once it has no channel. */
  finish(text: string): void {
    this.#finishText = text;
    this.#finishIfUnused();
  }

  #finishIfUnused(): void {
    if (this.#finishText !== null && this.channelCount === 0) this.disconnect(this.#finishText);
  }

  #logFields(): Readonly<Record<string, unknown>> {
    const username = this.#login?.username ?? this.#authentication.username;
    return username === null ? {} : { user: username };
  }

  #createAuthentication(): Authentication {
    const { options, authLimits, clock } = this.#shared;
    return new Authentication({
      sender: this.#transport,
      address: this.address,
      authenticator: options.authenticator,
      limits: authLimits,
      clock,
      events: {
        loggedIn: (login) => this.#loggedIn(login),
        refused: (refusal) => {
          // A query states no knowledge of a key: agents send one for each of their keys.
          if (!refusal.isQuery) this.#options.admitted.refused();
          options.onRefusal?.(refusal);
        },
        busy: () => this.#shared.busyLines.add({ address: this.address, ...this.#logFields() }),
        failed: (_username, error) => this.#log.warn({ err: error }, 'login not checked'),
      },
    });
  }

  #onEvent(event: TransportEvent): void {
    switch (event.kind) {
      case 'ident':
        this.#isIdentified = true;
        this.#options.admitted.identified();
        break;
      case 'keys':
        this.#logHandshake(event.algorithms, event.isFirst);
        break;
      case 'userauth':
        this.#transport.setLayer(this.#authentication);
        break;
      case 'closed':
        this.#timers?.stop();
        this.#logEnd(event.cause);
        break;
    }
  }

  #loggedIn(login: Login): void {
    const view = this.#publicView(login);
    const refusal = this.#options.admitted.logIn(login.username, view);
    if (refusal !== null) {
      this.#log.warn({ reason: refusal, user: login.username }, 'session refused');
      this.#shared.options.onSessionRefused?.(view, refusal);
      this.#transport.disconnect(DisconnectReason.tooManyConnections, `${refusal}: close some and try again`);
      return;
    }
    this.#login = login;
    const layer = this.#createLayer(view);
    this.#layer = layer;
    this.#transport.setLayer(layer);
    this.#transport.loggedIn();
    layer.start();
    this.#timers = new SessionTimers({
      limits: this.#shared.serverLimits,
      clock: this.#shared.clock,
      takeActivity: () => layer.takeActivity(),
      expired: (cause) => this.disconnect(cause),
    });
  }

  #publicView(login: Login): SshConnection {
    const connection = this;
    return {
      login,
      address: this.address,
      port: this.#options.port,
      clientSoftware: this.#transport.clientSoftware,
      get algorithms() {
        return connection.#transport.algorithms;
      },
      get channelCount() {
        return connection.channelCount;
      },
      disconnect: (text) => this.disconnect(text),
    };
  }

  #createLayer(view: SshConnection): ConnectionLayer {
    const { options, connectionLimits, slabs, windowBudget, turns, unsent, clock, hostKeyAnnouncement } =
      this.#shared;
    const isAnnounced = !clientsWithoutHostKeys.test(this.#transport.clientSoftware);
    options.onLogin?.(view);
    return new ConnectionLayer({
      sender: this.#transport,
      slabs,
      limits: connectionLimits,
      windowBudget,
      turns,
      unsent,
      hostKeys: {
        announcement: isAnnounced ? hostKeyAnnouncement : null,
        prove: (request) => this.#proveHostKeys(request),
      },
      onSession: (channel, request, refuse) => options.onSession(view, channel, request, refuse),
      refusalText: options.refusalText,
      onChannelsEnded: () => this.#finishIfUnused(),
      log: this.#log,
      clock,
    });
  }

  #proveHostKeys(request: WireReader): Uint8Array | null {
    const { algorithms, sessionId } = this.#transport;
    if (algorithms === null) return null;
    return proveHostKeys(this.#shared.options.hostKeys, sessionId, algorithms.hostKey, request);
  }

  #logHandshake({ kex, hostKey, clientToServer }: NegotiatedAlgorithms, isFirst: boolean): void {
    const fields = { kex: kex.name, hostKey: hostKey.name, cipher: clientToServer.cipher.name };
    this.#log.debug(fields, isFirst ? 'SSH handshake complete' : 'SSH keys renewed');
  }

  /** Logs the end of the connection: at `info` if it requested a login, at `debug` otherwise, as for scans of the port. */
  #logEnd(cause: CloseCause): void {
    const { tally, username } = this.#authentication;
    const fields = {
      software: this.#transport.clientSoftware,
      durationMs: Math.round(this.#shared.clock.nowMs() - this.#startedMs),
      closedBy: cause.by,
      ...(cause.by === 'stream' ? {} : { reason: cause.reason, text: cause.text }),
    };
    if (this.#login !== null) {
      this.#log.info(fields, 'SSH connection closed');
      return;
    }
    const { refusals, methods, reasons } = tally;
    this.#shared.options.onFailedConnection?.({
      address: this.address,
      username,
      refusals: methods,
      reasons,
      isIdentified: this.#isIdentified,
      cause: this.#failureCause(cause, fields.durationMs),
    });
    if (username === null) this.#log.debug(fields, 'SSH connection closed before a login');
    else {
      const { address } = this;
      this.#shared.failedLines.add({ address, user: username, ...fields, refusals, methods, reasons });
    }
  }

  #failureCause(cause: CloseCause, durationMs: number): FailedConnection['cause'] {
    if (cause.by !== 'server') return 'other';
    if (durationMs >= this.#shared.transportLimits.loginTimeoutMs) return 'timeout';
    return cause.reason === DisconnectReason.protocolError ? 'fault' : 'other';
  }
}
