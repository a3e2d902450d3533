import { describe, expect, it } from 'vitest';
import { Message } from '../wire/message-numbers.js';
import { WireReader } from '../wire/reader.js';
import { client } from './testing/client-messages.js';
import { nextTurn, TestConnection } from './testing/test-connection.js';

function failureOf(message: Buffer | undefined): { peer: number; reason: number; text: string } {
  const reader = new WireReader(message ?? Buffer.alloc(0), 1);
  return { peer: reader.u32(), reason: reader.u32(), text: reader.text() };
}

describe('CHANNEL_OPEN', () => {
  it('opens a session with the initial window and the packet size', () => {
    const connection = new TestConnection();
    connection.receive(client.open(42));
    const [reply] = connection.sender.take(Message.channelOpenConfirmation);
    const reader = new WireReader(reply ?? Buffer.alloc(0), 1);
    expect([reader.u32(), reader.u32(), reader.u32(), reader.u32()]).toEqual([42, 0, 2 ** 21, 34 * 1024]);
  });

  it.each([
    ['direct-tcpip', 1],
    ['x11', 1],
    ['auth-agent@openssh.com', 1],
    ['direct-streamlocal@openssh.com', 1],
    ['something@example.com', 3],
  ])('refuses a channel of type %s with reason %i', (type, reason) => {
    const connection = new TestConnection();
    connection.receive(client.open(9, 2 ** 21, 2 ** 15, type));
    expect(failureOf(connection.sender.take(Message.channelOpenFailure)[0])).toMatchObject({
      peer: 9,
      reason,
    });
    expect(connection.layer.channelCount).toBe(0);
  });

  it.each([0, 1, 512, 1023])('refuses a maximum packet size of %i bytes', (packetBytes) => {
    const connection = new TestConnection();
    connection.receive(client.open(3, 2 ** 21, packetBytes));
    const failure = failureOf(connection.sender.take(Message.channelOpenFailure)[0]);
    expect(failure.reason).toBe(1);
    expect(failure.text).toBe(`maximum packet size of ${packetBytes} bytes, expected at least 1024`);
    expect(connection.budget.reservedBytes).toBe(0);
  });

  it('refuses channels above the maximum, and opens one after another closed', async () => {
    const connection = new TestConnection({ limits: { maxChannels: 2 } });
    connection.receive(client.open(1), client.open(2), client.open(3));
    expect(connection.sender.take(Message.channelOpenFailure).map((m) => failureOf(m).reason)).toEqual([4]);
    connection.receive(client.close(0));
    connection.receive(client.open(4));
    expect(connection.sender.take(Message.channelOpenConfirmation)).toHaveLength(1);
  });

  it('ends the connection for a session after no-more-sessions@openssh.com', () => {
    const connection = new TestConnection();
    connection.receive(client.global('no-more-sessions@openssh.com', false));
    expect(() => connection.receive(client.open(1))).toThrow('no-more-sessions');
  });

  it('shrinks new windows when the budget of the server is short, and refuses no channel', () => {
    const limits = { maxWindowTotalBytes: 64 * 2 ** 20, minWindowBytes: 2 ** 15, maxChannels: 1000 };
    const connection = new TestConnection({ limits });
    for (let peer = 0; peer < 1000; peer++) connection.receive(client.open(peer));
    const windows = connection.sender
      .take(Message.channelOpenConfirmation)
      .map((message) => message.readUInt32BE(9));
    expect(windows).toHaveLength(1000);
    expect(windows[0]).toBe(2 ** 18);
    expect(windows.at(-1)).toBe(2 ** 15);
    expect(windows).toEqual(windows.toSorted((a, b) => b - a));
    expect(connection.budget.reservedBytes).toBeLessThanOrEqual(64 * 2 ** 20 + 1000 * 2 ** 15);
  });
});

