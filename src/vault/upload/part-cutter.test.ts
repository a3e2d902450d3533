import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { Fault } from '../../model/fault.js';
import type { ReplayableBody } from '../../model/object-store.js';
import { defaultVaultLimits } from '../limits.js';
import { content, mebibyte, quickClock, seededEntropy } from '../testing/vault-world.js';
import { PartCutter } from './part-cutter.js';
import type { PartSchedule } from './part-schedule.js';
import type { PartSender } from './part-sender.js';
import { ScratchSpace } from './scratch-file.js';
import { UploadBuffer } from './upload-buffer.js';
import { blockBytes, UploadMemory } from './upload-memory.js';

const directory = mkdtempSync(join(tmpdir(), 'part-cutter-'));
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const bytes = content(40 * mebibyte);

/** A sender that keeps what it is given, and whose parts arrive when the test lets them. */
class FakeSender {
  nextPart = 1;
  readonly bodies: ReplayableBody[] = [];
  readonly received: Buffer[] = [];
  readonly #open: (() => Promise<void>)[] = [];
  slowBytes: number | null = null;

  get inFlight(): number {
    return this.#open.length;
  }

  get sizes(): readonly number[] {
    return this.bodies.map(({ byteLength }) => byteLength);
  }

  partBytes(planned: number): number {
    return this.slowBytes ?? planned;
  }

  send(body: ReplayableBody, sent: () => void | Promise<void>): void {
    const index = this.bodies.push(body) - 1;
    this.nextPart += 1;
    this.#open.push(async () => {
      const chunks: Uint8Array[] = [];
      // A body stays valid only until it was sent.
      for await (const chunk of 'chunks' in body ? body.chunks : body.stream()) chunks.push(chunk);
      this.received[index] = Buffer.concat(chunks);
      await sent();
    });
  }

  async arrive(): Promise<void> {
    await this.#open.shift()?.();
  }

  async partSettled(): Promise<void> {
    await this.arrive();
  }
}

interface Setting {
  readonly sizes?: readonly number[];
  readonly memoryPartBytes?: number;
  readonly parallelParts?: number;
  readonly scratchBytes?: number;
  readonly check?: () => void;
}

function setUp({
  sizes = [8 * mebibyte],
  memoryPartBytes = 8 * mebibyte,
  parallelParts = 2,
  scratchBytes = 64 * mebibyte,
  check = () => undefined,
}: Setting = {}) {
  const memory = new UploadMemory({ totalBytes: 64 * mebibyte, admissionTimeoutMs: 1, clock: quickClock });
  const share = memory.openShare();
  const buffer = new UploadBuffer(share, 'crc32c');
  const sender = new FakeSender();
  const schedule: PartSchedule = {
    sizeOf: (partNumber) => sizes[partNumber - 1] ?? sizes.at(-1) ?? 0,
    memoryPartBytes,
    maxPartBytes: 16 * mebibyte,
    capacityBytes: 1024 * mebibyte,
  };
  const scratch = new ScratchSpace({
    directory,
    limitBytes: scratchBytes,
    patienceMs: 1,
    clock: quickClock,
    entropy: seededEntropy('cutter'),
  });
  const limits = { ...defaultVaultLimits, parallelParts };
  const holder = {
    signal: new AbortController().signal,
    sendGathered: (): boolean => cutter.sendShortGathered(),
  };
  const cutter: PartCutter = new PartCutter(
    { limits, schedule, scratch },
    buffer,
    sender as unknown as PartSender,
    holder,
    check,
    [],
  );
  let written = 0;
  const write = (length: number): void => {
    for (const end = written + length; written < end; ) {
      const index = Math.floor(written / blockBytes);
      if (!buffer.has(index)) buffer.add(index, share.tryTake() ?? Buffer.alloc(blockBytes), false);
      const next = Math.min(end, (index + 1) * blockBytes);
      buffer.write(written, bytes.subarray(written, next));
      written = next;
    }
  };
  const end = async (): Promise<void> => {
    while (sender.inFlight > 0) await sender.arrive();
    await cutter.abandon();
  };
  ends.push(end);
  return { buffer, sender, cutter, write, end, scratch, memory };
}

async function expectSent(set: ReturnType<typeof setUp>, length: number): Promise<void> {
  await set.end();
  expect(Buffer.concat(set.sender.received).equals(bytes.subarray(0, length))).toBe(true);
  expect(set.cutter.checksum).toEqual(checksumOf('crc32c', bytes.subarray(0, length)));
  for (const body of set.sender.bodies) {
    expect(body.checksum.algorithm).toBe('crc32c');
  }
}

