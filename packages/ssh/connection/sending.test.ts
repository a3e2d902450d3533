import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultTransportLimits } from '../transport/limits.js';
import { Message } from '../wire/message-numbers.js';
import { defaultConnectionLimits } from './limits.js';
import { PieceQueue } from './piece-queue.js';
import { SendTurns } from './send-turns.js';
import { client } from './testing/client-messages.js';
import { CountingSlabs } from './testing/counting-slabs.js';
import { afterCallback, nextTurn, TestConnection } from './testing/test-connection.js';
import { UnsentMemory } from './unsent-memory.js';

const KiB = 1024;

function bytes(length: number, seed = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31 + seed) % 251));
}

describe('sending channel data', () => {
  it('joins the small writes of one turn into one packet', async () => {
    const connection = new TestConnection();
    const { channel } = connection.openSftp();
    for (let write = 0; write < 60; write++) channel.write([bytes(17, write), bytes(13, write)]);
    expect(connection.sender.sent).toEqual([]);
    await nextTurn();
    expect(connection.sender.sent).toHaveLength(1);
    const expected = Array.from({ length: 60 }, (_, seed) => [bytes(17, seed), bytes(13, seed)]).flat();
    expect(connection.takeData()).toEqual(Buffer.concat(expected));
    expect(channel.bytesSent).toBe(1800);
  });

  it('cuts data at the packet size of the client, at most at its own', async () => {
    const connection = new TestConnection();
    connection.openSftp(0, 2 ** 21, 1024).channel.write([bytes(3000)]);
    connection.openSftp(1, 2 ** 21, 2 ** 31).channel.write([bytes(70_000)]);
    await nextTurn();
    const lengths = connection.sender.take(Message.channelData).map((message) => message.byteLength - 9);
    expect(lengths.toSorted((a, b) => a - b)).toEqual([952, 1024, 1024, 4464, 32_768, 32_768]);
  });

  it('sends no more than the window, and the rest when the window opens', async () => {
    const connection = new TestConnection();
    const { channel } = connection.openSftp(0, 1000);
    channel.write([bytes(2500)]);
    await nextTurn();
    expect(connection.takeData()).toEqual(bytes(2500).subarray(0, 1000));
    expect(channel.backlogBytes).toBe(1500);
    connection.receive(client.windowAdjust(0, 700), client.windowAdjust(0, 800));
    await nextTurn();
    expect(connection.takeData()).toEqual(bytes(2500).subarray(1000));
    expect(channel.backlogBytes).toBe(0);
  });

  it('releases each piece once, when it is sent or when the channel closes', async () => {
    const connection = new TestConnection();
    const { channel } = connection.openSftp(0, 150);
    const pieces = [connection.slabs.lend(100), connection.slabs.lend(100), connection.slabs.lend(0)];
    channel.write(pieces);
    await nextTurn();
    expect(connection.slabs.heldCount).toBe(1);
    connection.receive(client.close(0));
    expect(connection.slabs.heldCount).toBe(0);
    channel.write([connection.slabs.lend(10)]);
    expect(connection.slabs.heldCount).toBe(0);
  });

  it('sends queued data before the exit status, EOF and CLOSE', async () => {
    const connection = new TestConnection();
    const { channel, events } = connection.openSftp(0, 10);
    channel.write([bytes(30)]);
    channel.exit(0);
    channel.end();
    channel.write([bytes(5)]);
    await nextTurn();
    expect(connection.sender.take().map((message) => message[0])).toEqual([Message.channelData]);
    connection.receive(client.windowAdjust(0, 100));
    await nextTurn();
    const { channelData, channelRequest, channelEof, channelClose } = Message;
    expect(connection.sender.take().map((message) => message[0])).toEqual([
      channelData,
      channelRequest,
      channelEof,
      channelClose,
    ]);
    expect(events).toContain('closed');
  });

  it('pauses while the transport has a backlog, and resumes when it is drained', async () => {
    const connection = new TestConnection({ limits: { maxBacklogBytes: 100 * KiB } });
    const { channel, events } = connection.openSftp();
    connection.sender.isStuck = true;
    channel.write([bytes(1000 * KiB)]);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    const first = connection.takeData();
    expect(first.byteLength).toBe(128 * KiB);
    expect(channel.backlogBytes).toBeGreaterThan(1000 * KiB);
    connection.sender.isStuck = false;
    connection.sender.backlogBytes = 0;
    connection.layer.drained();
    expect(events).toContain('drained');
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect(Buffer.concat([first, connection.takeData()]).equals(bytes(1000 * KiB))).toBe(true);
  });

  it('reports drained when half of the backlog that the application saw is sent', async () => {
    const connection = new TestConnection();
    const { channel, events } = connection.openSftp(0, 0);
    channel.write([bytes(1000)]);
    expect(channel.backlogBytes).toBe(1000);
    connection.receive(client.windowAdjust(0, 400));
    await nextTurn();
    expect(events).toEqual([]);
    connection.receive(client.windowAdjust(0, 100));
    await nextTurn();
    expect(events).toEqual(['drained']);
  });

  it('sends nothing on stderr while data waits or the window is full', () => {
    const connection = new TestConnection();
    const { channel } = connection.openSftp(0, 3);
    channel.writeStderr('four');
    channel.write([bytes(1)]);
    channel.writeStderr('x');
    expect(connection.sender.take(Message.channelExtendedData)).toEqual([]);
  });
});

