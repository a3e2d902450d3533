import { Socket, type SocketConstructorOpts } from 'node:net';

/** Where the next bytes go, and what is told when so many have come. */
export interface SocketReader {
  buffer(): Uint8Array;
  received(byteLength: number): void;
}

type Fields = Record<symbol, unknown>;

interface Symbols {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly generator: symbol;
}

/**
 * The fields in which a socket keeps what its constructor's `onread` option said: found on a socket made with that option,
 * and only believed when they hold what was given there.
 */
function findSymbols(): Symbols | null {
  const onread = { buffer: () => Buffer.alloc(1), callback: () => true };
  // The types know it for sockets that connect only.
  const options: SocketConstructorOpts & { readonly onread: typeof onread } = { onread };
  const sample = new Socket(options);
  const symbols = Object.getOwnPropertySymbols(sample);
  const fields = sample as unknown as Fields;
  const named = (name: string) => symbols.find((symbol) => symbol.description === name);
  const [buffer, callback, generator] = [named('kBuffer'), named('kBufferCb'), named('kBufferGen')];
  sample.destroy();
  if (buffer === undefined || callback === undefined || generator === undefined) return null;
  const isKnown = fields[generator] === onread.buffer && fields[callback] === onread.callback;
  return isKnown ? { buffer, callback, generator } : null;
}

const symbols = findSymbols();

/**
 * Lets an accepted socket read into memory of ours from now on, as the `onread` option does for one that is made with it:
 * nothing is allocated for a read, and no 'data' is told. False, and nothing has changed, when this Node keeps it otherwise, or when
 * the socket has bytes that were not taken yet. To be called outside of the socket's own events.
 */
export function readIntoMemory(socket: Socket, reader: SocketReader): boolean {
  const handle = Reflect.get(socket, '_handle') as { useUserBuffer?(bytes: Uint8Array): unknown } | null;
  if (symbols === null || typeof handle?.useUserBuffer !== 'function') return false;
  if (socket.destroyed || socket.readableFlowing !== true || socket.readableLength > 0) return false;
  const fields = socket as unknown as Fields;
  const buffer = reader.buffer();
  fields[symbols.buffer] = buffer;
  fields[symbols.generator] = () => reader.buffer();
  fields[symbols.callback] = (byteLength: number) => {
    reader.received(byteLength);
    return true;
  };
  handle.useUserBuffer(buffer);
  return true;
}
