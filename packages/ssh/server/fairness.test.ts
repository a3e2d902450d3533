import { describe, expect, it } from 'vitest';
import { client as messages } from '../connection/testing/client-messages.js';
import { Message } from '../wire/message-numbers.js';
import { EchoApplication } from './testing/echo-application.js';
import { openSftp, TestSshServer } from './testing/test-ssh-server.js';

const KiB = 1024;
const downloadBytes = 1024 * KiB;

describe('100 sessions that transfer', () => {
  it('finish equal downloads at about the same time', async () => {
    const application = new EchoApplication();
    const limits = { server: { maxSessionsPerUser: 1000, maxUnauthenticatedPerSource: 1000 } };
    const test = new TestSshServer({ limits }, application);
    const clients = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const client = await test.logIn({ address: `192.0.2.${index}`, port: 1 });
        await openSftp(client, 0, 2 * downloadBytes);
        return client;
      }),
    );
    const sessions = [...application.sessions];
    for (const { channel } of sessions) channel.write([Buffer.alloc(downloadBytes)]);
    let sentAtFirstEnd: readonly number[] | null = null;
    await Promise.all(
      clients.map(async (client) => {
        let received = 0;
        while (received < downloadBytes) received += (await client.next(Message.channelData)).byteLength - 9;
        sentAtFirstEnd ??= sessions.map(({ channel }) => channel.bytesSent);
      }),
    );
    // The slowest takes at most twice as long as the fastest.
    expect(Math.min(...(sentAtFirstEnd ?? [0]))).toBeGreaterThanOrEqual(downloadBytes / 2);
  });

  it('leave turns to a session with small requests', async () => {
    const application = new EchoApplication(1024 * 1024 * KiB);
    const test = new TestSshServer({}, application);
    const large = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const client = await test.logIn({ address: `192.0.2.${index}`, port: 1 });
        await openSftp(client, 0, 2 ** 31);
        return client;
      }),
    );
    const sessions = [...application.sessions];
    const small = await test.logIn({ address: '192.0.2.200', port: 1 });
    const number = await openSftp(small);
    for (const { channel } of sessions) channel.write([Buffer.alloc(16 * 1024 * KiB)]);
    small.send(messages.data(number, Buffer.from('x')));
    await small.next(Message.channelData);
    const sent = sessions.reduce((sum, { channel }) => sum + channel.bytesSent, 0);
    expect(sent).toBeLessThan(32 * 1024 * KiB);
    for (const client of large) client.destroy();
  });
});