describe('the turn of the event loop', () => {
  it('is shared by the channels of a connection', async () => {
    const connection = new TestConnection();
    const sessions = [connection.openSftp(0), connection.openSftp(1), connection.openSftp(2)];
    for (const { channel } of sessions) channel.write([bytes(1000 * KiB)]);
    await afterCallback();
    const sent = sessions.map(({ channel }) => channel.bytesSent);
    expect(Math.min(...sent)).toBeGreaterThan(0);
    expect(sent.reduce((sum, one) => sum + one)).toBeLessThanOrEqual(256 * KiB + 64 * KiB);
  });

  it('is shared by the connections of a server', async () => {
    const turns = new SendTurns({ maxTurnBytes: 200 * KiB, maxTurnShareBytes: 64 * KiB });
    const limits = { maxTurnShareBytes: 64 * KiB };
    const connections = Array.from({ length: 10 }, () => new TestConnection({ turns, limits }));
    const sessions = connections.map((connection) => connection.openSftp());
    for (const { channel } of sessions) channel.write([bytes(500 * KiB)]);
    const sums: number[] = [];
    for (let turn = 0; turn < 12; turn++) {
      await (turn === 0 ? afterCallback() : nextTurn());
      const sent = sessions.map(({ channel }) => channel.bytesSent);
      sums.push(sent.reduce((sum, one) => sum + one));
      if (turn === 11) expect(Math.max(...sent)).toBeLessThanOrEqual(2 * Math.min(...sent));
    }
    for (const [turn, sum] of sums.entries()) {
      expect(sum - (sums[turn - 1] ?? 0)).toBeLessThanOrEqual(200 * KiB + 32 * KiB);
    }
  });

  it('ends early for packets of 1 KiB: 4 MiB of answers do not hold the event loop', async () => {
    const connection = new TestConnection();
    const { channel } = connection.openSftp(0, 2 ** 31, 1024);
    for (let read = 0; read < 16; read++) channel.write([bytes(255 * KiB)]);
    await afterCallback();
    expect(connection.sender.sent.length).toBeLessThan(100);
    expect(connection.sender.sent.length).toBeGreaterThan(50);
  });
});

describe('PieceQueue', () => {
  it('returns the bytes in order, in any cut, and releases every piece', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 200 });
    fc.assert(
      fc.property(lengths, fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1 }), (pieces, cuts) => {
        const slabs = new CountingSlabs();
        const memory = new UnsentMemory(1000);
        const queue = new PieceQueue(slabs, memory);
        const written: Buffer[] = [];
        const sent: Buffer[] = [];
        const head = Buffer.of(94);
        const sender = {
          send: (first: Uint8Array, ...views: Uint8Array[]) => {
            expect(first).toBe(head);
            sent.push(Buffer.concat(views));
          },
        };
        for (const [index, length] of pieces.entries()) {
          const piece = slabs.lend(length);
          piece.fill(index);
          written.push(Buffer.from(piece));
          queue.push([piece]);
          const cut = Math.min(cuts[index % cuts.length] ?? 1, queue.byteLength);
          if (index % 3 === 0) queue.take(cut, head, sender);
        }
        queue.take(queue.byteLength, head, sender);
        expect(Buffer.concat(sent)).toEqual(Buffer.concat(written));
        expect([slabs.heldCount, memory.bytes]).toEqual([0, 0]);
      }),
    );
  });
});

describe('bytes that wait on all channels', () => {
  it('count increasingly more above half of their bound', () => {
    const memory = new UnsentMemory(1000);
    const weights = [500, 250, 125, 1000].map((bytes) => {
      memory.add(bytes);
      return memory.weight;
    });
    expect(weights).toEqual([1, 2, 4, 64]);
  });

  it('make a channel report a larger backlog than it has', () => {
    const connection = new TestConnection({ limits: { maxUnsentTotalBytes: 1000 } });
    const [{ channel }, stalled] = [connection.openSftp(0, 0), connection.openSftp(1, 0)];
    channel.write([bytes(10)]);
    expect(channel.backlogBytes).toBe(10);
    stalled.channel.write([bytes(990)]);
    expect(channel.backlogBytes).toBe(640);
    connection.receive(client.close(1));
    expect(channel.backlogBytes).toBe(10);
  });
});

describe('limits', () => {
  it('make channels wait only above the high mark of the transport, which then reports that it is drained', () => {
    expect(defaultConnectionLimits.maxBacklogBytes).toBeGreaterThanOrEqual(
      defaultTransportLimits.backlogHighBytes,
    );
  });
});
