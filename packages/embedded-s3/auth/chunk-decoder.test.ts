import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authenticate, S3AuthError } from './authenticate.js';
import { ChunkDecoder } from './chunk-decoder.js';
import { accept, example, exampleCredentials, receive, type WireRequest } from './testing/requests.js';
import { chunkedRequest, encodeChunks } from './testing/signer.js';

type Trailers = readonly (readonly [string, string])[];

const crc32: Trailers = [['x-amz-checksum-crc32', 'y/Q5Jg==']];

/** Chunks as S3 requires them: any size for the last, 8 KiB or more for the others. */
const chunks = fc
  .tuple(
    fc.array(fc.integer({ min: 8192, max: 20_000 }), { maxLength: 3 }),
    fc.integer({ min: 1, max: 9000 }),
    fc.integer(),
  )
  .map(([sizes, last, seed]) => [...sizes, last].map((size, i) => Buffer.alloc(size, `${seed}/${i}`)));

const kinds = fc.constantFrom<{ signed: boolean; trailers?: Trailers }>(
  { signed: true },
  { signed: true, trailers: crc32 },
  { signed: false, trailers: crc32 },
  { signed: false, trailers: [] },
  { signed: true, trailers: [] },
);

/** Cuts `bytes` at these positions. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const stops = [...new Set(places.map((place) => place % (bytes.length + 1))), bytes.length].sort(
    (a, b) => a - b,
  );
  return stops.map((stop, i) => bytes.subarray(stops[i - 1] ?? 0, stop));
}

const bodyOf = (request: WireRequest): Buffer => Buffer.concat(request.body);

/** Decodes an unsigned body in one piece. */
function decode(text: string, decodedLength: number, trailers: readonly string[] | null = []): string {
  const decoder = new ChunkDecoder({
    signatures: null,
    decodedLength,
    trailers: trailers === null ? null : new Set(trailers),
  });
  const payload = Buffer.concat([...decoder.feed(Buffer.from(text, 'latin1'))]).toString();
  return `${payload}${[...decoder.finish()].map(([name, value]) => ` ${name}=${value}`).join('')}`;
}

const refusal = (code: string) => expect.objectContaining({ name: 'S3AuthError', code });

describe('a chunked body', () => {
  it('is decoded to its payload, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        chunks,
        kinds,
        fc.array(fc.nat(), { maxLength: 30 }),
        async (payload, kind, places) => {
          const request = chunkedRequest(payload, kind);
          const accepted = await accept({ ...request, body: cut(bodyOf(request), places) });
          expect(accepted.body.equals(Buffer.concat(payload))).toBe(true);
          expect(accepted.decodedLength).toBe(accepted.body.length);
          expect(accepted.trailers).toEqual(Object.fromEntries(kind.trailers ?? []));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is decoded to its payload byte by byte', async () => {
    const payload = [Buffer.alloc(8192, 'a'), Buffer.from('b')];
    const request = chunkedRequest(payload, { signed: true, trailers: crc32 });
    const body = [...bodyOf(request)].map((byte) => Uint8Array.of(byte));
    await expect(accept({ ...request, body })).resolves.toMatchObject({ body: Buffer.concat(payload) });
  });

  it('may be empty', async () => {
    for (const signed of [true, false]) {
      const accepted = await accept(chunkedRequest([], { signed, trailers: crc32 }));
      expect(accepted).toEqual({
        body: Buffer.alloc(0),
        decodedLength: 0,
        trailers: Object.fromEntries(crc32),
      });
    }
  });

  it('returns its trailers only at its end', async () => {
    const request = receive(chunkedRequest([Buffer.from('x')], { signed: true, trailers: crc32 }));
    const authenticated = await authenticate(request, exampleCredentials, example.nowMs);
    expect(() => authenticated.trailers()).toThrow('read it to its end first');
  });

  it('yields views of its input, not copies', () => {
    const payload = Buffer.alloc(100_000, 'x');
    const piece = encodeChunks([payload], { trailers: [] });
    const decoder = new ChunkDecoder({
      signatures: null,
      decodedLength: payload.length,
      trailers: new Set(),
    });
    const [view, ...others] = decoder.feed(piece);
    expect(others).toEqual([]);
    expect(view?.buffer).toBe(piece.buffer);
    expect(view?.length).toBe(payload.length);
  });

  it('of one chunk of 64 MiB is decoded piece by piece', () => {
    const size = 64 * 1024 * 1024;
    const decoder = new ChunkDecoder({ signatures: null, decodedLength: size, trailers: null });
    expect([...decoder.feed(Buffer.from(`${size.toString(16)}\r\n`))]).toEqual([]);
    const piece = Buffer.alloc(65_536);
    for (let sent = 0; sent < size; sent += piece.length) {
      const [view] = decoder.feed(piece);
      expect(view).toHaveLength(piece.length);
    }
    expect([...decoder.feed(Buffer.from('\r\n0\r\n\r\n'))]).toEqual([]);
    expect(decoder.finish().size).toBe(0);
  });
});

