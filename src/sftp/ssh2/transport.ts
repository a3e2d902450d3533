import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import type { Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { Credential } from '../../model/users.js';
import { SessionAdmission } from '../admission.js';
import type { ByteStream } from '../byte-stream.js';
import type { SftpLimits } from '../limits.js';
import { acceptableUserKey, isSignatureSound, type PresentedKey } from '../user-key.js';
import { algorithms, fastCiphers, userSignatureAlgorithms } from './algorithms.js';
import { ChannelStream, type SshChannel, stderrLine } from './channel-stream.js';
import { receiveFast } from './fast-receive.js';
import { previewKeyExchange } from './key-exchange-preview.js';
import {
  type AcceptConnection,
  type AuthContext,
  type CipherAlgorithm,
  type ClientInfo,
  type ParsedKey,
  type PublicKeyAuthContext,
  type Server,
  type ServerChannel,
  type Session,
  type Connection as SshConnection,
  ssh2,
} from './library.js';
import { announceSignatureAlgorithms, withoutSha1 } from './repairs.js';

/** A login that was let in. */
export interface Login {
  readonly username: string;
  readonly address: string;
  readonly method: 'public-key' | 'password';
}

export interface TransportOptions {
  readonly host: string;
  readonly port: number;
  /** Private keys in OpenSSH's format, the preferred first. */
  readonly hostKeys: readonly string[];
  readonly limits: SftpLimits;
  readonly log: Logger;
  /** True when the credential opens the account. Never rejects. A signature has been verified by then. */
  readonly verify: (username: string, credential: Credential, address: string) => Promise<boolean>;
  /** An SFTP channel was opened. It carries nothing until `stream.start`; `refuse` tells the client a sentence and closes it. */
  readonly onSftp: (login: Login, stream: ByteStream, refuse: (sentence: string) => void) => void;
}

export interface Transport {
  readonly address: AddressInfo;
  /** No connection is taken any more. */
  stopListening(): void;
  /** Ends every connection with SSH_MSG_DISCONNECT; resolves when all are closed. */
  disconnectAll(): Promise<void>;
}

/** How long a client may take to close its end after SSH_MSG_DISCONNECT. */
const disconnectGraceMs = 2_000;

/** Our software version, RFC 4253 section 4.2. */
const version = 'sftpgw';

const loginMethods: ('publickey' | 'password')[] = ['publickey', 'password'];

function hostKeysOf(privateKey: string): { key: ParsedKey }[] {
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw new Fault('invalid', 'a host key cannot be used', { cause: parsed });
  return withoutSha1(parsed).map((key) => ({ key }));
}

/** The protocol's side of one way to serve; `net` is ours. */
function sshServer(
  { hostKeys, limits, log }: TransportOptions,
  ciphers: readonly CipherAlgorithm[],
  onConnection: (client: SshConnection, info: ClientInfo) => void,
): Server {
  const server = new ssh2.Server({
    hostKeys: hostKeys.flatMap(hostKeysOf),
    ident: version,
    keepaliveInterval: limits.keepAliveIntervalMs,
    keepaliveCountMax: limits.keepAliveMaxMissed,
    algorithms: {
      kex: [...algorithms.kex],
      serverHostKey: [...algorithms.serverHostKey],
      cipher: [...ciphers],
      hmac: [...algorithms.hmac],
      compress: [...algorithms.compress],
    },
  });
  server.on('connection', onConnection);
  server.on('error', (error: Error) => log.warn(`SSH transport: ${error.message}`));
  return server;
}

/** Listens, and resolves once it does. Rejects with the system's error when it cannot. */
export async function startTransport(options: TransportOptions): Promise<Transport> {
  const { log } = options;
  const admission = new SessionAdmission(options.limits);
  const connections = new Map<string, Connection>();
  const speaksSsh = (client: SshConnection, info: ClientInfo) => {
    connections.get(`${info.ip} ${info.port}`)?.speaksSsh(client, info.header.versions.software);
  };
  const fast = sshServer(options, fastCiphers, speaksSsh);
  const any = sshServer(options, algorithms.cipher, speaksSsh);

  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    const address = plainAddress(socket.remoteAddress);
    const refusal = admission.enter(address);
    if (refusal !== null) {
      log.warn('a connection was refused before the handshake', { address, reason: refusal });
      // RFC 4253 section 4.2: lines may go before the version, and clients show them.
      socket.end(`${refusal}\r\n`);
      socket.setTimeout(disconnectGraceMs, () => socket.destroy());
      socket.resume();
      return;
    }
    const key = `${socket.remoteAddress} ${socket.remotePort}`;
    connections.set(key, new Connection(socket, address, admission, options));
    socket.once('close', () => {
      connections.delete(key);
      admission.leave(address);
    });
    previewKeyExchange(socket, version, (ciphers) => {
      const server = fastCiphers.some((cipher) => ciphers.includes(cipher)) ? fast : any;
      server.injectSocket(socket);
    });
  });
  await listen(server, options.host, options.port);
  return {
    address: server.address() as AddressInfo,
    stopListening: () => void server.close(),
    disconnectAll: async () => {
      await Promise.all([...connections.values()].map((connection) => connection.disconnect()));
    },
  };
}

