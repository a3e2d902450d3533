import type { Socket } from 'node:net';

/** SSH_MSG_KEXINIT, RFC 4253 section 7.1. */
const messageKexInit = 20;
const cookieBytes = 16;
/** RFC 4253 sections 4.2 and 6.1, with the transport's own tolerance. */
const maxVersionBytes = 8192;
const maxPacketBytes = 35_000;

/** A client that waits for the server's KEXINIT before it sends its own is not kept waiting longer than this. */
const patienceMs = 500;

/**
 * The ciphers that a client has in its KEXINIT for both directions. Null when more bytes are needed; `unclear` when these are
 * not the version line and KEXINIT of an SSH client, which the transport then answers in its way.
 */
export function offeredCiphers(received: Buffer): readonly string[] | null | 'unclear' {
  const lineEnd = received.indexOf(0x0a);
  if (lineEnd < 0) return received.byteLength > maxVersionBytes ? 'unclear' : null;
  if (!received.subarray(0, 4).equals(Buffer.from('SSH-'))) return 'unclear';
  const packet = received.subarray(lineEnd + 1);
  if (packet.byteLength < 6) return null;
  const length = packet.readUInt32BE(0);
  if (length > maxPacketBytes || packet[5] !== messageKexInit) return 'unclear';
  if (packet.byteLength < 4 + length) return null;
  const lists = nameLists(packet.subarray(6 + cookieBytes, 4 + length), 4);
  const [toServer, toClient] = [lists[2], lists[3]];
  if (toServer === undefined || toClient === undefined) return 'unclear';
  return toServer.filter((cipher) => toClient.includes(cipher));
}

/** Fewer than `count` when they do not fit. */
function nameLists(bytes: Buffer, count: number): string[][] {
  const lists: string[][] = [];
  let at = 0;
  while (lists.length < count && at + 4 <= bytes.byteLength) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.byteLength) break;
    lists.push(bytes.toString('latin1', at + 4, end).split(','));
    at = end;
  }
  return lists;
}

/**
 * Sends our version line, and answers which ciphers the client offers before we have sent our own KEXINIT; empty when it
 * does not say in time. In SSH the client's order decides, and OpenSSH's puts slower ciphers before AES-GCM: who wants to
 * choose has to know the client's list first. What was read goes back into the socket, and the version line that the transport
 * will write is dropped: it has gone. The callback is not called when the connection ends before.
 */
export function previewKeyExchange(
  socket: Socket,
  version: string,
  decided: (ciphers: readonly string[]) => void,
): void {
  let received = Buffer.alloc(0);
  const line = `SSH-2.0-${version}\r\n`;
  const finish = (ciphers: readonly string[]) => {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('close', onClose);
    socket.pause();
    if (received.byteLength > 0) socket.unshift(received);
    dropOneWrite(socket, line);
    decided(ciphers);
  };
  const timer = setTimeout(() => finish([]), patienceMs);
  const onClose = () => clearTimeout(timer);
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    const ciphers = offeredCiphers(received);
    if (ciphers !== null) finish(ciphers === 'unclear' ? [] : ciphers);
  };
  socket.once('close', onClose);
  socket.on('data', onData);
  socket.write(line);
}

/** The next write of exactly this text does nothing. */
function dropOneWrite(socket: Socket, text: string): void {
  const write = socket.write;
  socket.write = ((chunk: unknown, ...more: never[]) => {
    socket.write = write;
    if (Buffer.isBuffer(chunk) && chunk.toString('latin1') === text) return true;
    return Reflect.apply(write, socket, [chunk, ...more]);
  }) as typeof socket.write;
}
