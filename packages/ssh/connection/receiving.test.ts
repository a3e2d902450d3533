import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Message } from '../wire/message-numbers.js';
import { HeldData } from './held-data.js';
import { client } from './testing/client-messages.js';
import { CountingSlabs } from './testing/counting-slabs.js';
import { nextTurn, TestConnection } from './testing/test-connection.js';

const KiB = 1024;
const MiB = 1024 * KiB;

describe('receiving channel data', () => {
  it('delivers a view of the message without a copy', () => {
    const connection = new TestConnection({ startsChannels: false });
    const { channel } = connection.openSftp();
    let seen: Uint8Array | null = null;
    channel.start({
      data: (chunk) => {
        seen = chunk;
      },
      ended: () => undefined,
      drained: () => undefined,
      closed: () => undefined,
    });
    const message = client.data(0, Buffer.from('hello'));
    connection.receive(message);
    expect(seen).toEqual(Buffer.from('hello'));
    expect((seen as Uint8Array | null)?.buffer).toBe(message.buffer);
  });

  it('ends the connection for data beyond the window', () => {
    const connection = new TestConnection({ limits: { initialWindowBytes: 64 * KiB } });
    connection.openSftp().channel.pause();
    connection.receive(client.data(0, Buffer.alloc(32 * KiB)), client.data(0, Buffer.alloc(32 * KiB)));
    expect(() => connection.receive(client.data(0, Buffer.alloc(1)))).toThrow('exceeds the window');
  });

  it('takes an SFTP WRITE of 32 KiB in one packet', () => {
    const connection = new TestConnection();
    const { channel } = connection.openSftp();
    // Length, type, id, a handle of 256 bytes, offset, length of the data (draft-ietf-secsh-filexfer-02 section 6.4).
    const write = Buffer.alloc(4 + 1 + 4 + (4 + 256) + 8 + 4 + 32 * KiB);
    connection.receive(client.data(0, write));
    expect(channel.bytesReceived).toBe(write.byteLength);
  });

  it('ends the connection for data beyond the packet size', () => {
    const connection = new TestConnection();
    connection.openSftp();
    expect(() => connection.receive(client.data(0, Buffer.alloc(34 * KiB + 1)))).toThrow('packet size');
  });

  it('grants the window again when a quarter of it is consumed', () => {
    const connection = new TestConnection();
    const { received } = connection.openSftp();
    for (let packet = 0; packet < 15; packet++) connection.receive(client.data(0, Buffer.alloc(32 * KiB)));
    expect(connection.sender.take(Message.channelWindowAdjust)).toEqual([]);
    connection.receive(client.data(0, Buffer.alloc(32 * KiB)));
    expect(received).toHaveLength(16);
    const [adjust] = connection.sender.take(Message.channelWindowAdjust);
    expect([adjust?.readUInt32BE(1), adjust?.readUInt32BE(5)]).toEqual([100, 512 * KiB]);
  });

  it('grants nothing while the application is paused', async () => {
    const connection = new TestConnection();
    const { channel, received } = connection.openSftp();
    channel.pause();
    for (let packet = 0; packet < 64; packet++)
      connection.receive(client.data(0, Buffer.alloc(32 * KiB, packet)));
    expect(received).toEqual([]);
    expect(connection.sender.take(Message.channelWindowAdjust)).toEqual([]);
    channel.resume();
    expect(received.length).toBeLessThan(64);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    const sent = Array.from({ length: 64 }, (_, packet) => Buffer.alloc(32 * KiB, packet));
    expect(Buffer.concat(received).equals(Buffer.concat(sent))).toBe(true);
    expect(connection.slabs.heldCount).toBe(0);
    const granted = connection.sender
      .take(Message.channelWindowAdjust)
      .map((message) => message.readUInt32BE(5));
    expect(granted.reduce((sum, one) => sum + one)).toBe(2 * MiB);
  });

  it('holds data that arrives before the application starts', () => {
    const connection = new TestConnection({ startsChannels: false });
    const { channel } = connection.openSftp();
    connection.receive(client.data(0, Buffer.from('a')), client.data(0, Buffer.from('b')), client.eof(0));
    const events: string[] = [];
    channel.start({
      data: (chunk) => events.push(Buffer.from(chunk).toString()),
      ended: () => events.push('ended'),
      drained: () => undefined,
      closed: () => undefined,
    });
    expect(events).toEqual(['ab', 'ended']);
  });

  it('reports the end once, after the held data', () => {
    const connection = new TestConnection();
    const { channel, received, events } = connection.openSftp();
    channel.pause();
    connection.receive(client.data(0, Buffer.from('x')), client.eof(0), client.eof(0));
    expect([received, events]).toEqual([[], []]);
    channel.resume();
    expect([Buffer.concat(received).toString(), events]).toEqual(['x', ['ended']]);
  });

  it('ends the connection for data after EOF', () => {
    const connection = new TestConnection();
    connection.openSftp();
    connection.receive(client.eof(0));
    expect(() => connection.receive(client.data(0, Buffer.alloc(1)))).toThrow('after CHANNEL_EOF');
  });

  it('drops extended data, and grants its window again', () => {
    const connection = new TestConnection({ limits: { initialWindowBytes: 64 * KiB } });
    const { received } = connection.openSftp();
    for (let packet = 0; packet < 100; packet++) {
      connection.receive(client.extendedData(0, Buffer.alloc(16 * KiB)));
    }
    expect(received).toEqual([]);
    expect(connection.sender.take(Message.channelWindowAdjust)).toHaveLength(100);
  });

  it('closes in the middle of a delivery when the application ends the channel', () => {
    const connection = new TestConnection({ startsChannels: false });
    const { channel } = connection.openSftp();
    connection.receive(client.data(0, Buffer.alloc(8 * KiB)), client.data(0, Buffer.alloc(100 * 256)));
    let chunks = 0;
    channel.start({
      data: () => {
        chunks += 1;
        channel.end();
      },
      ended: () => undefined,
      drained: () => undefined,
      closed: () => undefined,
    });
    expect(chunks).toBe(1);
    expect(connection.slabs.heldCount).toBe(0);
  });
});