describe('a body that was changed in transit', () => {
  /** Returns what a correct reader reads from the request, or the refusal. */
  async function outcome(request: WireRequest): Promise<string> {
    try {
      const { body, trailers } = await accept(request);
      return `${createHash('sha256').update(body).digest('hex')} ${JSON.stringify(trailers)}`;
    } catch (error) {
      if (error instanceof S3AuthError) return 'refused';
      throw error;
    }
  }

  it('is refused, whichever bit has changed, if its chunks are signed', async () => {
    const payload = [Buffer.alloc(8192, 'a'), Buffer.from('last')];
    const request = chunkedRequest(payload, { signed: true, trailers: crc32 });
    const honest = await outcome(request);
    const body = bodyOf(request);
    const framing = [...body.keys()].filter((at) => at < 100 || at > 8270);
    const payloadSamples = Array.from({ length: 100 }, (_, i) => 90 + i * 81);
    for (const at of [...framing, ...payloadSamples]) {
      for (const bit of [1, 0x20, 0x80]) {
        const changed = Buffer.from(body);
        changed.writeUInt8(changed.readUInt8(at) ^ bit, at);
        const got = await outcome({ ...request, body: [changed] });
        // A capital letter in a size or in the name of a trailer has the same meaning; all other
        // changes must be refused.
        if (got !== 'refused') expect({ at, bit, got }).toEqual({ at, bit: 0x20, got: honest });
      }
    }
  });

  it('is refused if a signed chunk was left out, repeated or moved', async () => {
    const payload = ['a', 'b', 'c'].map((letter) => Buffer.alloc(8192, letter));
    const request = chunkedRequest(payload, { signed: true });
    const body = bodyOf(request);
    const chunk = body.indexOf('2000;', 1);
    const [first, second, third, end] = [0, 1, 2, 3].map((i) => body.subarray(i * chunk, (i + 1) * chunk));
    if (!first || !second || !third || !end) throw new Error('the body has three chunks and an end');
    await expect(outcome({ ...request, body: [first, second, third, end] })).resolves.not.toBe('refused');
    for (const pieces of [
      [second, third, end],
      [first, third, end],
      [first, second, end],
      [first, first, second, third, end],
      [second, first, third, end],
      [first, second, third],
    ]) {
      await expect(outcome({ ...request, body: pieces })).resolves.toBe('refused');
    }
  });

  it('is refused before its end is reported', async () => {
    const request = chunkedRequest([Buffer.alloc(20_000, 'a'), Buffer.from('b')], { signed: true });
    const body = bodyOf(request);
    body.write('b', 10_000);
    const authenticated = await authenticate(
      receive({ ...request, body: [body] }),
      exampleCredentials,
      example.nowMs,
    );
    const iterator = authenticated.body[Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toMatchObject({ code: 'SignatureDoesNotMatch', status: 403 });
  });

  it('fails with IncompleteBody wherever it ends early', async () => {
    const request = chunkedRequest([Buffer.alloc(8192, 'a'), Buffer.from('b')], { signed: true });
    const body = bodyOf(request);
    const lastHeader = body.lastIndexOf('\r\n', body.length - 3) + 2;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: lastHeader - 1 }), async (length) => {
        await expect(accept({ ...request, body: [body.subarray(0, length)] })).rejects.toMatchObject({
          code: 'IncompleteBody',
        });
      }),
      { numRuns: 50 },
    );
  });

  it('is always either refused or decoded, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 60 }),
            fc
              .constantFrom(
                '5\r\n',
                'hello',
                '\r\n',
                '0\r\n',
                '\n',
                ';chunk-signature=',
                'a:b',
                '2000\r\n',
                'f'.repeat(16),
              )
              .map((text) => Buffer.from(text)),
          ),
          { maxLength: 12 },
        ),
        fc.nat(12),
        fc.boolean(),
        (pieces, decodedLength, trailing) => {
          const trailers = trailing ? new Set(['a']) : null;
          const decoder = new ChunkDecoder({ signatures: null, decodedLength, trailers });
          try {
            const payload = pieces.flatMap((piece) => [...decoder.feed(piece)]);
            decoder.finish();
            expect(Buffer.concat(payload)).toHaveLength(decodedLength);
          } catch (error) {
            expect(error).toBeInstanceOf(S3AuthError);
          }
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('the framing', () => {
  it('may end its trailers in the ways of all clients', () => {
    for (const end of ['\r\n\r\n', '\r\n', '\n\r\n\r\n\r\n', '\n', '']) {
      expect(decode(`5\r\nhello\r\n0\r\nA:  b ${end}`, 5, ['a'])).toBe('hello a=b');
    }
  });

  it('may have capital letters and leading zeros in a size', () => {
    expect(decode('00a\r\n0123456789\r\n0\r\n\r\n', 10)).toBe('0123456789');
    expect(decode('A\r\n0123456789\r\n000\r\n\r\n', 10)).toBe('0123456789');
  });

  it.each([
    ['a size that is none', 'x\r\nhello\r\n0\r\n\r\n'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'],
    ['an empty size', '\r\nhello\r\n0\r\n\r\n'],
    ['a bare LF behind the size', '5\nhello\r\n0\r\n\r\n'],
    ['an extension', '5;name=value\r\nhello\r\n0\r\n\r\n'],
    ['something else behind the payload', '5\r\nhelloXX0\r\n\r\n'],
    ['a size of 17 digits', '00000000000000005\r\nhello\r\n0\r\n\r\n'],
    ['a header without an end', '5'.repeat(10_000)],
    ['nothing', ''],
    ['no last chunk', '5\r\nhello\r\n'],
  ])('is refused with %s', (_, body) => {
    expect(() => decode(body, 5)).toThrow(refusal('IncompleteBody'));
  });

  it('is refused if it contains more or less than declared, before the excess is decoded', () => {
    expect(() => decode('5\r\nhello\r\n0\r\n\r\n', 6)).toThrow(refusal('IncompleteBody'));
    const decoder = new ChunkDecoder({ signatures: null, decodedLength: 4, trailers: null });
    expect(() => [...decoder.feed(Buffer.from('5\r\n'))]).toThrow(
      expect.objectContaining({
        code: 'IncompleteBody',
        details: { NumberBytesExpected: '4', NumberBytesProvided: '5' },
      }),
    );
    expect(() => decode('ffffffffffffffff\r\n', 2 ** 53 - 1)).toThrow(refusal('IncompleteBody'));
  });

  it('is refused with a small chunk that is not the last', () => {
    const small = `${(8191).toString(16)}\r\n${'a'.repeat(8191)}\r\n`;
    expect(decode(`${small}0\r\n\r\n`, 8191)).toHaveLength(8191);
    expect(() => decode(`${small}1\r\nb\r\n0\r\n\r\n`, 8192)).toThrow(
      expect.objectContaining({
        code: 'InvalidChunkSizeError',
        status: 400,
        details: { Chunk: '2', BadChunkSize: '8191' },
      }),
    );
  });

  it.each<[string, string, readonly string[] | null]>([
    ['that was not announced', '0\r\na:b\r\n\r\n', []],
    ['where there may be none', '0\r\na:b\r\n\r\n', null],
    ['that was announced and did not come', '0\r\n\r\n', ['a']],
    ['that came twice', '0\r\na:b\r\nA:b\r\n\r\n', ['a']],
    ['without a colon', '0\r\na\r\n\r\n', ['a']],
    ['without a name', '0\r\n:b\r\n\r\n', ['']],
    ['with a NUL', '0\r\na:\0\r\n\r\n', ['a']],
    ['that is signed where nothing is', '0\r\na:b\r\nx-amz-trailer-signature:0\r\n\r\n', ['a']],
    ['of 17,000 bytes', `0\r\na:${'b'.repeat(17_000)}\r\n\r\n`, ['a']],
  ])('is refused with a trailer %s', (_, body, trailers) => {
    expect(() => decode(body, 0, trailers)).toThrow(refusal('MalformedTrailerError'));
  });

  it('is refused without the signature of signed trailers', async () => {
    const request = chunkedRequest([Buffer.from('x')], { signed: true, trailers: crc32 });
    const body = bodyOf(request)
      .toString('latin1')
      .replace(/x-amz-trailer-signature:.*\r\n/, '');
    await expect(accept({ ...request, body: [Buffer.from(body, 'latin1')] })).rejects.toMatchObject({
      code: 'MalformedTrailerError',
    });
  });
});
