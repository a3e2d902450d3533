import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountId } from '../encryption-headers.js';
import { bucketInputs, objectInputs } from '../operations/inputs.js';
import { bucket, type RunningServer, runServer } from '../testing/running-server.js';

let running: RunningServer;
beforeAll(async () => {
  running = await runServer();
  await running.raw({ method: 'PUT', path: `/${bucket}/kept`, body: 'kept' });
});
afterAll(async () => await running.stop());

/** Every operation of the server as a request for it, without a body. */
const operations = [
  ...Object.keys(bucketInputs).map((name) => ({ name, path: `/${bucket}` })),
  ...Object.keys(objectInputs).map((name) => ({ name, path: `/${bucket}/kept` })),
].map(({ name, path }) => {
  const [method = '', ...words] = name.split(' ');
  const query = Object.fromEntries(words.filter((word) => word !== 'copy').map((word) => [word, '2']));
  const headers: Record<string, string> = words.includes('copy')
    ? { 'x-amz-copy-source': `${bucket}/kept` }
    : {};
  return { name: `${name} ${path}`, method, path, query, headers };
});

const send = (
  { name: _, ...operation }: (typeof operations)[number],
  headers: Record<string, string>,
  query: Record<string, string> = {},
) =>
  running.raw({
    ...operation,
    headers: { ...operation.headers, ...headers },
    query: { ...operation.query, ...query },
  });

describe.each(operations)('$name', (operation) => {
  it.each([
    'x-amz-future-feature',
    'x-amz-if-match-size',
    'x-amz-if-match-last-modified-time',
    'x-amz-write-offset-bytes',
    'x-amz-object-lock-mode',
    'x-amz-object-lock-legal-hold',
    'x-amz-bypass-governance-retention',
    'x-amz-mfa',
    'x-amz-server-side-encryption-context',
    'content-range',
  ])('answers 501 to %s, which it does not understand, and changes nothing', async (name) => {
    const answer = await send(operation, { [name]: '0' });
    expect(answer.status).toBe(501);
    if (operation.method !== 'HEAD')
      expect([answer.code, answer.message]).toEqual(['NotImplemented', expect.stringContaining(name)]);
    const kept = await running.raw({ method: 'GET', path: `/${bucket}/kept` });
    expect(kept.text).toBe('kept');
  });

  it('answers 501 to a query parameter that it does not understand', async () => {
    expect((await send(operation, {}, { unheard: 'of' })).status).toBe(501);
  });

  it.runIf(['GET', 'HEAD'].includes(operation.method))(
    'accepts the parameters that S3 reserves for clients',
    async () => {
      expect((await send(operation, {}, { 'x-id': 'Any', 'x-note': '1' })).status).not.toBe(501);
    },
  );

  it('is refused if another account is expected to own the bucket', async () => {
    const answer = await send(operation, { 'x-amz-expected-bucket-owner': '111122223333' });
    expect(answer.status).toBe(403);
    if (operation.method !== 'HEAD') expect(answer.code).toBe('AccessDenied');
  });
});

describe('the expected owner', () => {
  it('may be this account', async () => {
    const headers = { 'x-amz-expected-bucket-owner': accountId };
    const answer = await running.raw({ method: 'GET', path: `/${bucket}/kept`, headers });
    expect([answer.status, answer.text]).toEqual([200, 'kept']);
  });

  it('of the source of a copy is checked too', async () => {
    const copy = (owner: string) =>
      running.raw({
        method: 'PUT',
        path: `/${bucket}/copy`,
        headers: {
          'x-amz-copy-source': `/${bucket}/kept`,
          'x-amz-source-expected-bucket-owner': owner,
        },
      });
    expect(await copy('111122223333')).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect((await copy(accountId)).status).toBe(200);
  });

  it('does not hide that a bucket is missing', async () => {
    const headers = { 'x-amz-expected-bucket-owner': '111122223333' };
    expect(await running.raw({ method: 'GET', path: '/no-such-bucket', headers })).toMatchObject({
      status: 404,
      code: 'NoSuchBucket',
    });
  });
});

describe('a new bucket', () => {
  it('is not created without the Object Lock, ACL or tags that were requested', async () => {
    const create = (headers: Record<string, string>, body = '') =>
      running.raw({ method: 'PUT', path: '/wanted-more', headers, body });
    const tags =
      '<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>';
    expect((await create({ 'x-amz-bucket-object-lock-enabled': 'true' })).status).toBe(501);
    expect((await create({ 'x-amz-acl': 'public-read' })).status).toBe(501);
    expect((await create({ 'x-amz-object-ownership': 'ObjectWriter' })).status).toBe(501);
    expect((await create({}, tags)).status).toBe(501);
    expect((await running.raw({ method: 'HEAD', path: '/wanted-more' })).status).toBe(404);
    expect(
      (await create({ 'x-amz-bucket-object-lock-enabled': 'false', 'x-amz-acl': 'private' })).status,
    ).toBe(200);
  });
});

describe('a removal of several objects', () => {
  it.each(['<Size>1</Size>', '<LastModifiedTime>Mon, 30 Nov 2026 00:00:00 GMT</LastModifiedTime>'])(
    'is refused with the condition %s, which it does not understand',
    async (condition) => {
      const body = `<Delete><Object><Key>kept</Key>${condition}</Object></Delete>`;
      const query = { delete: '' };
      expect(await running.raw({ method: 'POST', path: `/${bucket}`, query, body })).toMatchObject({
        status: 501,
        code: 'NotImplemented',
      });
      expect((await running.raw({ method: 'HEAD', path: `/${bucket}/kept` })).status).toBe(200);
    },
  );
});