describe('HeldData', () => {
  it('returns the bytes in order and releases every buffer', () => {
    const chunk = fc.record({
      length: fc.integer({ min: 1, max: 70_000 }),
      isLent: fc.boolean(),
      takes: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 60 }), (chunks) => {
        const slabs = new CountingSlabs();
        const held = new HeldData(slabs);
        const pushed: Buffer[] = [];
        const taken: Buffer[] = [];
        const take = (view: Uint8Array) => taken.push(Buffer.from(view));
        for (const [index, { length, isLent, takes }] of chunks.entries()) {
          const bytes = isLent ? slabs.lend(length) : Buffer.alloc(length);
          bytes.fill(index + 1);
          pushed.push(Buffer.from(bytes));
          held.push(bytes);
          slabs.release(bytes);
          if (takes) held.shift(take);
        }
        while (held.byteLength > 0) held.shift(take);
        expect(Buffer.concat(taken).equals(Buffer.concat(pushed))).toBe(true);
        expect(slabs.heldCount).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps views of full buffers', () => {
    const slabs = new CountingSlabs();
    const held = new HeldData(slabs);
    const slab = slabs.lend(256 * KiB);
    for (let at = 0; at < slab.byteLength; at += 32 * KiB) held.push(slab.subarray(at, at + 32 * KiB));
    slabs.release(slab);
    expect(slabs.heldBytes).toBe(256 * KiB);
  });

  it('bounds the memory of a client that spreads few bytes over many buffers', () => {
    const slabs = new CountingSlabs();
    const held = new HeldData(slabs);
    for (let slabNumber = 0; slabNumber < 512; slabNumber++) {
      const slab = slabs.lend(256 * KiB);
      held.push(slab.subarray(0, 4 * KiB));
      slabs.release(slab);
    }
    expect(held.byteLength).toBe(2 * MiB);
    expect(slabs.heldBytes).toBeLessThanOrEqual(7 * MiB);
  });

  it('bounds the objects of a client that sends single bytes', () => {
    const slabs = new CountingSlabs();
    const held = new HeldData(slabs);
    for (let byte = 0; byte < 300_000; byte++) held.push(Buffer.of(byte));
    let chunks = 0;
    while (held.byteLength > 0) held.shift(() => (chunks += 1));
    expect(chunks).toBeLessThan(10);
  });
});
