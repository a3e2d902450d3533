import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../transport/clock.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { Message } from '../wire/message-numbers.js';
import { client } from './testing/client-messages.js';
import { TestConnection } from './testing/test-connection.js';

describe('keep-alives', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('are sent after a silent interval, and end the connection when four of them have no answer', () => {
    const connection = new TestConnection({ limits: { keepAliveIntervalMs: 1000, maxMissedKeepAlives: 4 } });
    vi.advanceTimersByTime(4000);
    expect(connection.sender.take(Message.globalRequest)).toHaveLength(4);
    expect(connection.sender.disconnected).toBeNull();
    vi.advanceTimersByTime(1000);
    expect(connection.sender.disconnected?.reason).toBe(DisconnectReason.connectionLost);
    connection.layer.closed();
  });

  it.each([
    ['an answer', client.requestFailure()],
    ['any other message', client.global('keepalive@openssh.com', false)],
  ])('accept %s as an answer', (_, message) => {
    const connection = new TestConnection({ limits: { keepAliveIntervalMs: 1000, maxMissedKeepAlives: 2 } });
    for (let interval = 0; interval < 20; interval++) {
      vi.advanceTimersByTime(1000);
      connection.receive(message);
    }
    expect(connection.sender.disconnected).toBeNull();
    connection.layer.closed();
  });

  it('stop when the connection closes', () => {
    const connection = new TestConnection({ limits: { keepAliveIntervalMs: 1000 } });
    connection.layer.closed();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the round trip', () => {
  const upload = (connection: TestConnection, packets: number) => {
    for (let packet = 0; packet < packets; packet++)
      connection.receive(client.data(0, Buffer.alloc(32 * 1024)));
  };

  it('is measured once the client uploads, with one request at a time', () => {
    let now = 0;
    const connection = new TestConnection({ clock: { ...systemClock, nowMs: () => now } });
    connection.openSftp();
    upload(connection, 4);
    expect(connection.sender.take(Message.globalRequest)).toHaveLength(0);
    upload(connection, 100);
    expect(connection.sender.take(Message.globalRequest)).toHaveLength(1);
    now = 10_000;
    upload(connection, 100);
    expect(connection.sender.take(Message.globalRequest)).toHaveLength(0);
    connection.receive(client.requestFailure());
    upload(connection, 100);
    expect(connection.sender.take(Message.globalRequest)).toHaveLength(1);
  });

  it('ignores an answer to a request that was not sent', () => {
    const connection = new TestConnection();
    connection.receive(client.requestFailure(), client.requestFailure());
    expect(connection.sender.disconnected).toBeNull();
  });
});

describe('a client that does not read', () => {
  it.each([
    ['keep-alives', client.global('keepalive@openssh.com', true)],
    ['unknown channels', client.open(1, 0, 2 ** 15, 'nonsense')],
    ['channel requests', client.request(0, 'env', true)],
  ])('loses its connection when replies to %s pile up', (_, message) => {
    const connection = new TestConnection({ limits: { maxUnsentReplyBytes: 1000 } });
    connection.openSftp();
    connection.sender.isStuck = true;
    expect(() => {
      for (let count = 0; count < 2000; count++) connection.receive(message);
    }).toThrow('without reading the replies');
    expect(connection.sender.backlogBytes).toBeLessThan(3000);
  });
});
