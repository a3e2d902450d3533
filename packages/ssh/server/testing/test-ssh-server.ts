import { connect, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { TestUsers } from '../../auth/testing/test-users.js';
import { client as messages } from '../../connection/testing/client-messages.js';
import { SshClient, type SshClientOptions } from '../../testing/ssh-client.js';
import { testHostKeys } from '../../testing/test-server.js';
import { silentLog, type TransportLog } from '../../transport/events.js';
import { Message } from '../../wire/message-numbers.js';
import { WireWriter } from '../../wire/writer.js';
import type { SshServerOptions } from '../server-options.js';
import { type Peer, SshServer } from '../ssh-server.js';
import { EchoApplication } from './echo-application.js';

/** The password of the users `alice` and `bob`. */
export const testPassword = 'right';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A server with the echo application and the users `alice` and `bob`, without a listener. */
export class TestSshServer {
  readonly application: EchoApplication;
  readonly lines: LogLine[] = [];
  readonly options: SshServerOptions;
  readonly server: SshServer;

  constructor(options: Partial<SshServerOptions> = {}, application = new EchoApplication()) {
    this.application = application;
    this.options = testOptions(application, recordingLog(this.lines), options);
    this.server = SshServer.withoutListener(this.options);
  }

  /** Returns the client's end of a new connection. */
  open(peer: Peer = { address: '192.0.2.1', port: 1 }): Duplex {
    const [ours, theirs] = duplexPair();
    theirs.on('error', () => undefined);
    this.server.accept(ours, peer);
    return theirs;
  }

  async connect(peer?: Peer, options?: Partial<SshClientOptions>): Promise<SshClient> {
    return SshClient.connect({ stream: this.open(peer), ...options });
  }

  async logIn(peer?: Peer, username = 'alice'): Promise<SshClient> {
    const client = await this.connect(peer);
    await logIn(client, username);
    return client;
  }
}

export function testOptions(
  application: EchoApplication,
  log: TransportLog = silentLog,
  options: Partial<SshServerOptions> = {},
): SshServerOptions {
  return {
    hostKeys: testHostKeys.slice(0, 1),
    ident: 'sftpgw_test',
    authenticator: new TestUsers({ alice: { password: testPassword }, bob: { password: testPassword } }),
    onSession: application.onSession,
    refusalText: 'this server serves SFTP only',
    log,
    ...options,
  };
}

/** Returns a log that adds its lines to a list. */
export function recordingLog(lines: LogLine[]): TransportLog {
  const record = (level: LogLine['level']) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ level, fields, message });
  return { debug: record('debug'), info: record('info'), warn: record('warn') };
}

/** Sends the password. Resolves to the type of the answer: USERAUTH_SUCCESS or USERAUTH_FAILURE. */
export async function tryPassword(client: SshClient, username: string, password: string): Promise<number> {
  client.send(
    new WireWriter()
      .u8(Message.userauthRequest)
      .string(username)
      .string('ssh-connection')
      .string('password')
      .boolean(false)
      .string(password)
      .finish(),
  );
  const answer = await client.next(Message.userauthSuccess, Message.userauthFailure);
  return answer[0] ?? 0;
}

export async function logIn(client: SshClient, username = 'alice'): Promise<void> {
  await client.requestService();
  const answer = await tryPassword(client, username, testPassword);
  if (answer !== Message.userauthSuccess) throw new Error('the login was refused');
}

/** Opens a channel and requests the subsystem sftp. Resolves to the server's number of the channel. */
export async function openSftp(
  client: SshClient,
  peerNumber = 0,
  windowBytes = 2 ** 21,
  packetBytes = 2 ** 15,
): Promise<number> {
  client.send(messages.open(peerNumber, windowBytes, packetBytes));
  const confirmation = await client.next(Message.channelOpenConfirmation, Message.channelOpenFailure);
  if (confirmation[0] !== Message.channelOpenConfirmation) throw new Error('the channel was refused');
  const number = confirmation.readUInt32BE(5);
  client.send(messages.subsystem(number));
  const answer = await client.next(Message.channelSuccess, Message.channelFailure);
  if (answer[0] !== Message.channelSuccess) throw new Error('the request was refused');
  return number;
}

/** Connects a socket to a server that listens. */
export function connectSocket(
  server: { readonly address: { readonly port: number } },
  localAddress = '127.0.0.1',
): Promise<Socket> {
  const socket = connect({ port: server.address.port, host: '127.0.0.1', localAddress });
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => undefined);
  });
}
