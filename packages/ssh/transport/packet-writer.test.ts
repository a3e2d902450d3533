import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { PacketWriter } from './packet-writer.js';

const KiB = 1024;

/** A stream that takes nothing until `takeAll`. */
class StuckStream extends Writable {
  readonly taken: Buffer[] = [];
  readonly memories = new Set<ArrayBufferLike>();
  #waiting: (() => void)[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.memories.add(chunk.buffer);
    this.#waiting.push(() => {
      this.taken.push(Buffer.from(chunk));
      callback();
    });
  }

  async takeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      for (const take of this.#waiting.splice(0)) take();
      await new Promise((resolve) => process.nextTick(resolve));
    }
  }
}

function openWriter(stream: Writable): PacketWriter {
  return new PacketWriter({
    stream,
    maxUnwrittenBytes: 1024 * KiB,
    backlogHighBytes: 512 * KiB,
    backlogLowBytes: 128 * KiB,
    full: () => undefined,
    drained: () => undefined,
  });
}

describe('the packet writer', () => {
  it('keeps the small packets of many turns in one slab while the peer does not read', async () => {
    const stream = new StuckStream();
    const writer = openWriter(stream);
    for (let turn = 0; turn < 1000; turn++) {
      writer.write([Buffer.alloc(20, 1)]);
      writer.flush();
    }
    await stream.takeAll();
    expect(stream.taken).toHaveLength(1000);
    expect(stream.memories.size).toBe(1);
    expect(writer.unwrittenBytes).toBe(0);
  });

  it('does not write over bytes that the socket has not taken', async () => {
    const stream = new StuckStream();
    const writer = openWriter(stream);
    const sent: number[] = [];
    for (let turn = 0; turn < 60; turn++) {
      // The plain packets of before the first key exchange: a head of 5 bytes, then the payload.
      writer.write([Buffer.alloc(turn % 3 === 0 ? 100 : 30 * KiB, turn)]);
      sent.push(turn);
      if (turn % 2 === 0) writer.flush();
      if (turn === 30) await stream.takeAll();
    }
    writer.flush();
    await stream.takeAll();
    const bytes = Buffer.concat(stream.taken);
    const received: number[] = [];
    for (let at = 0; at < bytes.byteLength; at += 4 + bytes.readUInt32BE(at))
      received.push(bytes[at + 5] ?? -1);
    expect(received).toEqual(sent);
  });
});
