import { describe, expect, it } from 'vitest';
import { checksumOf } from '../../bytes/running-checksum.js';
import { Fault, type FaultKind } from '../../model/fault.js';
import type { IntentId } from '../../model/ledger.js';
import type { PartReceipt } from '../../model/object-store.js';
import type { ParkedUpload } from '../../model/parked-uploads.js';
import { content, keyNamed, mebibyte, refOf, targetOf } from '../testing/vault-world.js';
import type { VaultServices } from '../vault-services.js';
import { HeldTails } from './held.js';
import { isSummed, wholeOf } from './joined-parts.js';
import { abortParked, isWorthParking, refuseOtherEncryption, resumeParked } from './parked.js';
import { mayHaveSucceeded } from './uncertain-outcome.js';

const part = (partNumber: number, bytes: Buffer, algorithm: 'crc32c' | 'crc32' = 'crc32c'): PartReceipt => ({
  partNumber,
  etag: '"e"',
  size: bytes.byteLength,
  checksum: checksumOf(algorithm, bytes),
});

describe('the object that consists of parts', () => {
  const bytes = content(100);
  const parts = [
    part(1, bytes.subarray(0, 30)),
    part(2, bytes.subarray(30, 90)),
    part(3, bytes.subarray(90)),
  ];

  it('has the sum of their sizes, and the checksum of all bytes', () => {
    expect(wholeOf('crc32c', parts)).toEqual({ size: 100, checksum: checksumOf('crc32c', bytes) });
    expect(wholeOf('crc32c', [])).toEqual({ size: 0, checksum: checksumOf('crc32c', Buffer.alloc(0)) });
  });

  it('has no checksum if that of a part is unknown or of another algorithm', () => {
    const [first, second, third] = parts as [PartReceipt, PartReceipt, PartReceipt];
    const unknown = { ...second, checksum: null };
    expect(wholeOf('crc32c', [first, unknown, third])).toEqual({ size: 100, checksum: null });
    expect(wholeOf('crc32', [first, second, third])).toEqual({ size: 100, checksum: null });
    expect([isSummed(first), isSummed(unknown)]).toEqual([true, false]);
  });
});

describe('a request that failed', () => {
  it.each<[FaultKind, boolean, boolean]>([
    ['unavailable', true, true],
    ['throttled', true, true],
    ['timed-out', true, true],
    ['cancelled', true, true],
    ['corrupt', true, false],
    ['bug', true, false],
    ['over-quota', false, true],
    ['denied', false, false],
    ['conflict', false, false],
    ['exists', false, false],
    ['invalid', false, false],
    ['key-mismatch', false, false],
    ['not-found', false, false],
  ])('with %s may have succeeded: %s; its upload is worth parking: %s', (kind, maybe, isWorth) => {
    expect(mayHaveSucceeded(new Fault(kind, 'x'))).toBe(maybe);
    expect(isWorthParking(new Fault(kind, 'x'))).toBe(isWorth);
  });

  it('for an unknown reason may have succeeded', () => {
    expect(mayHaveSucceeded(new Error('x'))).toBe(true);
  });
});

const key = keyNamed('alice');
function parkedUpload(change: Partial<ParkedUpload> = {}): ParkedUpload {
  return {
    id: 'row' as IntentId,
    ref: refOf('a'),
    sealedWith: { kind: 'sse-c', fingerprint: key.fingerprint, keyMd5Base64: key.md5Base64 },
    actor: 'alice',
    uploadId: 'upload',
    parts: [part(1, content(10))],
    mtimeSeconds: null,
    parkedMs: 0,
    shownKey: null,
    isComplete: false,
    ...change,
  };
}