describe('a part that fits into memory', () => {
  it('is sent when it is complete and more bytes follow', async () => {
    const set = setUp();
    const { cutter, sender, write } = set;
    write(8 * mebibyte - 1);
    expect(cutter.isDue(8 * mebibyte - 1)).toBe(false);
    write(1);
    // A file of one part is not a multipart upload.
    expect(cutter.isDue(8 * mebibyte)).toBe(false);
    expect(cutter.isDue(8 * mebibyte + 1)).toBe(true);
    await cutter.cut(8 * mebibyte);
    expect(sender.sizes).toEqual([]);
    write(8 * mebibyte);
    await cutter.cut(16 * mebibyte);
    expect(sender.sizes).toEqual([8 * mebibyte, 8 * mebibyte]);
    write(3);
    await cutter.cut(16 * mebibyte + 3);
    await cutter.finish();
    expect(sender.sizes).toEqual([8 * mebibyte, 8 * mebibyte, 3]);
    await expectSent(set, 16 * mebibyte + 3);
  });

  it('waits while as many parts are being sent as are permitted', async () => {
    const faults: Fault[] = [];
    const set = setUp({
      parallelParts: 2,
      check: () => {
        for (const fault of faults) throw fault;
      },
    });
    const { cutter, sender, write } = set;
    write(24 * mebibyte);
    await cutter.cut(25 * mebibyte);
    // The third was sent after the first had arrived.
    expect([sender.sizes.length, sender.inFlight]).toEqual([3, 2]);
    write(8 * mebibyte);
    faults.push(new Fault('denied', 'a part has failed'));
    await expect(cutter.cut(33 * mebibyte)).rejects.toMatchObject({ kind: 'denied' });
    expect(sender.sizes).toHaveLength(3);
  });

  it('is smaller on a slow connection', async () => {
    const set = setUp();
    set.sender.slowBytes = 5 * mebibyte;
    set.write(11 * mebibyte);
    await set.cutter.cut(12 * mebibyte);
    expect(set.sender.sizes).toEqual([5 * mebibyte, 5 * mebibyte]);
    await set.cutter.finish();
    await expectSent(set, 11 * mebibyte);
  });

  it('is sent unfinished, in whole blocks, if memory is short and nothing is being sent', async () => {
    const { cutter, sender, write, buffer } = setUp();
    write(5 * mebibyte - 1);
    cutter.sendShort();
    expect(sender.sizes).toEqual([]);
    write(100);
    cutter.sendShort();
    expect(sender.sizes).toEqual([5 * mebibyte]);
    write(7 * mebibyte);
    cutter.sendShort();
    expect(sender.sizes).toHaveLength(1);
    await sender.arrive();
    cutter.sendShort();
    expect(sender.sizes).toEqual([5 * mebibyte, 7 * mebibyte]);
    await sender.arrive();
    write(10 * mebibyte);
    cutter.sendShort();
    // Never more than planned.
    expect(sender.sizes.at(-1)).toBe(8 * mebibyte);
    expect(buffer.waitingBytes).toBe(2 * mebibyte + 99);
  });

  it('of an interrupted upload is sent as far as others can follow', () => {
    const { cutter, sender, write } = setUp();
    write(8 * mebibyte + 6 * mebibyte + 77);
    cutter.sendRemaining();
    expect(sender.sizes).toEqual([8 * mebibyte, 6 * mebibyte]);
    expect(
      Buffer.from(cutter.shortTail() ?? []).equals(bytes.subarray(14 * mebibyte, 14 * mebibyte + 77)),
    ).toBe(true);
    write(5 * mebibyte - 77 - blockBytes);
    cutter.sendRemaining();
    expect(sender.sizes).toHaveLength(2);
  });

  it('has no bytes behind it if all were sent', async () => {
    const { cutter, sender, write } = setUp();
    expect(cutter.shortTail()).toBeNull();
    write(8 * mebibyte);
    cutter.sendRemaining();
    expect(cutter.shortTail()).toBeNull();
    await cutter.finish();
    expect(sender.sizes).toEqual([8 * mebibyte]);
  });

  it('is one of at most 10,000', async () => {
    const { cutter, sender, write } = setUp();
    write(16 * mebibyte);
    sender.nextPart = 10_000;
    await expect(cutter.cut(17 * mebibyte)).rejects.toMatchObject({ kind: 'too-large' });
    expect(sender.sizes).toEqual([8 * mebibyte]);
  });
});

