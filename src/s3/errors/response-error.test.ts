import { describe, expect, it } from 'vitest';
import { abortError, brokenError, connectError, idleError } from './network-errors.js';
import { responseError } from './response-error.js';
import { S3Error, withSentence } from './s3-error.js';

describe('an error answer', () => {
  const text =
    '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>why</Message><RequestId>R2</RequestId></Error>';

  it('becomes what the SDK would throw', () => {
    expect(responseError(503, { 'retry-after': '7' }, text)).toMatchObject({
      name: 'SlowDown',
      message: 'why',
      $metadata: { httpStatusCode: 503, requestId: 'R2' },
      $response: { headers: { 'retry-after': '7' } },
    });
    expect(responseError(503, { 'x-amz-request-id': 'R1' }, text)).toMatchObject({
      $metadata: { requestId: 'R1' },
    });
  });

  it.each([
    '',
    'a page of a proxy',
    '<html><Error></html>',
    '<Error><Code></Code></Error>',
    '<Error><Code><x/></Code></Error>',
    '<Error>&',
  ])('is unknown if its body is %j', (body) => {
    expect(responseError(502, {}, body)).toMatchObject({
      name: 'Unknown',
      message: 'HTTP status 502',
      $metadata: { httpStatusCode: 502, requestId: undefined },
    });
  });
});

describe('what users see of an error', () => {
  const error = new S3Error('m', { bucket: 'acme.data', key: 'users/bob/in/report.txt' });

  it.each([
    ['bucket "acme.data" is full', 'the bucket is full'],
    ['acme.data is full', '[bucket] is full'],
    ['acme-data, xacme.data and acme.data-2 stay', 'acme-data, xacme.data and acme.data-2 stay'],
    ['users/bob/in/report.txt exists', 'report.txt exists'],
    ['arn:aws:iam::1:role/x cannot', '[name] cannot'],
    ['account 123456789012 and 12345678901', 'account [id] and 12345678901'],
    ['AROAEXAMPLEID12345 asked', '[id] asked'],
    [`trace ${'a1'.repeat(32)}`, 'trace [id]'],
  ])('of %j is %j', (text, shown) => expect(error.hideNames(text)).toBe(shown));

  it('is everything if the names are not known', () => {
    expect(new S3Error('m').hideNames('bucket "b" and k')).toBe('bucket "b" and k');
  });

  it('names the directory of a key that ends with a slash', () => {
    expect(new S3Error('m', { bucket: 'b', key: 'users/bob/in/' }).hideNames('users/bob/in/')).toBe('in');
  });
});

it('adds the sentence of S3 to a hint, unless it says nothing more', () => {
  const withText = (sentence: string) => withSentence('hint', new S3Error('m', { sentence }));
  expect(withText('Explicit deny')).toBe('hint; S3 answered: "Explicit deny"');
  for (const sentence of ['', 'Access Denied', 'access denied.']) expect(withText(sentence)).toBe('hint');
  expect(withText('Access Denied by policy')).toContain('S3 answered');
  expect(withText('Not Access Denied')).toContain('S3 answered');
  expect(withSentence('hint', new Error('m'))).toBe('hint');
});

it('names the errors of the network as the SDK does', () => {
  const reason = new Error('stop');
  expect(abortError(AbortSignal.abort(reason))).toMatchObject({ name: 'AbortError', cause: reason });
  expect(abortError(undefined)).toMatchObject({ name: 'AbortError', cause: undefined });
  for (const error of [idleError(7), connectError(7)]) {
    expect(error.name).toBe('TimeoutError');
    expect(error.message).toContain('7 ms');
  }
  expect(brokenError('m')).toMatchObject({ message: 'm', code: 'ECONNRESET' });
});
