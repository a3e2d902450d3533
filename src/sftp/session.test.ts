import { describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/wait.js';
import { Fault } from '../model/fault.js';
import type { Vfs, WriteHandle } from '../model/vfs.js';
import { statusOf } from './testing/client.js';
import { packet, string, uint32 } from './testing/encode-request.js';
import type { MemoryVfs } from './testing/memory-vfs.js';
import { openSession, path, replacing } from './testing/open-session.js';
import { openFlag, packetType, statusCode } from './wire/constants.js';

const creating = openFlag.write | openFlag.create | openFlag.truncate;

/** Returns a tree whose writes wait for `release`. */
function slowWrites(): { change: (memory: MemoryVfs) => Vfs; release: () => void; offsets: number[] } {
  const waiting: (() => void)[] = [];
  const offsets: number[] = [];
  const change = (memory: MemoryVfs): Vfs =>
    replacing(memory, {
      openWrite: async (call, name, mode): Promise<WriteHandle> => {
        const real = await memory.openWrite(call, name, mode);
        return {
          read: (...args) => real.read(...args),
          sync: (...args) => real.sync(...args),
          attributes: () => real.attributes(),
          setAttributes: (...args) => real.setAttributes(...args),
          commit: (...args) => real.commit(...args),
          [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
          write: async (given, offset, chunks) => {
            offsets.push(offset);
            await new Promise<void>((resolve, reject) => {
              waiting.push(resolve);
              given.signal.addEventListener('abort', () => reject(given.signal.reason));
            });
            await real.write(given, offset, chunks);
          },
        };
      },
    });
  return { change, offsets, release: () => waiting.shift()?.() };
}

const open = { type: 'open', flags: creating, attributes: {} } as const;
const data = (handle: Uint8Array, offset: number, byteLength: number) =>
  ({ type: 'write', handle, offset, byteLength, chunks: [Buffer.alloc(byteLength, 'x')] }) as const;

describe('an SFTP session', () => {
  it('starts writes in the order of arrival and makes CLOSE wait for them, while other requests overtake', async () => {
    const slow = slowWrites();
    const { client, memory } = await openSession({}, slow.change);
    const handle = await client.handle({ ...open, path: path('/f') });
    const writes = [client.status(data(handle, 0, 3)), client.status(data(handle, 3, 3))];
    const closing = client.status({ type: 'close', handle });
    const closeId = client.lastId;
    await client.ask({ type: 'realpath', path: path('/') });
    expect(slow.offsets).toEqual([0, 3]);
    expect(client.answered).not.toContain(closeId);
    slow.release();
    slow.release();
    await Promise.all(writes);
    expect((await closing).code).toBe(statusCode.ok);
    expect(memory.content('/f')?.toString()).toBe('xxxxxx');
  });

  it('answers requests about one name as if each had waited for the one before', async () => {
    const { client, memory } = await openSession();
    const asked = [
      client.status({ type: 'mkdir', path: path('/d'), attributes: {} }),
      client.handle({ ...open, path: path('/d/f') }),
      client.status({ type: 'rmdir', path: path('/d') }),
      client.ask({ type: 'stat', path: path('/d/f') }),
    ] as const;
    expect((await asked[0]).code).toBe(statusCode.ok);
    expect((await asked[2]).code).toBe(statusCode.ok);
    expect(statusOf(await asked[3]).code).toBe(statusCode.noSuchFile);
    expect(memory.nodes.has('/d')).toBe(false);
  });

  it.each([
    ['requests', { maxRequestsInFlight: 3 }, 3],
    ['bytes', { maxBytesInFlight: 250 }, 3],
  ])('stops reading while too many %s are in flight, and resumes afterwards', async (_, limits, started) => {
    const slow = slowWrites();
    const { client, stream } = await openSession(limits, slow.change);
    const handle = await client.handle({ ...open, path: path('/f') });
    const writes = Array.from({ length: 10 }, (_, index) => client.status(data(handle, index * 100, 100)));
    expect(slow.offsets).toHaveLength(started);
    expect(stream.isPaused).toBe(true);
    slow.release();
    await writes[0];
    await eventually('the next write starts', () => slow.offsets.length === started + 1);
    for (let index = 1; index < 10; index++) {
      await eventually('a write waits', () => slow.offsets.length > index);
      slow.release();
    }
    expect((await Promise.all(writes)).every(({ code }) => code === statusCode.ok)).toBe(true);
    await eventually('the stream flows', () => !stream.isPaused);
  });

  it('stops reading while the client does not read its replies', async () => {
    const { client, stream, memory } = await openSession({ maxBacklogBytes: 1000 });
    memory.putFile('/f', 'x');
    stream.backlogBytes = 1000;
    const first = client.ask({ type: 'stat', path: path('/f') });
    expect(stream.isPaused).toBe(true);
    let hasAnswered = false;
    void first.then(() => {
      hasAnswered = true;
    });
    await new Promise(setImmediate);
    expect(hasAnswered).toBe(false);
    stream.drain();
    expect((await first).type).toBe(packetType.attrs);
  });

  it('refuses handles above the limit, and opens new ones after some are closed', async () => {
    const { client, memory } = await openSession({ maxHandlesPerSession: 2 });
    memory.putFile('/f', 'x');
    const reading = { type: 'open', path: path('/f'), flags: openFlag.read, attributes: {} } as const;
    const [handle] = await Promise.all([client.handle(reading), client.handle(reading)]);
    const refused = await client.status({ type: 'opendir', path: path('/') });
    expect(refused).toMatchObject({
      code: statusCode.failure,
      message: expect.stringContaining('over-quota'),
    });
    await client.ask({ type: 'close', handle });
    await client.handle(reading);
  });

  it('answers a packet with invalid fields with BAD_MESSAGE, and continues', async () => {
    const { client } = await openSession();
    const bad = packet(packetType.stat, uint32(700), uint32(99), Buffer.from('short'));
    expect(statusOf(await client.askRaw(bad, 700)).code).toBe(statusCode.badMessage);
    const foreign = packet(packetType.extended, uint32(701), string('vendor-id'), string('/a'));
    expect(statusOf(await client.askRaw(foreign, 701)).code).toBe(statusCode.unsupported);
    expect((await client.ask({ type: 'realpath', path: path('/') })).type).toBe(packetType.name);
  });

  it('closes the channel after invalid framing, once it has answered the earlier requests', async () => {
    const { client, stream, session, lines } = await openSession();
    const last = client.ask({ type: 'realpath', path: path('/') });
    stream.feed(Buffer.alloc(64, 0xff));
    expect((await last).type).toBe(packetType.name);
    await session.done;
    expect(stream.isEnded).toBe(true);
    expect(lines.some(({ message }) => message.includes('does not speak SFTP'))).toBe(true);
  });

  it('answers the requests before the end of input, then ends the channel', async () => {
    const { client, stream, session } = await openSession();
    const last = client.ask({ type: 'realpath', path: path('/x') });
    stream.endOfInput();
    expect((await last).type).toBe(packetType.name);
    await session.done;
    expect(stream.isEnded).toBe(true);
  });

  it('cancels requests and releases every handle when the client disconnects', async () => {
    const slow = slowWrites();
    const { client, stream, session, memory, lines } = await openSession({}, slow.change);
    memory.putFile('/r', 'x');
    const handle = await client.handle({ ...open, path: path('/f') });
    await client.handle({ type: 'open', path: path('/r'), flags: openFlag.read, attributes: {} });
    await client.handle({ type: 'opendir', path: path('/') });
    void client.ask(data(handle, 0, 10));
    stream.close();
    const tally = await session.done;
    expect(tally).toMatchObject({ filesWritten: 0, bytesReceived: 10 });
    expect(memory.openHandles).toBe(0);
    expect(memory.isDisposed).toBe(true);
    expect(memory.nodes.has('/f')).toBe(false);
    expect(lines.find(({ level }) => level === 'info')?.fields).toMatchObject({ files: '/f', count: 1 });
  });

  it('disposes a file that is opened after the client has disconnected', async () => {
    let letOpen = (): void => undefined;
    const { client, stream, session, memory } = await openSession({}, (tree) =>
      replacing(tree, {
        openWrite: async (...args) => {
          await new Promise<void>((resolve) => {
            letOpen = resolve;
          });
          return tree.openWrite(...args);
        },
      }),
    );
    void client.ask({ ...open, path: path('/f') });
    stream.close();
    letOpen();
    await session.done;
    expect(memory.openHandles).toBe(0);
  });

  it('logs a handle that cannot be disposed, and releases the rest', async () => {
    const { client, stream, session, memory, lines } = await openSession({}, (tree) =>
      replacing(tree, {
        openRead: async (...args) => {
          const real = await tree.openRead(...args);
          return {
            read: (...more) => real.read(...more),
            attributes: () => real.attributes(),
            [Symbol.asyncDispose]: () => Promise.reject(new Fault('unavailable', 'S3 is unavailable')),
          };
        },
      }),
    );
    memory.putFile('/f', '');
    await client.handle({ type: 'open', path: path('/f'), flags: openFlag.read, attributes: {} });
    stream.close();
    await session.done;
    expect(memory.isDisposed).toBe(true);
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('drains: lets open uploads finish and refuses new ones', async () => {
    const { client, session, memory } = await openSession();
    const handle = await client.handle({ ...open, path: path('/f') });
    let isQuiet = false;
    const quiet = session.drain().then(() => {
      isQuiet = true;
    });
    const refused = await client.status({ ...open, path: path('/g') });
    expect(refused.message).toContain('the server is shutting down');
    await client.ask(data(handle, 0, 4));
    expect(isQuiet).toBe(false);
    expect((await client.status({ type: 'close', handle })).code).toBe(statusCode.ok);
    await quiet;
    expect(memory.content('/f')?.toString()).toBe('xxxx');
  });
});
