import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { areLent, releaseBytes, retainBytes } from '../../bytes/buffer-pool.js';
import { receiveFast } from './fast-receive.js';
import { readIntoMemory } from './socket-memory.js';

/** The transport's state of one packet as it counts it, and what it was given. */
class AESGCMDecipherBinding {
  _len = 0;
  _lenBytes = 0;
  _pktLen = 0;
  _tagPos = 0;

  /** As the transport does, byte for byte. */
  take(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this._lenBytes < 4) {
        this._len = this._len * 256 + byte;
        this._lenBytes += 1;
      } else if (this._pktLen < this._len) this._pktLen += 1;
      else this._tagPos += 1;
      if (this._tagPos < 16) continue;
      this._len = 0;
      this._lenBytes = 0;
      this._pktLen = 0;
      this._tagPos = 0;
    }
  }
}

class ChaChaPolyDecipherBinding {}

function packetOf(length: number): Buffer {
  const packet = randomBytes(4 + length + 16);
  packet.writeUInt32BE(length);
  return packet;
}

let server: Server;
let accepted: Promise<[Socket]>;

beforeAll(async () => {
  server = createServer({ noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(() => {
  server.close();
});

/** Both ends of a connection; the accepted one flows. */
async function pair(): Promise<{ near: Socket; far: Socket }> {
  accepted = once(server, 'connection') as Promise<[Socket]>;
  const address = server.address();
  const far = connect({
    host: '127.0.0.1',
    port: address !== null && typeof address === 'object' ? address.port : 0,
  });
  const [near] = await accepted;
  near.on('error', () => undefined);
  return { near, far };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Sends the pieces, each when the one before has been received, and ends. */
async function sendPieces(far: Socket, pieces: readonly Buffer[], received: () => number): Promise<void> {
  let sent = 0;
  for (const piece of pieces) {
    far.write(piece);
    sent += piece.byteLength;
    // Half of the time the next one is on its way already.
    if (sent % 2 === 0) for (let turns = 0; received() < sent && turns < 20; turns += 1) await turn();
  }
  far.end();
}

describe('receiving packets into memory that is used again', () => {
  it('hands on every byte in order, long packets whole and lent, and what is held stays as it is', async () => {
    const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.constant(2046)), {
      minLength: 1,
      maxLength: 60,
    });
    const cuts = fc.array(fc.nat(), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(lengths, cuts, fc.nat(40), async (blocks, cuts, begun) => {
        const packets = blocks.map((count) => packetOf(16 * count));
        const bytes = Buffer.concat(packets);
        const { near, far } = await pair();
        const decipher = new AESGCMDecipherBinding();
        const handedOn: Buffer[] = [];
        const views: Uint8Array[] = [];
        let received = 0;
        near.on('data', (chunk: Buffer) => {
          decipher.take(chunk);
          received += chunk.byteLength;
          handedOn.push(Buffer.from(chunk));
          if (areLent(chunk)) expect(chunk.byteLength).toBe(4 + chunk.readUInt32BE(0) + 16);
          retainBytes(chunk);
          views.push(chunk);
          // The oldest are let go of, as answered requests are: their memory may be read into again.
          if (views.length > 20) releaseBytes(views.shift() ?? chunk);
          const same = views.every((view, at) => handedOn[handedOn.length - views.length + at]?.equals(view));
          expect(same).toBe(true);
        });
        // The transport has begun a packet when the receiver takes over.
        const first = Math.min(begun, bytes.byteLength);
        decipher.take(bytes.subarray(0, first));
        receiveFast({ _protocol: { _decipher: decipher } }, near);
        await turn();
        const at = [...new Set(cuts.map((cut) => first + (cut % (bytes.byteLength - first + 1))))].sort(
          (a, b) => a - b,
        );
        const pieces = [first, ...at].map((from, index) =>
          bytes.subarray(from, at[index] ?? bytes.byteLength),
        );
        await Promise.all([once(near, 'end'), sendPieces(far, pieces, () => received)]);
        expect(Buffer.concat(handedOn).equals(bytes.subarray(first))).toBe(true);
        for (const view of views) releaseBytes(view);
      }),
      { numRuns: 60 },
    );
  });

  it('lends what a client sends in bulk', async () => {
    const { near, far } = await pair();
    const decipher = new AESGCMDecipherBinding();
    let lent = 0;
    let copied = 0;
    near.on('data', (chunk: Buffer) => {
      decipher.take(chunk);
      if (areLent(chunk)) lent += chunk.byteLength;
      else copied += chunk.byteLength;
    });
    receiveFast({ _protocol: { _decipher: decipher } }, near);
    await turn();
    const packet = packetOf(32_784);
    far.end(Buffer.concat(Array.from({ length: 200 }, () => packet)));
    await once(near, 'end');
    expect(lent + copied).toBe(200 * packet.byteLength);
    expect(copied).toBeLessThan(2 * packet.byteLength);
  });

  it('hands on copies as they come once another cipher is agreed on, and leaves one from the start alone', async () => {
    for (const from of ['start', 'later'] as const) {
      const { near, far } = await pair();
      const gcm = new AESGCMDecipherBinding();
      const protocol: { _decipher: object } = {
        _decipher: from === 'start' ? new ChaChaPolyDecipherBinding() : gcm,
      };
      const handedOn: Buffer[] = [];
      near.on('data', (chunk: Buffer) => {
        if (protocol._decipher === gcm) gcm.take(chunk);
        protocol._decipher = new ChaChaPolyDecipherBinding();
        expect(areLent(chunk) && handedOn.length > 0).toBe(false);
        handedOn.push(Buffer.from(chunk));
      });
      receiveFast({ _protocol: protocol }, near);
      await turn();
      const bytes = Buffer.concat([packetOf(32_000), randomBytes(100_000)]);
      far.end(bytes);
      await once(near, 'end');
      expect(Buffer.concat(handedOn).equals(bytes)).toBe(true);
    }
  });

  it('gives what is no packet to the transport, which refuses it', async () => {
    const { near, far } = await pair();
    const handedOn: Buffer[] = [];
    near.on('data', (chunk: Buffer) => handedOn.push(Buffer.from(chunk)));
    receiveFast({ _protocol: { _decipher: new AESGCMDecipherBinding() } }, near);
    await turn();
    const bytes = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), randomBytes(50_000)]);
    far.end(bytes);
    await once(near, 'end');
    expect(Buffer.concat(handedOn).equals(bytes)).toBe(true);
  });

  it('leaves a transport that is built otherwise alone', async () => {
    for (const client of [{}, { _protocol: null }, { _protocol: { _decipher: { _len: 0 } } }]) {
      const { near, far } = await pair();
      const handedOn: Buffer[] = [];
      near.on('data', (chunk: Buffer) => handedOn.push(chunk));
      receiveFast(client, near);
      await turn();
      far.end('as before');
      await once(near, 'end');
      expect(Buffer.concat(handedOn).toString()).toBe('as before');
    }
  });
});

describe('reading a socket into memory of ours', () => {
  const reader = { buffer: () => Buffer.alloc(10), received: () => undefined };

  it('works on this Node, for an accepted socket that flows', async () => {
    const { near, far } = await pair();
    const memory = Buffer.alloc(4);
    let text = '';
    near.resume();
    const isOurs = readIntoMemory(near, {
      buffer: () => memory,
      received: (byteLength) => {
        text += memory.toString('latin1', 0, byteLength);
      },
    });
    expect(isOurs).toBe(true);
    far.end('some bytes');
    await once(near, 'end');
    expect(text).toBe('some bytes');
  });

  it('is refused where bytes could be passed over', async () => {
    const { near, far } = await pair();
    expect(readIntoMemory(near, reader)).toBe(false);
    near.resume();
    near.destroy();
    expect(readIntoMemory(near, reader)).toBe(false);
    far.destroy();
  });
});
