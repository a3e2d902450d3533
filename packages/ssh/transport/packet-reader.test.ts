import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cipherAlgorithms } from '../algorithms/ciphers.js';
import { macAlgorithms } from '../algorithms/macs.js';
import { createOpener, createSealer, type ProtectionAlgorithms } from '../cipher/create.js';
import { DisconnectReason } from '../wire/disconnect-reasons.js';
import { ProtocolError } from '../wire/fault.js';
import { PacketReader } from './packet-reader.js';
import { PacketWriter } from './packet-writer.js';
import { ReusingSlabPool } from './slabs.js';

const protections: readonly (readonly [string, ProtectionAlgorithms])[] = cipherAlgorithms.flatMap((cipher) =>
  (cipher.tagBytes > 0 ? [null] : macAlgorithms).map(
    (mac) => [`${cipher.name} ${mac?.name ?? ''}`, { cipher, mac }] as const,
  ),
);

function keysFor({ cipher, mac }: ProtectionAlgorithms) {
  return {
    key: Buffer.alloc(cipher.keyBytes, 1),
    iv: Buffer.alloc(cipher.ivBytes, 2),
    macKey: Buffer.alloc(mac?.keyBytes ?? 0, 3),
  };
}

/** Returns the bytes that a writer makes of the payloads. */
function sealed(payloads: readonly Uint8Array[], algorithms: ProtectionAlgorithms | null): Buffer {
  const stream = new PassThrough({ highWaterMark: 1e9 });
  const unlimited = Number.MAX_SAFE_INTEGER;
  const writer = new PacketWriter({
    stream,
    maxUnwrittenBytes: unlimited,
    backlogHighBytes: unlimited,
    backlogLowBytes: unlimited,
    full: () => undefined,
    drained: () => undefined,
  });
  if (algorithms !== null) writer.setSealer(createSealer(algorithms, keysFor(algorithms)), false);
  for (const payload of payloads) writer.write([payload]);
  writer.close();
  const chunks: Buffer[] = [];
  // Node.js 26 returns one chunk for each call.
  for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function createReader(algorithms: ProtectionAlgorithms | null, packet: (payload: Buffer) => void) {
  const slabs = new ReusingSlabPool();
  const reader = new PacketReader({
    slabs,
    maxPayloadBytes: 256 * 1024,
    preface: (_, start) => start,
    packet,
  });
  if (algorithms !== null) reader.setOpener(createOpener(algorithms, keysFor(algorithms)), false);
  return { reader, slabs };
}

function thrownBy(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return null;
}

describe.each([['no cipher', null] as const, ...protections])('packets with %s', (_, algorithms) => {
  it('are read back from chunks of any size', () => {
    const lengths = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 70_000 })),
      {
        maxLength: 12,
      },
    );
    const chunks = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100_000 })), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(lengths, chunks, (payloadLengths, chunkLengths) => {
        const payloads = payloadLengths.map((length) => randomBytes(length));
        const bytes = sealed(payloads, algorithms);
        const received: Buffer[] = [];
        const { reader } = createReader(algorithms, (payload) => received.push(Buffer.from(payload)));
        for (let at = 0, turn = 0; at < bytes.byteLength; turn += 1) {
          const chunk = bytes.subarray(at, at + (chunkLengths[turn % chunkLengths.length] ?? 1));
          reader.copy(chunk);
          at += chunk.byteLength;
        }
        expect(received.length).toBe(payloads.length);
        expect(payloads.every((payload, index) => received[index]?.equals(payload))).toBe(true);
        reader.close();
      }),
      { numRuns: 30 },
    );
  });

  it('have lengths and paddings as RFC 4253 requires', () => {
    const blockBytes = algorithms?.cipher.blockBytes ?? 8;
    for (let length = 1; length < 70; length += 1) {
      const bytes = sealed([Buffer.alloc(length)], algorithms);
      const tagBytes =
        algorithms === null ? 0 : algorithms.cipher.tagBytes || (algorithms.mac?.keyBytes ?? 0);
      const padsLength = algorithms === null || algorithms.mac?.isEncryptThenMac === false;
      const padded = bytes.byteLength - tagBytes - (padsLength ? 0 : 4);
      expect(padded % blockBytes).toBe(0);
      const padding = padded - length - 1 - (padsLength ? 4 : 0);
      expect(padding).toBeGreaterThanOrEqual(4);
      expect(padding).toBeLessThan(4 + blockBytes);
    }
  });
});

