import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryRequest } from '../../src/sftp/testing/arbitrary-request.js';
import { encodeRequest, packet } from '../../src/sftp/testing/encode-request.js';
import { type OpenedSession, openSession, path } from '../../src/sftp/testing/open-session.js';
import { openFlag, packetType } from '../../src/sftp/wire/constants.js';
import type { Request } from '../../src/sftp/wire/requests.js';
import { SeededRandom } from '../support/random.js';

const packets = 120_000;
const batchSize = 200;
/** An id that no fuzzed packet is likely to have. */
const goodId = 0x12345678;

const names = ['/', '/a', '/a/b', '/f', '/g', '/l', '/missing', '/a/../f', '~', 'räume', ''];

/** Creates almost valid packets: real requests with existing names and handles, which are then damaged. */
class PacketMaker {
  readonly #random: SeededRandom;
  readonly #requests: readonly Request[];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#requests = fc.sample(arbitraryRequest, { numRuns: 2000, seed: random.seed });
  }

  next(): Buffer {
    const kind = this.#random.next();
    if (kind < 0.1) return packet(this.#random.between(0, 255), Buffer.alloc(4, 7), this.#garbage(60));
    const good = encodeRequest(this.#plausible() as never);
    return kind < 0.4 ? good : this.#damaged(good);
  }

  /** Returns a request with existing names and handles. */
  #plausible(): Request {
    const request: Record<string, unknown> = { ...this.#random.pick(this.#requests) };
    for (const field of ['path', 'from', 'to', 'target', 'link']) {
      if (field in request) request[field] = path(this.#random.pick(names));
    }
    if (request['type'] === 'copy-data') Object.assign(request, { from: this.#handle(), to: this.#handle() });
    if ('handle' in request) request['handle'] = this.#handle();
    if ('offset' in request && this.#random.next() < 0.8) request['offset'] = this.#random.between(0, 5000);
    if ('flags' in request && this.#random.next() < 0.8) request['flags'] = this.#random.between(1, 63);
    return request as unknown as Request;
  }

  #handle(): Uint8Array {
    const handle = Buffer.alloc(8);
    handle.writeUInt32BE(this.#random.between(0, 60), 4);
    return handle;
  }

  #garbage(max: number): Buffer {
    return Buffer.from(
      Array.from({ length: this.#random.between(0, max) }, () => this.#random.between(0, 255)),
    );
  }

  /**
   * Damages a packet. Its framing stays valid in 999 of 1,000 cases, so that the decoder behind it is tested
   * too.
   */
  #damaged(good: Buffer): Buffer {
    let bytes = Buffer.from(good);
    const way = this.#random.between(0, 3);
    if (way === 0) bytes = bytes.subarray(0, this.#random.between(9, bytes.byteLength));
    if (way === 1) bytes = Buffer.concat([bytes, this.#garbage(30)]);
    for (let flips = this.#random.between(way === 2 ? 1 : 0, 6); flips > 0; flips--) {
      bytes[this.#random.between(4, bytes.byteLength - 1)] = this.#random.pick([
        0, 1, 0x7f, 0x80, 0xff, 47, 46,
      ]);
    }
    bytes.writeUInt32BE(bytes.byteLength - 4, 0);
    if (this.#random.next() < 0.001)
      bytes.writeUInt32BE(this.#random.pick([0, 4, 0xffffffff, 0x7fffffff]), 0);
    return bytes;
  }
}

async function freshSession(): Promise<OpenedSession> {
  const opened = await openSession({ maxHandlesPerSession: 40 });
  const { memory, client } = opened;
  memory.maxFileBytes = 100_000;
  memory.putDirectory('/a');
  memory.putFile('/f', 'x'.repeat(3000));
  memory.putFile('/a/b', 'y');
  for (let number = 0; number < 4; number++) {
    const flags = number % 2 === 0 ? openFlag.read : openFlag.write | openFlag.create;
    await client.ask({
      type: 'open',
      path: path(number % 2 === 0 ? '/f' : `/g${number}`),
      flags,
      attributes: {},
    });
  }
  return opened;
}

/**
 * Returns true if a valid request is still answered, false if the session was closed because of broken
 * framing.
 */
async function stillServes({ client, stream, session }: OpenedSession): Promise<boolean> {
  const good = encodeRequest({ type: 'realpath', id: goodId, path: path('/x/../good') });
  const answer = client.askRaw(good, goodId).then(({ type, body }) => {
    expect(type).toBe(packetType.name);
    expect(body.uint32()).toBe(1);
    expect(Buffer.from(body.string()).toString()).toBe('/good');
    return true;
  });
  const closed = session.done.then(() => {
    expect(stream.isClosed).toBe(true);
    return false;
  });
  return Promise.race([answer, closed]);
}

describe('fuzzed SFTP packets', () => {
  it(`neither crash the server nor hang a session: ${packets} packets`, async () => {
    const random = SeededRandom.fromEnvironment();
    console.log(`SFTPGW_TEST_SEED=${random.seed}`);
    const maker = new PacketMaker(random);
    let opened = await freshSession();
    const heldBefore = process.memoryUsage().rss;
    let sessions = 1;
    let answers = 0;
    for (let sent = 0; sent < packets; sent += batchSize) {
      const batch = Buffer.concat(Array.from({ length: batchSize }, () => maker.next()));
      const cut = random.between(0, batch.byteLength);
      opened.stream.feed(batch.subarray(0, cut));
      opened.stream.feed(batch.subarray(cut));
      if (!(await stillServes(opened))) {
        expect(opened.memory.openHandles).toBe(0);
        answers += opened.client.answered.length;
        opened = await freshSession();
        sessions += 1;
      }
      for (const { level, message, fields } of opened.lines.splice(0)) {
        if (level === 'error') throw new Error(`${message} ${String(fields['error'])}`);
      }
    }
    answers += opened.client.answered.length;
    opened.stream.close();
    await opened.session.done;
    expect(opened.memory.openHandles).toBe(0);
    console.log(`${answers} answers in ${sessions} sessions`);
    expect(answers).toBeGreaterThan(100_000);
    expect(sessions).toBeGreaterThan(1);
    expect(process.memoryUsage().rss - heldBefore).toBeLessThan(300 * 1024 * 1024);
  });
});
