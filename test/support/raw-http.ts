import { connect } from 'node:net';

/** One answer in the bytes of a server. */
export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

const silenceMs = 30_000;

/** Connects to a server on loopback, sends the text and nothing more, and returns what it sends until it closes. */
export function heldConnection(port: number, text: string): Promise<string> {
  return exchange(port, text, false);
}

/**
 * Sends bytes (one per character) on a new connection, which it then half-closes, and returns the answers until the
 * server closes. An error of the connection is its end.
 */
export async function answersTo(port: number, text: string): Promise<readonly RawAnswer[]> {
  const heard = await exchange(port, text, true);
  return heard
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((part) => part.startsWith('HTTP/1.1 '))
    .map((part) => ({ status: Number(part.slice(9, 12)), body: part.slice(part.indexOf('\r\n\r\n') + 4) }));
}

function exchange(port: number, text: string, ends: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const pieces: Buffer[] = [];
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the server neither answers nor closes: ${text.slice(0, 200)}`));
    }, silenceMs);
    socket.on('data', (piece) => pieces.push(piece));
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(pieces).toString('latin1'));
    });
    const bytes = Buffer.from(text, 'latin1');
    if (ends) socket.end(bytes);
    else socket.write(bytes);
  });
}