describe('memory', () => {
  const [, algorithms] = protections[0] ?? ['', null];

  it('keeps retained payloads unchanged, and reuses the rest', () => {
    const payloads = Array.from({ length: 200 }, (_, index) => Buffer.alloc(32_768, index));
    const kept: Buffer[] = [];
    const { reader, slabs } = createReader(algorithms, (payload) => {
      const isLent = slabs.holders(payload) > 0;
      if (isLent) slabs.retain(payload);
      kept.push(isLent ? payload : Buffer.from(payload));
    });
    const bytes = sealed(payloads, algorithms);
    for (let at = 0; at < bytes.byteLength; at += 65_536) reader.copy(bytes.subarray(at, at + 65_536));
    expect(payloads.every((payload, index) => kept[index]?.equals(payload))).toBe(true);
    for (const payload of kept) slabs.release(payload);
    reader.close();
    expect(slabs.freeCount).toBeGreaterThan(10);
  });

  it('stays in one slab while nothing is retained', () => {
    const { reader, slabs } = createReader(algorithms, () => undefined);
    const bytes = sealed(
      Array.from({ length: 200 }, () => Buffer.alloc(32_768)),
      algorithms,
    );
    for (let at = 0; at < bytes.byteLength; at += 65_536) reader.copy(bytes.subarray(at, at + 65_536));
    reader.close();
    expect(slabs.freeCount).toBeLessThan(3);
  });

  it('returns its slab when little arrives', () => {
    const { reader, slabs } = createReader(algorithms, () => undefined);
    const bytes = sealed([Buffer.alloc(100_000), Buffer.alloc(10)], algorithms);
    reader.copy(bytes.subarray(0, -40));
    reader.copy(bytes.subarray(-40));
    expect(slabs.freeCount).toBeGreaterThan(0);
  });

  it('always has room for the next read, also when it is paused or closed', () => {
    const { reader } = createReader(algorithms, () => reader.pause());
    const bytes = sealed(
      Array.from({ length: 40 }, () => Buffer.alloc(30_000)),
      algorithms,
    );
    for (let at = 0; at < bytes.byteLength; at += 10_000) {
      reader.copy(bytes.subarray(at, at + 10_000));
      expect(reader.room().byteLength).toBeGreaterThan(0);
    }
    reader.close();
    expect(reader.room().byteLength).toBeGreaterThan(0);
  });
});

describe('packets that are not valid', () => {
  const invalid = (length: number, padding: number, size = 64) => {
    const bytes = Buffer.alloc(size);
    bytes.writeUInt32BE(length);
    bytes[4] = padding;
    return bytes;
  };

  it.each([
    ['a length that is not a multiple of the block', invalid(13, 4)],
    ['a length of 0', invalid(0, 0)],
    ['a length below the shortest packet', invalid(4, 0)],
    ['a length above the bound', invalid(300_004, 4)],
    ['the largest length', invalid(0xffff_fffc, 4)],
    ['padding below 4 bytes', invalid(12, 3)],
    ['padding beyond the packet', invalid(12, 12)],
    ['no payload', invalid(12, 11)],
  ])('with %s are refused', (_, bytes) => {
    const { reader } = createReader(null, () => expect.unreachable());
    expect(thrownBy(() => reader.copy(bytes))).toBeInstanceOf(ProtocolError);
  });

  it('with an authenticated cipher are refused for their MAC', () => {
    for (const [, algorithms] of protections) {
      const bytes = sealed([Buffer.alloc(100)], algorithms);
      bytes[bytes.byteLength - 1] = (bytes.at(-1) ?? 0) ^ 1;
      const { reader } = createReader(algorithms, () => expect.unreachable());
      expect(thrownBy(() => reader.copy(bytes))).toMatchObject({ reason: DisconnectReason.macError });
    }
  });

  it('are refused when one before them is missing, repeated or exchanged', () => {
    for (const [, algorithms] of protections) {
      const payloads = [1, 2, 3].map((index) => Buffer.alloc(100, index));
      const whole = sealed(payloads, algorithms);
      const size = whole.byteLength / 3;
      const packet = (index: number) => whole.subarray(index * size, (index + 1) * size);
      for (const order of [[1], [0, 0], [0, 2, 1]]) {
        const { reader } = createReader(algorithms, () => undefined);
        const bytes = Buffer.concat([...order.map(packet), Buffer.alloc(512 * 1024)]);
        expect(thrownBy(() => reader.copy(bytes))).toMatchObject({ reason: DisconnectReason.macError });
      }
    }
  });

  it('reveal nothing by a length if the MAC covers the plaintext', () => {
    const plainMac = protections.find(([, { mac }]) => mac?.isEncryptThenMac === false)?.[1] ?? null;
    const bytes = sealed([Buffer.alloc(100)], plainMac);
    bytes[0] = (bytes[0] ?? 0) ^ 0x80;
    const { reader } = createReader(plainMac, () => expect.unreachable());
    reader.copy(bytes);
    const rest = Buffer.alloc(4 + 1 + 256 * 1024 + 255 - bytes.byteLength - 1);
    reader.copy(rest);
    expect(thrownBy(() => reader.copy(Buffer.alloc(1)))).toMatchObject({
      reason: DisconnectReason.macError,
      message: 'packet is corrupt: its MAC does not match',
    });
  });
});
