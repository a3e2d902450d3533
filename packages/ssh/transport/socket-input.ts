import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PacketReader } from './packet-reader.js';

type Fields = Record<symbol, unknown>;

interface ReadSymbols {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly generator: symbol;
}

/**
 * Finds the fields in which a socket keeps the `onread` option of its constructor. Node offers that option for outgoing connections
 * only. Returns null when this Node keeps it in another way.
 */
function findReadSymbols(): ReadSymbols | null {
  const onread = { buffer: () => Buffer.alloc(1), callback: () => true };
  const options: SocketConstructorOpts & { readonly onread: typeof onread } = { onread };
  const sample = new Socket(options);
  const symbols = Object.getOwnPropertySymbols(sample);
  const fields = sample as unknown as Fields;
  const named = (name: string) => symbols.find(({ description }) => description === name);
  const [buffer, callback, generator] = [named('kBuffer'), named('kBufferCb'), named('kBufferGen')];
  sample.destroy();
  if (buffer === undefined || callback === undefined || generator === undefined) return null;
  const isKnown = fields[generator] === onread.buffer && fields[callback] === onread.callback;
  return isKnown ? { buffer, callback, generator } : null;
}

const readSymbols = findReadSymbols();

interface SocketHandle {
  useUserBuffer?(bytes: Uint8Array): unknown;
}

/** Lets an accepted socket read into the reader's memory, as `onread` does. Returns false when that is not possible. */
function readIntoMemory(stream: Duplex, room: () => Buffer, received: (byteLength: number) => void): boolean {
  if (!(stream instanceof Socket) || readSymbols === null) return false;
  if (stream.destroyed || stream.readableLength > 0 || stream.readableFlowing === true) return false;
  const handle = Reflect.get(stream, '_handle') as SocketHandle | null;
  if (typeof handle?.useUserBuffer !== 'function') return false;
  const fields = stream as unknown as Fields;
  const first = room();
  fields[readSymbols.buffer] = first;
  fields[readSymbols.generator] = room;
  fields[readSymbols.callback] = (byteLength: number) => {
    received(byteLength);
    return true;
  };
  handle.useUserBuffer(first);
  stream.resume();
  return true;
}

/**
 * Connects a stream with a packet reader. A socket reads into the reader's memory, so that nothing is allocated or copied for a
 * read; the bytes of another stream are copied there. `guarded` runs each call that takes bytes and handles its errors.
 */
export function attachInput(stream: Duplex, reader: PacketReader, guarded: (take: () => void) => void): void {
  const received = (byteLength: number) => guarded(() => reader.received(byteLength));
  if (readIntoMemory(stream, () => reader.room(), received)) return;
  stream.on('data', (bytes: Buffer) => guarded(() => reader.copy(bytes)));
}
