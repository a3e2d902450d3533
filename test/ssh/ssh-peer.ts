import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { hostKeyAlgorithms } from '../../packages/ssh/algorithms/host-key-algorithms.js';
import { client as messages } from '../../packages/ssh/connection/testing/client-messages.js';
import { type HostKey, parseHostKey } from '../../packages/ssh/host-keys/host-key.js';
import { SshClient, type SshClientOptions } from '../../packages/ssh/testing/ssh-client.js';
import { Message } from '../../packages/ssh/wire/message-numbers.js';
import { WireWriter } from '../../packages/ssh/wire/writer.js';
import type { Gateway, TestUser } from '../support/gateway.js';

const KiB = 1024;

/** A connection to a gateway that a test controls message by message. */
export interface Peer {
  readonly client: SshClient;
  readonly socket: Socket;
}

/** Resolves when the connection is open. Bounds by address are avoided with another address of the loopback network. */
export async function openSocket(gateway: Gateway, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port: gateway.sftpPort, host: '127.0.0.1', localAddress });
  await once(socket, 'connect');
  socket.setNoDelay(true);
  // A connection that the gateway ends is the expected result of most tests.
  socket.on('error', () => undefined);
  return socket;
}

/** Connects and completes the first key exchange. */
export async function connectPeer(
  gateway: Gateway,
  options: Partial<SshClientOptions> = {},
  localAddress?: string,
): Promise<Peer> {
  const socket = await openSocket(gateway, localAddress);
  return { socket, client: await SshClient.connect({ stream: socket, ...options }) };
}

/** Connects and logs in with the user's ed25519 key. */
export async function logInPeer(
  user: TestUser,
  options: Partial<SshClientOptions> = {},
  localAddress?: string,
  key: HostKey = parseHostKey(readFileSync(user.identity, 'utf8')),
): Promise<Peer> {
  const peer = await connectPeer(user.gateway, options, localAddress);
  await logIn(peer.client, user.name, key);
  return peer;
}

/** Returns the start of a USERAUTH_REQUEST. */
export function authRequest(username: string, method: string): WireWriter {
  return new WireWriter(512)
    .u8(Message.userauthRequest)
    .string(username)
    .string('ssh-connection')
    .string(method);
}

export async function logIn(client: SshClient, username: string, key: HostKey): Promise<void> {
  await client.requestService();
  const algorithm = hostKeyAlgorithms.find(({ keyType }) => keyType === key.type);
  if (algorithm === undefined) throw new Error(`a ${key.type} key does not log in`);
  const request = authRequest(username, 'publickey')
    .boolean(true)
    .string(algorithm.name)
    .string(key.publicBlob)
    .finish();
  const signed = new WireWriter(1024).string(client.sessionId).raw(request).finish();
  client.send(request, new WireWriter(256).string(key.sign(algorithm, signed)).finish());
  const answer = await client.next(Message.userauthSuccess, Message.userauthFailure);
  if (answer[0] !== Message.userauthSuccess) throw new Error('the login was refused');
}

/** Opens a channel with the subsystem sftp. Resolves to the gateway's number of the channel. */
export async function openSftp(
  client: SshClient,
  peerNumber = 0,
  windowBytes = 2 ** 21,
  packetBytes = 32 * KiB,
): Promise<number> {
  client.send(messages.open(peerNumber, windowBytes, packetBytes));
  const confirmation = await client.next(Message.channelOpenConfirmation, Message.channelOpenFailure);
  if (confirmation[0] !== Message.channelOpenConfirmation) throw new Error('the channel was refused');
  const number = confirmation.readUInt32BE(5);
  client.send(messages.subsystem(number));
  const answer = await client.next(Message.channelSuccess, Message.channelFailure);
  if (answer[0] !== Message.channelSuccess) throw new Error('the subsystem was refused');
  return number;
}

function sftpPacket(body: Buffer): Buffer {
  return new WireWriter(body.byteLength + 4).string(body).finish();
}

/** SFTP requests as channel data (draft-ietf-secsh-filexfer-02). */
export const sftp = {
  init: () => sftpPacket(new WireWriter().u8(1).u32(3).finish()),
  openFile: (id: number, path: string, flags: number) =>
    sftpPacket(new WireWriter().u8(3).u32(id).string(path).u32(flags).u32(0).finish()),
  read: (id: number, handle: Uint8Array, offset: number, length: number) =>
    sftpPacket(new WireWriter().u8(5).u32(id).string(handle).u64(BigInt(offset)).u32(length).finish()),
  realPath: (id: number, path: string) => sftpPacket(new WireWriter().u8(16).u32(id).string(path).finish()),
};

/** Opens a file for reading on a channel that has sent INIT. Resolves to its handle. */
export async function openFile(client: SshClient, channel: number, path: string): Promise<Buffer> {
  client.send(messages.data(channel, sftp.openFile(1, path, 1)));
  const handle = (await client.next(Message.channelData)).subarray(9);
  if (handle[4] !== 102) throw new Error(`no handle for ${path}: ${handle.toString('latin1')}`);
  return Buffer.from(handle.subarray(13, 13 + handle.readUInt32BE(9)));
}

/** Returns the resident memory of the gateway's process in bytes. */
export function residentBytes(gateway: Gateway): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * KiB;
}
