import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Call } from '../../model/call.js';
import { leanList } from './lean-list.js';
import type { LeanRequest, LeanRequests } from './lean-requests.js';

const head = '<ListBucketResult><EncodingType>url</EncodingType>';
const rest =
  '<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>';

/** Answers with this body, and notes what was asked. */
class Answering {
  readonly asked: LeanRequest[] = [];
  readonly #body: unknown;

  constructor(body: unknown) {
    this.#body = body;
  }

  list(): ReturnType<typeof leanList> {
    const send: LeanRequests['send'] = async (_call, wanted) => {
      this.asked.push(wanted);
      return this.#body === null ? null : { statusCode: 200, headers: {}, body: this.#body };
    };
    const wanted = { bucket: 'b', prefix: 'a b/', delimiter: '/' as const, continuation: 'c', maxKeys: 5000 };
    return leanList({ send } as LeanRequests, {} as Call, wanted);
  }
}

function* broken(): Generator<Buffer> {
  yield Buffer.from(head);
  throw new Error('the connection broke');
}

describe('a listing without the SDK', () => {
  test('asks for what is wanted and reads the answer, however it is cut', async () => {
    const answering = new Answering(
      Readable.from([...Buffer.from(head + rest)].map((byte) => Buffer.of(byte))),
    );
    expect(await answering.list()).toEqual({ objects: [], prefixes: [], continuation: 't' });
    expect(answering.asked).toEqual([
      {
        bucket: 'b',
        key: '',
        query: {
          'list-type': '2',
          'encoding-type': 'url',
          prefix: 'a b/',
          delimiter: '/',
          'continuation-token': 'c',
          'max-keys': '1000',
        },
        intoSlabs: false,
      },
    ]);
  });

  test.each([
    ['is refused', () => null],
    ['breaks off', () => Readable.from(broken())],
    ['ends too early', () => Readable.from([Buffer.from(head)])],
    ['has no end', () => Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(2 ** 20, 0x20)))],
  ])('is left to the SDK when the answer %s', async (_, body) => {
    expect(await new Answering(body()).list()).toBeNull();
  });
});