describe('a part that is too large for memory', () => {
  const large = { sizes: [16 * mebibyte], memoryPartBytes: 8 * mebibyte };
  const stretch = 4 * mebibyte;

  it('is gathered on disk in stretches of 4 MiB, and sent when it is complete', async () => {
    const set = setUp(large);
    const { cutter, sender, write, scratch, memory } = set;
    write(stretch - 1);
    expect(cutter.isDue(stretch - 1)).toBe(false);
    write(1);
    expect(cutter.isDue(stretch)).toBe(true);
    await cutter.cut(stretch);
    expect(scratch.usedBytes).toBe(stretch);
    expect(memory.statistics.heldBytes).toBe(0);
    write(3 * stretch);
    await cutter.cut(4 * stretch);
    expect(sender.sizes).toEqual([16 * mebibyte]);
    expect(cutter.shortTail()).toBeNull();
    write(2 * stretch + 5);
    await cutter.cut(6 * stretch + 5);
    expect(sender.sizes).toHaveLength(1);
    await cutter.finish();
    expect(sender.sizes).toEqual([16 * mebibyte, 2 * stretch + 5]);
    await expectSent(set, 6 * stretch + 5);
    expect(scratch.usedBytes).toBe(0);
  });

  it('may end within a stretch', async () => {
    const set = setUp({ sizes: [10 * mebibyte], memoryPartBytes: 8 * mebibyte });
    set.write(10 * mebibyte);
    await set.cutter.cut(10 * mebibyte);
    expect(set.sender.sizes).toEqual([10 * mebibyte]);
    await expectSent(set, 10 * mebibyte);
  });

  it('is sent unfinished if scratch space is short, from 5 MiB on', async () => {
    const { cutter, sender, write, memory } = setUp(large);
    write(stretch);
    await cutter.cut(stretch);
    expect(cutter.sendShortGathered()).toBe(false);
    // Bytes that are gathered do not wait in memory either.
    cutter.sendShort();
    expect([sender.sizes.length, memory.statistics.heldBytes]).toEqual([0, 0]);
    write(stretch);
    await cutter.cut(2 * stretch);
    expect(cutter.sendShortGathered()).toBe(true);
    expect(sender.sizes).toEqual([2 * stretch]);
    expect(cutter.sendShortGathered()).toBe(false);
  });

  it('is sent after the stretch that is being written, if space becomes short meanwhile', async () => {
    const set = setUp(large);
    const { cutter, sender, write } = set;
    write(2 * stretch);
    await cutter.cut(2 * stretch);
    write(stretch);
    const cutting = cutter.cut(3 * stretch);
    expect(cutter.sendShortGathered()).toBe(true);
    expect(sender.sizes).toEqual([]);
    await cutting;
    expect(sender.sizes).toEqual([3 * stretch]);
    await expectSent(set, 3 * stretch);
  });

  it('makes room for itself: it is sent unfinished when its own next stretch does not fit', async () => {
    const set = setUp({ ...large, scratchBytes: 10 * mebibyte });
    const { cutter, sender, write } = set;
    write(2 * stretch);
    await cutter.cut(2 * stretch);
    write(stretch);
    const cutting = cutter.cut(3 * stretch);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sender.sizes).toEqual([2 * stretch]);
    await sender.arrive();
    await cutting;
    await cutter.finish();
    await expectSent(set, 3 * stretch);
  });

  it('of an interrupted upload is kept from 5 MiB on', async () => {
    const short = setUp(large);
    short.write(stretch);
    await short.cutter.cut(stretch);
    short.cutter.sendRemaining();
    expect(short.sender.sizes).toEqual([]);
    expect(short.cutter.shortTail()).toBeNull();
    await short.cutter.abandon();
    await short.cutter.abandon();
    expect(short.scratch.usedBytes).toBe(0);

    const long = setUp(large);
    long.write(2 * stretch + 100);
    await long.cutter.cut(2 * stretch + 100);
    long.cutter.sendRemaining();
    expect(long.sender.sizes).toEqual([2 * stretch]);
  });

  it('waits for its turn to be sent', async () => {
    const { cutter, sender, write } = setUp({ ...large, parallelParts: 1 });
    write(4 * stretch);
    await cutter.cut(4 * stretch);
    write(4 * stretch);
    await cutter.cut(8 * stretch);
    expect([sender.sizes.length, sender.inFlight]).toEqual([2, 1]);
    write(1);
    await cutter.finish();
    expect([sender.sizes.length, sender.inFlight]).toEqual([3, 1]);
  });

  it('is not begun when the parts are used up', async () => {
    const { cutter, sender, write, scratch } = setUp(large);
    sender.nextPart = 10_001;
    write(stretch);
    await expect(cutter.cut(stretch)).rejects.toMatchObject({ kind: 'too-large' });
    expect(scratch.usedBytes).toBe(0);
  });
});
