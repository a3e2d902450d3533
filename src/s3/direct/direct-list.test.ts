import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { ListPage } from '../../model/object-store.js';
import { responseError } from '../errors/response-error.js';
import { directList } from './direct-list.js';
import type { DirectRequest, DirectRequests } from './direct-requests.js';

const head = '<ListBucketResult><EncodingType>url</EncodingType>';
const rest =
  '<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>';

/** Answers with this body and records the requests. An error is thrown instead. */
class FakeRequests {
  readonly sent: DirectRequest[] = [];
  readonly #body: unknown;

  constructor(body: unknown) {
    this.#body = body;
  }

  list(): Promise<ListPage> {
    const send: DirectRequests['send'] = async (request) => {
      this.sent.push(request);
      if (this.#body instanceof Error) throw this.#body;
      return { statusCode: 200, headers: {}, body: this.#body };
    };
    const wanted = { bucket: 'b', prefix: 'a b/', delimiter: '/' as const, continuation: 'c', maxKeys: 5000 };
    return directList({ send } as DirectRequests, wanted, {});
  }
}

function* interrupted(): Generator<Buffer> {
  yield Buffer.from(head);
  throw new Error('the connection broke');
}

describe('a direct listing', () => {
  it('sends the parameters of the listing and reads the answer in whatever pieces it arrives', async () => {
    const requests = new FakeRequests(
      Readable.from([...Buffer.from(head + rest)].map((byte) => Buffer.of(byte))),
    );
    expect(await requests.list()).toEqual({ objects: [], prefixes: [], continuation: 't' });
    expect(requests.sent).toEqual([
      {
        method: 'GET',
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
      },
    ]);
  });

  it.each(['', '<!-- unusual -->'])('decodes the control characters of a token: %j', async (comment) => {
    const page =
      `${head}${comment}<IsTruncated>true</IsTruncated>` +
      '<NextContinuationToken>a&#x01;&#2;&#128512;&amp;#x01;</NextContinuationToken></ListBucketResult>';
    const requests = new FakeRequests(Readable.from([Buffer.from(page)]));
    expect(await requests.list()).toMatchObject({ continuation: 'a\u0001\u0002\u{1f600}&#x01;' });
  });

  it('reads an unusual page with a general parser, and does not request it again', async () => {
    const page =
      '<?xml version="1.0"?><!-- c --><x:ListBucketResult xmlns:x="u"><x:EncodingType>url</x:EncodingType>' +
      '<x:Contents><x:Key>a%2Fb&#x21;</x:Key><x:Size>3</x:Size><x:ETag>"e"</x:ETag>' +
      '<x:LastModified>2026-11-26T10:34:15Z</x:LastModified></x:Contents>' +
      '<x:CommonPrefixes><x:Prefix>c%20d/</x:Prefix></x:CommonPrefixes></x:ListBucketResult>';
    const requests = new FakeRequests(Readable.from([Buffer.from(page)]));
    expect(await requests.list()).toEqual({
      objects: [{ key: 'a/b!', size: 3, etag: '"e"', lastModifiedMs: Date.UTC(2026, 10, 26, 10, 34, 15) }],
      prefixes: ['c d/'],
      continuation: null,
    });
    expect(requests.sent).toHaveLength(1);
  });

  it.each([
    [
      'is refused',
      () => responseError(503, {}, '<Error><Code>SlowDown</Code></Error>'),
      { name: 'SlowDown', $metadata: { httpStatusCode: 503 } },
    ],
    [
      'is an error inside a 200',
      () => Readable.from([Buffer.from('<Error><Code>InternalError</Code></Error>')]),
      { name: 'InternalError' },
    ],
    ['is interrupted', () => Readable.from(interrupted()), { kind: 'unavailable' }],
    ['ends too early', () => Readable.from([Buffer.from(head)]), { kind: 'unavailable' }],
    [
      'lacks the size of an object',
      () => Readable.from([Buffer.from(`${head}<Contents><Key>a</Key></Contents>${rest}`)]),
      { kind: 'unavailable' },
    ],
    [
      'has no end',
      () => Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(2 ** 20, 0x20))),
      { kind: 'unavailable' },
    ],
  ])('throws once when the answer %s', async (_, body, expected) => {
    const requests = new FakeRequests(body());
    await expect(requests.list()).rejects.toMatchObject(expected);
    expect(requests.sent).toHaveLength(1);
  });
});