describe('a parked upload', () => {
  const events: string[] = [];
  const services = (isParked: boolean) => {
    events.length = 0;
    return {
      store: { checksumAlgorithm: 'crc32c', abortUpload: async () => void events.push('abort') },
      ledger: { abandon: async () => void events.push('abandon') },
      parked: {
        unpark: async () => {
          events.push('unpark');
          return isParked;
        },
      },
    } as unknown as VaultServices;
  };

  it('is resumed by one session', async () => {
    await resumeParked(services(true), parkedUpload(), targetOf('a'));
    expect(events).toEqual(['unpark']);
    await expect(resumeParked(services(false), parkedUpload(), targetOf('a'))).rejects.toMatchObject({
      kind: 'conflict',
    });
  });

  it('is resumed only where it was begun', async () => {
    for (const target of [targetOf('b'), targetOf('a', { ref: { bucket: 'other', key: 'a' } })]) {
      await expect(resumeParked(services(true), parkedUpload(), target)).rejects.toMatchObject({
        kind: 'bug',
      });
    }
    expect(events).toEqual([]);
  });

  it.each<[string, ParkedUpload, Parameters<typeof targetOf>[1]]>([
    ['another key', parkedUpload(), { encryption: { kind: 'sse-c', key: keyNamed('other') } }],
    ['no key', parkedUpload(), { encryption: { kind: 'sse-s3' } }],
    ['other checksums', parkedUpload({ parts: [part(1, content(10), 'crc32')] }), {}],
  ])('is not continued with %s', async (_, upload, change) => {
    await expect(resumeParked(services(true), upload, targetOf('a', change))).rejects.toMatchObject({
      kind: 'unsupported',
    });
    expect(events).toEqual([]);
  });

  it('without a part has any checksums', () => {
    expect(() =>
      refuseOtherEncryption(services(true), parkedUpload({ parts: [] }), targetOf('a')),
    ).not.toThrow();
  });

  it('is aborted at S3 before its row, unless another session has it', async () => {
    await abortParked(services(true), {} as never, parkedUpload());
    expect(events).toEqual(['unpark', 'abort', 'abandon']);
    await abortParked(services(false), {} as never, parkedUpload());
    expect(events).toEqual(['unpark']);
  });
});

describe('the last bytes of a complete upload', () => {
  const block = 256 * 1024;
  const upload = (...sizes: readonly number[]): ParkedUpload =>
    parkedUpload({
      parts: sizes.map((size, at) => ({ ...part(at + 1, Buffer.alloc(0)), size })),
      isComplete: true,
    });

  it.each<[string, readonly number[]]>([
    ['nothing was sent', []],
    ['the last part has 5 MiB', [5 * mebibyte]],
    ['it has more, in whole blocks', [8 * mebibyte, 5 * mebibyte + block]],
  ])('are not needed if %s', (_, sizes) => {
    expect(new HeldTails().split(upload(...sizes))).toEqual({ resume: upload(...sizes), tail: null });
  });

  it.each<[string, readonly number[]]>([
    ['is shorter than 5 MiB', [8 * mebibyte, 5 * mebibyte - block]],
    ['does not end with a block', [8 * mebibyte, 5 * mebibyte + 1]],
    ['is the only one', [7]],
  ])('are sent again if the last part %s', (_, sizes) => {
    const tails = new HeldTails();
    const last = sizes.at(-1) ?? 0;
    expect(() => tails.split(upload(...sizes))).toThrowError(
      expect.objectContaining({ kind: 'unsupported' }),
    );
    tails.keep('row' as IntentId, Buffer.alloc(last - 1));
    expect(() => tails.split(upload(...sizes))).toThrowError(
      expect.objectContaining({ kind: 'unsupported' }),
    );
    const tail = Buffer.alloc(last);
    tails.forget('row' as IntentId);
    tails.keep('row' as IntentId, tail);
    const { resume, tail: found } = tails.split(upload(...sizes));
    expect(found).toBe(tail);
    expect(resume).toEqual({ ...upload(...sizes), parts: upload(...sizes).parts.slice(0, -1) });
  });

  it('are forgotten above 64 MiB, the oldest first', () => {
    const tails = new HeldTails();
    const quarter = Buffer.alloc(16 * mebibyte);
    const isKept = (id: string) => {
      try {
        return tails.split({ ...upload(16 * mebibyte + 1), id: id as IntentId }).tail !== null;
      } catch {
        return false;
      }
    };
    const keep = (id: string, bytes: Buffer) => tails.keep(id as IntentId, bytes);
    const odd = Buffer.alloc(16 * mebibyte + 1);
    for (const id of ['a', 'b', 'c']) keep(id, quarter);
    keep('d', quarter);
    tails.forget('b' as IntentId);
    tails.forget('none' as IntentId);
    keep('e', odd);
    // `a` made room for the last byte of `e`.
    expect(isKept('e')).toBe(true);
    tails.forget('e' as IntentId);
    keep('f', odd);
    keep('g', odd);
    expect([isKept('f'), isKept('g')]).toEqual([true, true]);
    keep('h', odd);
    keep('i', odd);
    expect([isKept('f'), isKept('g'), isKept('h'), isKept('i')]).toEqual([false, true, true, true]);
  });
});