describe('CHANNEL_CLOSE', () => {
  it('answers with CLOSE and notifies the application', () => {
    const connection = new TestConnection();
    const session = connection.openSftp();
    connection.receive(client.close(0));
    expect(connection.sender.take(Message.channelClose)).toHaveLength(1);
    expect(session.events).toEqual(['closed']);
    expect(connection.budget.reservedBytes).toBe(0);
  });

  it('ends the connection when it arrives a second time', () => {
    const connection = new TestConnection();
    connection.openSftp();
    connection.receive(client.close(0));
    expect(() => connection.receive(client.close(0))).toThrow('channel that does not exist');
  });

  it('counts channels by object: 300 CLOSEs never make room for more channels', () => {
    const connection = new TestConnection({ limits: { maxChannels: 3 } });
    connection.openSftp(0);
    connection.openSftp(1);
    connection.receive(client.open(9));
    connection.receive(client.close(2));
    for (let attempt = 0; attempt < 300; attempt++) {
      expect(() => connection.receive(client.close(2))).toThrow();
    }
    connection.receive(client.open(10), client.open(11));
    expect(connection.sender.take(Message.channelOpenFailure)).toHaveLength(1);
    expect(connection.layer.channelCount).toBe(3);
  });

  it('counts a channel until the application has ended its session', async () => {
    const connection = new TestConnection({ limits: { maxChannels: 1 }, startsChannels: false });
    const session = connection.openSftp();
    connection.receive(client.close(0), client.open(7));
    expect(connection.sender.take(Message.channelOpenFailure)).toHaveLength(1);
    session.finish();
    await nextTurn();
    connection.receive(client.open(8));
    expect(connection.sender.take(Message.channelOpenConfirmation)).toHaveLength(1);
  });

  it('keeps a channel number until both sides have closed', () => {
    const connection = new TestConnection();
    const session = connection.openSftp();
    session.channel.end();
    connection.receive(client.open(1));
    const [first] = connection.sender.take(Message.channelOpenConfirmation);
    expect(first?.readUInt32BE(5)).toBe(1);
    connection.receive(client.close(0), client.open(2));
    const [second] = connection.sender.take(Message.channelOpenConfirmation);
    expect(second?.readUInt32BE(5)).toBe(0);
  });

  it('drops data that was in flight when this side closed', () => {
    const connection = new TestConnection();
    const session = connection.openSftp();
    session.channel.end();
    connection.receive(client.data(0, Buffer.alloc(100)), client.eof(0), client.close(0));
    expect(session.received).toEqual([]);
  });
});

describe('messages for channels', () => {
  it.each([
    ['data', client.data(5, Buffer.alloc(3))],
    ['a request', client.subsystem(5)],
    ['a window adjust', client.windowAdjust(5, 1)],
    ['EOF', client.eof(0xffff_ffff)],
  ])('ends the connection for %s on a channel that does not exist', (_, message) => {
    expect(() => new TestConnection().receive(message)).toThrow('channel that does not exist');
  });

  it.each([
    ['cut', (message: Buffer) => message.subarray(0, message.length - 1)],
    ['too long', (message: Buffer) => Buffer.concat([message, Buffer.alloc(1)])],
  ])('refuses a %s CHANNEL_DATA', (_, change) => {
    const connection = new TestConnection();
    connection.openSftp();
    expect(() => connection.receive(change(client.data(0, Buffer.alloc(20))))).toThrow('wrong length');
  });

  it.each([Message.channelOpenConfirmation, Message.channelOpenFailure, Message.pong, 127])(
    'refuses message %i, which no client may send',
    (type) => {
      expect(() => new TestConnection().receive(Buffer.from([type, 0, 0, 0, 0]))).toThrow('illegal');
    },
  );

  it('refuses a window above 2^32-1', () => {
    const connection = new TestConnection();
    connection.openSftp();
    expect(() => connection.receive(client.windowAdjust(0, 0xffff_ffff))).toThrow('exceeds 2^32-1');
  });

  it('frees everything when the connection closes', () => {
    const connection = new TestConnection();
    const session = connection.openSftp();
    session.channel.pause();
    connection.receive(client.data(0, Buffer.alloc(5000)));
    session.channel.write([connection.slabs.lend(100)]);
    connection.layer.closed();
    expect(session.events).toEqual(['closed']);
    expect(connection.slabs.heldCount).toBe(0);
    expect(connection.budget.reservedBytes).toBe(0);
  });
});