function listen(server: NetServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      server.on('error', () => undefined);
      resolve();
    });
  });
}

/** An IPv4 client of an IPv6 socket has its plain address. */
function plainAddress(address: string | undefined): string {
  return (address ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
}

/** One TCP connection, from its admission to its end. */
class Connection {
  readonly #socket: Socket;
  readonly #address: string;
  readonly #admission: SessionAdmission;
  readonly #options: TransportOptions;
  readonly #log: Logger;
  readonly #loginTimer: NodeJS.Timeout;
  #client: SshConnection | null = null;
  #login: Login | null = null;
  #refusedLogins = 0;
  #channels = 0;
  /** OpenSSH's sftp shows only a status code's own words, but passes stderr on to the terminal. */
  #showsStderr = false;
  #bytesUntilRekey: number;
  /** Said at the first channel instead of service. */
  #refusal: string | null = null;

  constructor(socket: Socket, address: string, admission: SessionAdmission, options: TransportOptions) {
    this.#socket = socket;
    this.#address = address;
    this.#admission = admission;
    this.#options = options;
    this.#log = options.log.child({ address });
    this.#bytesUntilRekey = options.limits.rekeyAfterBytes;
    this.#loginTimer = setTimeout(() => {
      this.#log.info('the connection had no login in time');
      void this.disconnect();
    }, options.limits.loginTimeoutMs);
    socket.once('close', () => clearTimeout(this.#loginTimer));
  }

  /** The client has sent its version. */
  speaksSsh(client: SshConnection, software: string): void {
    this.#client = client;
    this.#showsStderr = software.startsWith('OpenSSH_');
    announceSignatureAlgorithms(client, userSignatureAlgorithms);
    client.on('error', (error: Error) => this.#log.debug(`connection: ${error.message}`));
    client.on('handshake', (agreed) =>
      this.#log.debug('keys were agreed on', { kex: agreed.kex, cipher: agreed.cs.cipher }),
    );
    client.on('authentication', (context) => {
      this.#authenticate(context).catch((error: unknown) => {
        this.#log.error('a login could not be answered', { error: error as Error });
        void this.disconnect();
      });
    });
    client.on('ready', () => this.#acceptLogin());
    client.on('session', (accept, reject) => {
      if (this.#channels >= this.#options.limits.maxChannelsPerConnection) reject();
      else this.#openSession(accept);
    });
  }

  /** Ends the connection politely, and by force when the client does not close its end. Resolves when it is closed. */
  disconnect(): Promise<void> {
    const socket = this.#socket;
    if (socket.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.destroy(), disconnectGraceMs);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      try {
        if (this.#client === null) socket.end();
        else this.#client.end();
      } catch {
        socket.destroy();
      }
    });
  }

  async #authenticate(context: AuthContext): Promise<void> {
    const { maxLoginAttempts } = this.#options.limits;
    if (this.#refusedLogins >= maxLoginAttempts) return;
    if (context.method === 'none') return context.reject(loginMethods);
    const credential = credentialOf(context);
    const isOpened =
      credential !== null &&
      (await this.#options.verify(context.username, credential, this.#address)) &&
      (context.method !== 'publickey' || isProven(context));
    if (this.#socket.destroyed) return;
    if (credential !== null && isOpened) {
      // For a question whether a key would do this is a yes and no login; 'ready' tells of the login.
      this.#login = { username: context.username, address: this.#address, method: credential.kind };
      return context.accept();
    }
    this.#refusedLogins += 1;
    this.#log.info('a login was refused', {
      user: context.username.slice(0, 64),
      method: context.method,
      attempt: this.#refusedLogins,
    });
    if (this.#refusedLogins >= maxLoginAttempts) return this.disconnect();
    context.reject(loginMethods);
  }

  #acceptLogin(): void {
    clearTimeout(this.#loginTimer);
    const login = this.#login;
    if (login === null) return;
    if (this.#admission.enterUser(login.username)) {
      this.#socket.once('close', () => this.#admission.leaveUser(login.username));
    } else {
      this.#log.warn('a user has as many sessions as one may have', { user: login.username });
      this.#refusal = 'you have as many sessions as one user may have; close some';
    }
  }

  #openSession(accept: AcceptConnection<Session>): void {
    const session = accept();
    this.#channels += 1;
    session.on('error', () => undefined);
    session.on('close', () => {
      this.#channels -= 1;
    });
    // Without it a client that asks for a terminal first complains about that, and not about what is wrong.
    session.on('pty', (acceptPty) => acceptPty?.());
    const sftpOnly = (acceptChannel: AcceptConnection<ServerChannel>) => {
      refuseChannel(
        acceptChannel(),
        'This server speaks SFTP only: use sftp, or scp without -O (its SFTP mode).',
      );
    };
    session.on('shell', sftpOnly);
    session.on('exec', sftpOnly);
    // ssh2 tells of the subsystem `sftp` here as long as nobody asks for its own SFTP server by listening to 'sftp'.
    session.on('subsystem', (acceptChannel, reject, { name }) => {
      if (name !== 'sftp') return reject();
      this.#serve(acceptChannel());
    });
  }

  #serve(channel: ServerChannel): void {
    if (this.#login === null || this.#refusal !== null) {
      refuseChannel(channel, this.#refusal ?? 'nobody is logged in');
      return;
    }
    if (this.#client !== null) receiveFast(this.#client, this.#socket);
    const stream = new ChannelStream(asSshChannel(channel), this.#socket, this.#showsStderr, (byteLength) =>
      this.#countTraffic(byteLength),
    );
    this.#options.onSftp(this.#login, stream, (sentence) => refuseChannel(channel, sentence));
  }

  #countTraffic(byteLength: number): void {
    this.#bytesUntilRekey -= byteLength;
    if (this.#bytesUntilRekey > 0) return;
    this.#bytesUntilRekey = this.#options.limits.rekeyAfterBytes;
    this.#client?.rekey();
  }
}

function asSshChannel(channel: ServerChannel): SshChannel {
  return channel as unknown as SshChannel;
}

/** One line on the channel's stderr, which every client shows, and an exit status that is not zero. */
function refuseChannel(channel: ServerChannel, sentence: string): void {
  channel.on('error', () => undefined);
  channel.stderr.on('error', () => undefined);
  channel.resume();
  channel.stderr.write(stderrLine(sentence));
  channel.exit(1);
  channel.end();
}

/** Null for what the SFTP server does not take at all. */
function credentialOf(context: AuthContext): Credential | null {
  if (context.method === 'password') return { kind: 'password', password: context.password };
  if (context.method !== 'publickey' || acceptableUserKey(presentedKey(context)) === null) return null;
  return { kind: 'public-key', algorithm: context.key.algo, blob: context.key.data };
}

function presentedKey({ key, hashAlgo }: PublicKeyAuthContext): PresentedKey {
  return { type: key.algo, blob: key.data, rsaHash: hashAlgo };
}

/** True for a question whether the key would do, which carries no signature. */
function isProven(context: PublicKeyAuthContext): boolean {
  const { signature, blob } = context;
  if (signature === undefined || blob === undefined) return signature === undefined;
  return isSignatureSound(presentedKey(context), blob, signature);
}
