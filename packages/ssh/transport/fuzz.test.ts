import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KexMarker, kexAlgorithms } from '../algorithms/kex-methods.js';
import { fullOffer, kexListsOf } from '../algorithms/negotiate.js';
import { buildKexInit } from '../kex/kexinit.js';
import { startClientKex } from '../testing/client-kex.js';
import { SshClient } from '../testing/ssh-client.js';
import { startTestServer } from '../testing/test-server.js';
import { Message } from '../wire/message-numbers.js';
import { WireWriter } from '../wire/writer.js';

/** `SSH_FUZZ_SEED` repeats a run, `SSH_FUZZ_ROUNDS` makes it longer. */
const seed = process.env['SSH_FUZZ_SEED'] ?? randomBytes(8).toString('hex');
const rounds = Number(process.env['SSH_FUZZ_ROUNDS'] ?? 300);

/** Random numbers that a seed repeats. */
class Dice {
  #counter = 0;
  #bytes = Buffer.alloc(0);
  readonly #seed: string;

  constructor(seedOfRun: string) {
    this.#seed = seedOfRun;
  }

  below(bound: number): number {
    if (this.#bytes.byteLength < 4) {
      this.#bytes = createHash('sha512').update(`${this.#seed}:${this.#counter}`).digest();
      this.#counter += 1;
    }
    const value = this.#bytes.readUInt32BE();
    this.#bytes = this.#bytes.subarray(4);
    return value % bound;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  mutate(bytes: Buffer): Buffer {
    const mutated = Buffer.from(bytes);
    for (let count = 1 + this.below(4); count > 0; count -= 1) {
      const at = this.below(Math.max(1, mutated.byteLength));
      const kind = this.below(5);
      if (kind === 0) mutated[at] = this.below(256);
      else if (kind === 1) mutated[at] = (mutated[at] ?? 0) ^ (1 << this.below(8));
      else if (kind === 2) mutated.subarray(at, at + this.below(8)).fill(this.below(2) * 255);
      else if (kind === 3)
        return Buffer.concat([mutated.subarray(0, at), this.bytes(this.below(20)), mutated.subarray(at)]);
      else return mutated.subarray(0, at + 1);
    }
    return mutated;
  }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const faults: unknown[] = [];
const log = {
  debug: () => undefined,
  info: () => undefined,
  // An error that is not the peer's is a fault of ours.
  warn: (fields: Readonly<Record<string, unknown>>) => faults.push(fields),
};

function openings(): readonly Buffer[] {
  return kexAlgorithms.map((algorithm) => startClientKex(algorithm).opening);
}

describe(`mutated messages (seed ${seed})`, () => {
  it('as raw bytes never make the server fail', async () => {
    const dice = new Dice(`${seed}:raw`);
    for (let round = 0; round < rounds; round += 1) {
      const { clientStream, events } = startTestServer({ log, limits: { closeTimeoutMs: 1 } });
      clientStream.on('error', () => undefined).resume();
      const valid = Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), dice.bytes(dice.below(400))]);
      clientStream.write(dice.below(2) === 0 ? valid : dice.mutate(valid));
      await nextTurn();
      await nextTurn();
      clientStream.destroy();
      await nextTurn();
      expect(events.filter(({ kind }) => kind === 'closed').length).toBeLessThan(2);
    }
    expect(faults).toEqual([]);
  });

  it('before the login never make the server fail', async () => {
    const dice = new Dice(`${seed}:before`);
    const methods = openings();
    for (let round = 0; round < rounds; round += 1) {
      const { clientStream, events } = startTestServer({ log, limits: { closeTimeoutMs: 1 } });
      const mutatesInit = dice.below(2) === 0;
      const client = new SshClient({ stream: clientStream, waitsForKexInit: mutatesInit });
      client.exchanged().catch(() => undefined);
      if (mutatesInit) client.send(dice.mutate(kexInitOfClient()));
      else client.send(dice.mutate(methods[dice.below(methods.length)] ?? Buffer.alloc(1)));
      for (let turn = 0; turn < 4; turn += 1) await nextTurn();
      client.destroy();
      await nextTurn();
      expect(events.filter(({ kind }) => kind === 'closed').length).toBeLessThan(2);
    }
    expect(faults).toEqual([]);
  });

  it('after the handshake never make the server fail', async () => {
    const dice = new Dice(`${seed}:after`);
    const messages = [
      new WireWriter().u8(Message.serviceRequest).string('ssh-userauth').finish(),
      new WireWriter().u8(Message.extInfo).u32(1).string('name').string('value').finish(),
      new WireWriter().u8(Message.ping).string('ping').finish(),
      new WireWriter().u8(Message.disconnect).u32(2).string('text').string('').finish(),
      new WireWriter().u8(Message.debug).boolean(true).string('text').string('').finish(),
      kexInitOfClient(),
      ...openings(),
      Buffer.from([Message.newKeys]),
    ];
    for (let round = 0; round < rounds / 10; round += 1) {
      const { clientStream, events } = startTestServer({ log, logsIn: true, limits: { closeTimeoutMs: 1 } });
      const client = await SshClient.connect({ stream: clientStream });
      if (dice.below(3) > 0) await client.requestService();
      for (let count = 0; count < 20; count += 1) {
        client.send(dice.mutate(messages[dice.below(messages.length)] ?? Buffer.alloc(1)));
      }
      for (let turn = 0; turn < 4; turn += 1) await nextTurn();
      client.destroy();
      await nextTurn();
      expect(events.filter(({ kind }) => kind === 'closed').length).toBeLessThan(2);
    }
    expect(faults).toEqual([]);
  });

  it('under the cipher end the connection with a MAC error', async () => {
    const dice = new Dice(`${seed}:cipher`);
    for (let round = 0; round < rounds / 10; round += 1) {
      const { clientStream, events } = startTestServer({ log, limits: { closeTimeoutMs: 1 } });
      const client = await SshClient.connect({ stream: clientStream });
      client.sendRaw(dice.bytes(64 + dice.below(1000)));
      for (let turn = 0; turn < 4; turn += 1) await nextTurn();
      const closed = events.find((event) => event.kind === 'closed');
      const isWaiting = closed === undefined;
      expect(isWaiting || closed.cause.by === 'server').toBe(true);
      client.destroy();
      await nextTurn();
    }
    expect(faults).toEqual([]);
  });
});

function kexInitOfClient(): Buffer {
  return buildKexInit(kexListsOf(fullOffer(['ssh-ed25519', 'ssh-rsa']), [KexMarker.strictClient]));
}
