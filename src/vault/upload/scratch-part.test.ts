import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { content, mebibyte, quickClock, seededEntropy } from '../testing/vault-world.js';
import { ScratchSpace } from './scratch-file.js';

const directory = mkdtempSync(join(tmpdir(), 'scratch-part-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const pieceBytes = 256 * 1024;
const holder = { signal: new AbortController().signal, sendGathered: () => false };

function space(limitBytes = 16 * mebibyte): ScratchSpace {
  const entropy = seededEntropy('parts');
  return new ScratchSpace({ directory, limitBytes, patienceMs: 60_000, clock: quickClock, entropy });
}

/** Gathers a part from pieces of these sizes. */
async function gathered(scratch: ScratchSpace, bytes: Buffer, appendBytes: number) {
  await scratch.reservePart(bytes.byteLength, holder);
  const part = scratch.openPart(holder, 'crc32c');
  for (let at = 0; at < bytes.byteLength; at += appendBytes) {
    const piece = bytes.subarray(at, at + appendBytes);
    const half = Math.floor(piece.byteLength / 2);
    const chunks = [piece.subarray(0, half), piece.subarray(half)];
    await part.append(chunks, piece.byteLength, checksumOf('crc32c', piece));
  }
  return part;
}

async function read(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  // A piece is valid until the next one is read.
  for await (const piece of stream) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

describe('a part that is gathered on disk', () => {
  it.each([
    [1, 16],
    [1_000, 160],
    [pieceBytes, pieceBytes],
    [pieceBytes + 1, 64 * 1024],
    [3 * pieceBytes - 1, pieceBytes],
    [2 * mebibyte + 77, mebibyte + 16],
  ])('has the %i bytes that were appended, as often as it is sent', async (size, appendBytes) => {
    const scratch = space();
    const bytes = content(size, `part ${size}`);
    const part = await gathered(scratch, bytes, appendBytes);
    expect(part.byteLength).toBe(size);
    const body = part.leave();
    expect(body).toMatchObject({ byteLength: size, checksum: checksumOf('crc32c', bytes) });
    for (let attempt = 0; attempt < 2; attempt += 1)
      expect((await read(body.stream())).equals(bytes)).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
    await part.left();
    expect(scratch.usedBytes).toBe(0);
  });

  it('may be sent by a reader that stops early, and again from the start', async () => {
    const bytes = content(3 * pieceBytes);
    const part = await gathered(space(), bytes, pieceBytes);
    const body = part.leave();
    for await (const piece of body.stream()) {
      expect(piece.byteLength).toBe(pieceBytes);
      break;
    }
    expect((await read(body.stream())).equals(bytes)).toBe(true);
    await part.left();
  });

  it('gives its disk space back if it is not sent', async () => {
    const scratch = space();
    const part = await gathered(scratch, content(mebibyte), mebibyte);
    expect(scratch.usedBytes).toBe(mebibyte);
    await part.abandon();
    expect(scratch.usedBytes).toBe(0);
  });

  it('is asked to be sent early while it is gathered, and not afterwards', async () => {
    let asked = 0;
    const gathering = {
      signal: holder.signal,
      sendGathered: () => {
        asked += 1;
        return false;
      },
    };
    for (const end of ['leave', 'abandon'] as const) {
      const scratch = space(mebibyte);
      await scratch.reservePart(mebibyte, gathering);
      const part = scratch.openPart(gathering, 'crc32c');
      await part.append(
        [content(mebibyte - 16)],
        mebibyte - 16,
        checksumOf('crc32c', content(mebibyte - 16)),
      );
      await using file = scratch.openFile(holder);
      asked = 0;
      await expect(file.keep(0, content(mebibyte))).rejects.toMatchObject({ kind: 'over-quota' });
      expect(asked, 'while it is gathered').toBeGreaterThan(0);
      if (end === 'leave') {
        part.leave();
        await part.left();
      } else await part.abandon();
      asked = 0;
      await expect(file.keep(0, content(2 * mebibyte))).rejects.toMatchObject({ kind: 'over-quota' });
      expect(asked, `after ${end}`).toBe(0);
    }
  });

  it('lets others wait for its disk space while it is sent, and not while it is gathered', async () => {
    const scratch = space(mebibyte);
    const part = await gathered(scratch, content(mebibyte), mebibyte);
    await using file = scratch.openFile(holder);
    await expect(file.keep(0, content(16))).rejects.toMatchObject({ kind: 'over-quota' });
    part.leave();
    let isKept = false;
    const keeping = file.keep(0, content(16)).then(() => {
      isKept = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isKept).toBe(false);
    await part.left();
    await keeping;
    expect(await file.peek(0, 16)).toEqual(content(16));
  });
});
