import { S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RequestSigner, type SigningKeys } from './signature.js';

const region = 'eu-central-1';
const hostname = 's3.example.com';

/** Returns the headers that the SDK's signer makes of the request. */
async function signedBySdk(
  request: { method: string; path: string; query: Record<string, string>; headers: Record<string, string> },
  credentials: SigningKeys,
  signingDate: Date,
): Promise<Record<string, string>> {
  const client = new S3Client({ region, credentials });
  const scheme = { name: 'sigv4', signingName: 's3', signingRegion: region, properties: {} };
  const signer = await client.config.signer(scheme);
  const unsigned = { ...request, protocol: 'https:', hostname };
  const options = { signingDate, signingRegion: region, signingService: 's3' };
  const { headers } = await signer.sign(unsigned, options);
  client.destroy();
  return headers;
}

const text = fc.string({ unit: fc.constantFrom(...'abcXYZ019 \t"=&+/~*()!\'é-_.'), maxLength: 12 });
const requests = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'PUT'),
  path: fc.constantFrom('/', '/bucket/key', '/bucket/a%20b/%C3%A9', '/b/a//b/../c'),
  query: fc.dictionary(fc.constantFrom('list-type', 'prefix', 'versionId', 'a', 'a-b', 'tagging'), text),
  headers: fc.dictionary(
    fc.constantFrom('range', 'x-amz-meta-a', 'x-amz-meta-a-b', 'content-type', 'x-amz-acl'),
    text,
  ),
});
const keys = fc.record(
  {
    accessKeyId: fc.constantFrom('AKIA1', 'AKIA2'),
    secretAccessKey: text,
    sessionToken: fc.constant('token/+='),
  },
  { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
);
const dates = fc.date({ min: new Date('2026-01-01'), max: new Date('2026-12-31'), noInvalidDate: true });

it('signs as the SDK does, whatever was signed before', async () => {
  const signer = new RequestSigner(region);
  await fc.assert(
    fc.asyncProperty(requests, keys, dates, async (given, credentials, date) => {
      const headers = { host: hostname, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...given.headers };
      const request = { ...given, headers };
      expect(signer.sign(request, credentials, date)).toEqual(await signedBySdk(request, credentials, date));
    }),
    { numRuns: 200 },
  );
});
