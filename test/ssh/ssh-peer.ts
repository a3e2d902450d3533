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
  write: (id: number, handle: Uint8Array, offset: number, data: Uint8Array) =>
    sftpPacket(
      new WireWriter(data.byteLength + 64)
        .u8(6)
        .u32(id)
        .string(handle)
        .u64(BigInt(offset))
        .string(data)
        .finish(),
    ),
  closeFile: (id: number, handle: Uint8Array) =>
    sftpPacket(new WireWriter().u8(4).u32(id).string(handle).finish()),
  realPath: (id: number, path: string) => sftpPacket(new WireWriter().u8(16).u32(id).string(path).finish()),
};

/** Opens a file on a channel that has sent INIT: for reading by default. Resolves to its handle. */
export async function openFile(client: SshClient, channel: number, path: string, flags = 1): Promise<Buffer> {
  client.send(messages.data(channel, sftp.openFile(1, path, flags)));
  const [response] = await responses(client, 1);
  if (response?.[0] !== 102) throw new Error(`no handle for ${path}: ${response?.toString('latin1')}`);
  return response.subarray(9);
}

/** Resolves to the next SFTP responses of the only channel, each without its length. */
export async function responses(client: SshClient, count: number): Promise<readonly Buffer[]> {
  const found: Buffer[] = [];
  let pieces: Buffer[] = [];
  let missing = 4;
  while (found.length < count) {
    const piece = (await client.next(Message.channelData)).subarray(9);
    pieces.push(piece);
    missing -= piece.byteLength;
    if (missing > 0) continue;
    const bytes = Buffer.concat(pieces);
    let at = 0;
    while (bytes.byteLength - at >= 4) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.byteLength) break;
      found.push(bytes.subarray(at + 4, end));
      at = end;
    }
    pieces = at < bytes.byteLength ? [bytes.subarray(at)] : [];
    const rest = bytes.byteLength - at;
    missing = (rest >= 4 ? 4 + bytes.readUInt32BE(at) : 4) - rest;
  }
  return found;
}

/** Returns the resident memory of the gateway's process in bytes. */
export function residentBytes(gateway: Gateway): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * KiB;
}
