import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { authenticate } from './authenticate.js';
import { accept, changed, example, exampleCredentials, receive } from './testing/requests.js';
import { chunkedRequest, emptySha256, signedRequest } from './testing/signer.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('a body', () => {
  const upload = (body: string, contentSha256: string) =>
    signedRequest({
      method: 'PUT',
      contentSha256,
      headers: [['Content-Length', String(body.length)]],
      body: [...body].map((character) => Buffer.from(character)),
    }).request;

  it('matches its hash, in either case', async () => {
    const sent = { body: Buffer.from('payload'), decodedLength: 7 };
    await expect(accept(upload('payload', sha256('payload')))).resolves.toMatchObject(sent);
    await expect(accept(upload('payload', sha256('payload').toUpperCase()))).resolves.toMatchObject(sent);
  });

  it('is refused at its end if it does not match its hash', async () => {
    const request = receive(upload('paylord', sha256('payload')));
    const { body } = await authenticate(request, exampleCredentials, example.nowMs);
    const read: string[] = [];
    const reading = (async () => {
      for await (const piece of body) read.push(Buffer.from(piece).toString());
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'XAmzContentSHA256Mismatch',
      status: 400,
      details: { ClientComputedContentSHA256: sha256('payload'), S3ComputedContentSHA256: sha256('paylord') },
    });
    expect(read.join('')).toBe('paylord');
  });

  it('of no bytes is verified even if it is not read', async () => {
    const { request } = signedRequest({ contentSha256: sha256('payload') });
    await expect(authenticate(receive(request), exampleCredentials, example.nowMs)).rejects.toMatchObject({
      code: 'XAmzContentSHA256Mismatch',
    });
  });

  it('is accepted unchanged if it is unsigned', async () => {
    await expect(accept(upload('payload', 'UNSIGNED-PAYLOAD'))).resolves.toMatchObject({
      body: Buffer.from('payload'),
    });
  });

  it('throws when it is read a second time', async () => {
    const { body } = await authenticate(receive(upload('x', sha256('x'))), exampleCredentials, example.nowMs);
    for await (const piece of body) expect(piece.length).toBe(1);
    expect(() => body[Symbol.asyncIterator]()).toThrow('can be read only once');
  });

  it('without a length is empty', async () => {
    await expect(accept(signedRequest({}).request)).resolves.toMatchObject({ decodedLength: null });
  });

  it.each([
    ['no word and no hash', 'sha256', 'InvalidArgument', 400],
    ['half a hash', emptySha256.slice(32), 'InvalidArgument', 400],
    ['version 4a', 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', 'NotImplemented', 501],
    ['streaming, of unknown length', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'MissingContentLength', 411],
  ])('is refused if its x-amz-content-sha256 is %s', async (_, contentSha256, code, status) => {
    await expect(accept(upload('x', contentSha256))).rejects.toMatchObject({ code, status });
  });

  it('is refused without x-amz-content-sha256', async () => {
    const { request } = signedRequest({});
    await expect(accept(changed(request, 'x-amz-content-sha256', () => null))).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: 'Missing required header for this request: x-amz-content-sha256',
    });
  });

  it('is refused with a transfer coding, unless its length is given', async () => {
    const { request } = signedRequest({
      method: 'PUT',
      contentSha256: 'UNSIGNED-PAYLOAD',
      headers: [['Transfer-Encoding', 'chunked']],
    });
    await expect(accept(request)).rejects.toMatchObject({
      code: 'NotImplemented',
      status: 501,
      details: { Header: 'Transfer-Encoding' },
    });
    const chunked = chunkedRequest([Buffer.from('x')], { signed: true });
    const sent = { ...chunked, headers: [...chunked.headers, ['Transfer-Encoding', 'chunked'] as const] };
    await expect(accept(sent)).resolves.toMatchObject({ decodedLength: 1 });
  });

  it('fails with IncompleteBody if its connection breaks', async () => {
    const request = receive({ ...upload('payload', 'UNSIGNED-PAYLOAD'), body: [] });
    const broken = Object.assign(request, {
      iterator: async function* () {
        yield Buffer.from('pay');
        throw new Error('aborted');
      },
    });
    const { body } = await authenticate(broken, exampleCredentials, example.nowMs);
    const reading = (async () => {
      for await (const piece of body) expect(piece.length).toBe(3);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'IncompleteBody', status: 400 });
  });
});

describe('the Content-Encoding of the object', () => {
  it.each([
    ['aws-chunked', null],
    ['gzip', 'gzip'],
    ['aws-chunked,gzip', 'gzip'],
    ['gzip, AWS-Chunked, br', 'gzip,br'],
  ])('of a request in %s is %s', async (sent, stored) => {
    const { request } = signedRequest({ headers: [['Content-Encoding', sent]] });
    const { contentEncoding } = await authenticate(receive(request), exampleCredentials, example.nowMs);
    expect(contentEncoding).toBe(stored);
  });
});
