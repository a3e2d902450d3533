import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GetPool, SlabReadable } from './get-pool.js';

/* A server that writes any bytes, and a pool that must never take bytes of one response for those of another. */

/** Writes the response to the request for this path. */
type Respond = (socket: net.Socket, path: string) => void;

let server: net.Server;
let respond: Respond;
/** Called for each connection, before any request. */
let greet: (socket: net.Socket) => void;
let connections = 0;
let pool: GetPool;
const sockets = new Set<net.Socket>();

beforeAll(async () => {
  server = net.createServer({ noDelay: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    greet(socket);
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      for (let end = received.indexOf('\r\n\r\n'); end !== -1; end = received.indexOf('\r\n\r\n')) {
        const path = /^GET (\S+) /.exec(received)?.[1] ?? '';
        received = received.slice(end + 4);
        respond(socket, path);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));
beforeEach(() => {
  greet = () => undefined;
  connections = 0;
  pool = new GetPool({ ca: null, connectTimeoutMs: 5_000, idleTimeoutMs: 2_000, maxSockets: 4 });
});
afterEach(() => {
  pool.destroy();
  for (const socket of sockets) socket.destroy();
});

/** Whole responses to a request, each with the body that a reader should get. */
const bodyOf = (path: string) => `the bytes of ${path}`;
const responses: Readonly<Record<string, (path: string) => string>> = {
  'an object': (path) => `HTTP/1.1 200 OK\r\ncontent-length: ${bodyOf(path).length}\r\n\r\n${bodyOf(path)}`,
  'a range': (path) =>
    `HTTP/1.1 206 Partial\r\nContent-Length:${bodyOf(path).length} \r\netag: "x"\r\n\r\n${bodyOf(path)}`,
  'an error': (path) => `HTTP/1.1 403 No\r\ncontent-length: ${bodyOf(path).length}\r\n\r\n${bodyOf(path)}`,
  'a chunked error': (path) =>
    `HTTP/1.1 503 Slow Down\r\ntransfer-encoding: chunked\r\n\r\n5;x=1\r\n${bodyOf(path).slice(0, 5)}\r\n` +
    `${(bodyOf(path).length - 5).toString(16)}\r\n${bodyOf(path).slice(5)}\r\n0\r\nx-trailer: 1\r\n\r\n`,
  'an error after interim responses': (path) =>
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n' +
    `HTTP/1.1 404 None\r\ncontent-length: ${bodyOf(path).length}\r\n\r\n${bodyOf(path)}`,
};
const kinds = fc.constantFrom(...Object.keys(responses));
const responseOf = (kind: string, path: string) => responses[kind]?.(path) ?? '';

let lastPath = 0;
const newPath = () => {
  lastPath += 1;
  return `/bucket/object-${lastPath}`;
};

/** Returns the whole body of the response. */
async function get(path: string): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const request = { protocol: 'http:', hostname: '127.0.0.1', port, method: 'GET', path, headers: {} };
  const { body } = await pool.get(request, { intoSlabs: true });
  if (!(body instanceof SlabReadable)) return Buffer.from(body as Uint8Array).toString('latin1');
  const pieces: Uint8Array[] = [];
  for await (const piece of body.slabs) pieces.push(piece);
  return Buffer.concat(pieces).toString('latin1');
}

async function expectGood(kind = 'an object'): Promise<void> {
  respond = (socket, path) => socket.write(responseOf(kind, path), 'latin1');
  for (let times = 0; times < 2; times += 1) {
    const path = newPath();
    expect(await get(path)).toBe(bodyOf(path));
  }
}

/** Writes pieces so that each is read by itself. */
async function writePieces(socket: net.Socket, bytes: string, cuts: readonly number[]): Promise<void> {
  const places = [
    0,
    ...[...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b),
    bytes.length,
  ];
  for (const [index, start] of places.slice(0, -1).entries()) {
    if (socket.destroyed) return;
    socket.write(bytes.slice(start, places[index + 1]), 'latin1');
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

const waitTurns = async (turns: number) => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('a response', () => {
  it('is the same in whatever pieces it arrives, and leaves the connection usable', async () => {
    await fc.assert(
      fc.asyncProperty(kinds, fc.array(fc.nat(), { maxLength: 12 }), async (kind, cuts) => {
        respond = (socket, path) => void writePieces(socket, responseOf(kind, path), cuts);
        const path = newPath();
        expect(await get(path)).toBe(bodyOf(path));
        await expectGood(kind);
        expect(connections).toBe(1);
      }),
      { numRuns: 100 },
    );
  });

  it.each(Object.keys(responses))('%s that is truncated at any place fails', async (kind) => {
    const whole = responseOf(kind, '/bucket/object');
    for (let length = 0; length < whole.length; length += 1) {
      respond = (socket) => socket.end(whole.slice(0, length), 'latin1');
      await expect(get('/bucket/object'), `${length} bytes`).rejects.toThrow();
    }
    await expectGood(kind);
  });

  it('with further bytes in the same packet or a later one closes its connection', async () => {
    const extras = fc.oneof(
      kinds.map((kind) => responseOf(kind, '/forged')),
      fc.string({ minLength: 1, maxLength: 50 }),
    );
    await fc.assert(
      fc.asyncProperty(kinds, extras, fc.nat(3), async (kind, extra, turns) => {
        let written = Promise.resolve();
        respond = (socket, path) => {
          const write = async () => {
            if (turns === 0) socket.write(responseOf(kind, path) + extra, 'latin1');
            else {
              socket.write(responseOf(kind, path), 'latin1');
              await waitTurns(turns - 1);
              socket.write(extra, 'latin1');
            }
          };
          written = write();
        };
        // In one packet, the response itself may be refused.
        const path = newPath();
        const body = await get(path).catch(() => bodyOf(path));
        expect(body).toBe(bodyOf(path));
        await written;
        await expectGood(kind);
      }),
      { numRuns: 150 },
    );
  });

  it('with bytes past a large body closes its connection', async () => {
    const large = 'x'.repeat(700_000);
    respond = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${large.length}\r\n\r\n${large}`, 'latin1');
      socket.write(responseOf('an object', '/forged'), 'latin1');
    };
    expect(await get('/bucket/large')).toBe(large);
    await expectGood();
    expect(connections).toBe(2);
  });

  it('that arrives before its request closes the connection', async () => {
    await expectGood();
    const [socket] = sockets;
    socket?.write(responseOf('an object', '/forged'), 'latin1');
    await expectGood();
    expect(connections).toBe(2);
  });

  it('that arrives before the first request of a connection is never taken for its response', async () => {
    greet = (socket) => socket.write(responseOf('an object', '/forged'), 'latin1');
    respond = (socket, path) => socket.write(responseOf('an object', path), 'latin1');
    const path = newPath();
    expect(await get(path).catch(() => 'refused')).toBe('refused');
  });

  it.each([
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
    ['the same length twice', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\nContent-Length: 3\r\n\r\nabc'],
    ['a length with a sign', 'HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc'],
    ['a hexadecimal length', 'HTTP/1.1 200 OK\r\ncontent-length: 0x3\r\n\r\nabc'],
    [
      'a length and chunks',
      'HTTP/1.1 403 No\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['an unknown coding', 'HTTP/1.1 403 No\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['chunks in HTTP/1.0', 'HTTP/1.0 403 No\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    [
      'a chunk of another size',
      'HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n',
    ],
    ['a negative chunk', 'HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n'],
    ['a chunk beyond numbers', `HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n${'f'.repeat(17)}\r\n`],
    ['a space before a colon', 'HTTP/1.1 200 OK\r\ncontent-length : 3\r\n\r\nabc'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nx: a\r\n content-length: 3\r\n\r\nabc'],
    ['a bare line feed', 'HTTP/1.1 200 OK\r\nx: a\ncontent-length: 3\r\n\r\nabc'],
    ['a bare carriage return', 'HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 3\r\n\r\nabc'],
    ['a zero byte', 'HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 3\r\n\r\nabc'],
    ['a change of protocol', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['interim responses without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(50)],
    ['a status of zero', 'HTTP/1.1 000 No\r\ncontent-length: 0\r\n\r\n'],
    ['a header without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`],
    ['too many headers', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}\r\n`],
    ['an error without end', `HTTP/1.1 403 No\r\ncontent-length: 999999\r\n\r\n${'x'.repeat(999_999)}`],
    [
      'chunks without end',
      `HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(70_000)}`,
    ],
  ])('with %s fails, and the next request gets its own', async (_, bytes) => {
    respond = (socket) => socket.write(bytes, 'latin1');
    await expect(get(newPath())).rejects.toThrow();
    await expectGood();
  });

  it('with any byte changed fails or is read, and the next request gets its own', async () => {
    await fc.assert(
      fc.asyncProperty(kinds, fc.nat(), fc.integer({ min: 0, max: 255 }), async (kind, at, byte) => {
        respond = (socket, path) => {
          const bytes = Buffer.from(responseOf(kind, path), 'latin1');
          bytes[at % bytes.length] = byte;
          socket.end(bytes);
        };
        const path = newPath();
        const body = await get(path).catch(() => null);
        if (body !== null) expect(body.length).toBeLessThan(1000);
        await expectGood(kind);
      }),
      { numRuns: 300 },
    );
  });

  it('to many requests in parallel reaches its own request, whatever some connections do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(9)), async (choices) => {
        respond = (socket, path) => {
          const { value } = choices.next();
          const whole = responseOf(Object.keys(responses)[value % 5] ?? '', path);
          if (value === 7) socket.end(whole.slice(0, 30), 'latin1');
          else if (value === 8) socket.write(whole + responseOf('an object', '/forged'), 'latin1');
          else socket.write(whole, 'latin1');
        };
        const paths = Array.from({ length: 30 }, newPath);
        const bodies = await Promise.all(paths.map((path) => get(path).catch(() => bodyOf(path))));
        expect(bodies).toEqual(paths.map(bodyOf));
      }),
      { numRuns: 20 },
    );
  });
});

describe('a request', () => {
  it.each(['a\r\nb', 'a\u010ab', 'a\0b', 'snow ☃'])('with the header %j is not sent', async (value) => {
    const { port } = server.address() as AddressInfo;
    const request = { protocol: 'http:', hostname: '127.0.0.1', port, method: 'GET', path: '/' };
    await expect(pool.get({ ...request, headers: { 'if-match': value } }, {})).rejects.toThrow(
      'does not allow',
    );
  });

  it('on a connection that the server has closed is sent again on another one', async () => {
    await expectGood();
    const [socket] = sockets;
    socket?.destroy();
    if (socket !== undefined) await once(socket, 'close');
    await expectGood();
    expect(connections).toBe(2);
  });
});
