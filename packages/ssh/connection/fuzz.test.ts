import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../wire/fault.js';
import { WireWriter } from '../wire/writer.js';
import { client } from './testing/client-messages.js';
import { nextTurn, TestConnection } from './testing/test-connection.js';

const number = fc.oneof(fc.nat(3), fc.constantFrom(0xffff_ffff, 0x8000_0000));
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const name = fc.constantFrom('sftp', 'scp -t a', 'ls', 'pty-req', 'env', 'shell', '', 'x'.repeat(300));

/** Messages of a client, most of them legal. */
const message = fc.oneof(
  fc
    .tuple(
      number,
      fc.constantFrom(0, 1024, 2 ** 21, 2 ** 32 - 1),
      fc.constantFrom(0, 1024, 2 ** 15, 2 ** 32 - 1),
    )
    .map(([peer, window, packet]) => client.open(peer, window, packet)),
  fc.tuple(number, name).map(([channel, subsystem]) => client.subsystem(channel, subsystem)),
  fc.tuple(number, name).map(([channel, command]) => client.exec(channel, command)),
  fc
    .tuple(number, name, fc.boolean(), bytes)
    .map(([channel, type, wantsReply, data]) => client.request(channel, type, wantsReply, data)),
  fc.tuple(number, bytes).map(([channel, data]) => client.data(channel, data)),
  fc.tuple(number, bytes).map(([channel, data]) => client.extendedData(channel, data)),
  fc.tuple(number, number).map(([channel, window]) => client.windowAdjust(channel, window)),
  number.map((channel) => client.eof(channel)),
  number.map((channel) => client.close(channel)),
  fc
    .tuple(name, fc.boolean(), bytes)
    .map(([type, wantsReply, data]) => client.global(type, wantsReply, data)),
  fc.constant(client.requestFailure()),
);

const mutation = fc.record({
  at: fc.nat(400),
  value: fc.nat(255),
  cut: fc.option(fc.nat(400), { freq: 10 }),
});

function mutate(
  original: Buffer,
  mutations: readonly { at: number; value: number; cut: number | null }[],
): Buffer {
  const changed = Buffer.from(original);
  let { length } = changed;
  for (const { at, value, cut } of mutations) {
    changed[at % changed.length] = value;
    if (cut !== null) length = Math.min(length, Math.max(1, cut));
  }
  return changed.subarray(0, length);
}

describe('any messages of a client', () => {
  it('are answered or end the connection, keep every bound, and leave nothing behind', async () => {
    const step = fc.record({
      message,
      mutations: fc.array(mutation, { maxLength: 2 }),
      acts: fc.constantFrom('no', 'no', 'pause', 'resume', 'write', 'end', 'turn'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 150 }), async (steps) => {
        const connection = new TestConnection({ limits: { maxChannels: 3 } });
        for (const { message, mutations, acts } of steps) {
          try {
            connection.receive(mutate(message, mutations));
          } catch (error) {
            // The transport ends the connection. Here it continues, as the worst case.
            if (!(error instanceof ProtocolError)) throw error;
          }
          const channel = connection.sessions.at(-1)?.channel;
          if (acts === 'turn') await nextTurn();
          else if (acts === 'pause') channel?.pause();
          else if (acts === 'resume') channel?.resume();
          else if (acts === 'end') channel?.end();
          else if (acts === 'write') channel?.write([connection.slabs.lend(100)]);
          expect(connection.layer.channelCount).toBeLessThanOrEqual(3);
          expect(connection.budget.reservedBytes).toBeLessThanOrEqual(3 * 16 * 2 ** 20);
        }
        connection.layer.closed();
        await nextTurn();
        expect(connection.slabs.heldCount).toBe(0);
        expect(connection.budget.reservedBytes).toBe(0);
        expect(connection.layer.channelCount).toBe(0);
      }),
      { numRuns: Number(process.env['SFTPGW_FUZZ_RUNS'] ?? 300) },
    );
  });

  it('are refused if they are short', () => {
    for (let type = 80; type <= 127; type++) {
      for (let length = 1; length < 14; length++) {
        const connection = new TestConnection();
        connection.openSftp();
        const short = Buffer.concat([Buffer.of(type), Buffer.alloc(length - 1)]);
        try {
          connection.receive(short);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
    }
  });

  it('are refused if a name is not printable', () => {
    const request = new WireWriter().string('sf\0tp').finish();
    const connection = new TestConnection();
    connection.receive(client.open(1));
    expect(() =>
      connection.receive(Buffer.concat([client.eof(0).fill(98, 0, 1), request, Buffer.of(1)])),
    ).toThrow('printable');
  });
});
