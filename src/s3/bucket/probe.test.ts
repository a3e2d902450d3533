import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListObjectVersionsCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { type EmbeddedS3, startEmbeddedS3 } from '@sftpgw/embedded-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FaultProxy, type ProxyAction, type SeenRequest } from '../../../test/support/fault-proxy.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import type { Call } from '../../model/call.js';
import { createS3Client } from '../client.js';
import { checksumsInUse, type S3StoreOptions } from '../options.js';
import { probeS3 } from './probe.js';

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const call: Call = { id: 'x', signal: new AbortController().signal, log: silent };
const bucket = 'the-bucket';

let directory: string;
let server: EmbeddedS3;
let proxy: FaultProxy;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sftpgw-probe-'));
  server = await startEmbeddedS3({ directory, listen: { host: '127.0.0.1', port: 0 }, region: 'us-east-1' });
  await server.ensureBucket(bucket);
  proxy = await FaultProxy.start(server.endpoint, null);
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await server.close(1_000);
  await rm(directory, { recursive: true });
});
afterEach(() => {
  proxy.decide = () => ({ do: 'pass' });
});

function probe(more: Partial<S3StoreOptions> = {}, sseC = true, name = bucket) {
  const options: S3StoreOptions = {
    endpoint: proxy.endpoint,
    region: 'us-east-1',
    credentials: server.credentials,
    clock: systemClock,
    entropy: systemEntropy,
    ...more,
  };
  return probeS3(call, options, { bucket: name, sseC });
}

function refuse(matches: (seen: SeenRequest) => boolean, status: number, code: string): void {
  const answer: ProxyAction = { do: 'answer', status, body: `<Error><Code>${code}</Code></Error>` };
  proxy.decide = (seen) => (matches(seen) ? answer : { do: 'pass' });
}

/** Why what is found out with CRC-32C cannot be tried here. */
const noCrc32c =
  checksumsInUse() === 'crc32c' ? '' : ' (skipped: no binary of @node-rs/crc32, so CRC-32C is not in use)';

describe('the probe', () => {
  it('writes no object into a bucket that would lock it, and reports what it did not try', async () => {
    const rule = '<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule>';
    const enabled = '<ObjectLockEnabled>Enabled</ObjectLockEnabled>';
    const written: string[] = [];
    for (const [lock, isLocked] of [
      [`${enabled}${rule}`, true],
      [enabled, false],
    ] as const) {
      written.length = 0;
      proxy.decide = (seen) => {
        if (seen.method === 'PUT') written.push(seen.url);
        if (!seen.url.includes('object-lock')) return { do: 'pass' };
        const body = `<ObjectLockConfiguration>${lock}</ObjectLockConfiguration>`;
        return { do: 'answer', status: 200, body };
      };
      const findings = await probe();
      expect(findings.map(({ severity, about }) => `${severity} ${about}`)).toEqual(
        isLocked ? ['notice object-lock'] : [],
      );
      expect(written.length > 0).toBe(!isLocked);
    }
  });

  it('finds nothing without a problem', async () => {
    expect(await probe()).toEqual([]);
  });

  it.each([true, false])('finds a server that refuses copies (customer keys: %s)', async (sseC) => {
    const versions = async () => {
      const { client } = createS3Client({ ...server, region: 'us-east-1' });
      const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
      client.destroy();
      return Versions;
    };
    refuse((seen) => seen.headers['x-amz-copy-source'] !== undefined, 501, 'NotImplemented');
    const about = sseC ? /objects that are encrypted with a customer key/ : /does not copy objects/;
    expect(await probe({}, sseC)).toMatchObject([
      { severity: 'warning', about: 'copies', what: expect.stringMatching(about) },
    ]);
    expect(await versions()).toEqual([]);
  });

  it('finds a server whose copies do not confirm the key', async () => {
    const key = 'x-amz-server-side-encryption-customer';
    proxy.decide = ({ headers }) =>
      headers['x-amz-copy-source'] === undefined
        ? { do: 'pass' }
        : { do: 'change-headers', headers: { [`${key}-algorithm`]: null, [`${key}-key-md5`]: null } };
    expect(await probe()).toMatchObject([{ severity: 'warning', about: 'copies' }]);
  });

  it.each<[string, (seen: SeenRequest) => boolean, 'error' | 'warning']>([
    ['s3:ListBucket', (seen) => seen.url.includes('list-type=2'), 'error'],
    ['s3:PutObject', (seen) => seen.method === 'PUT', 'error'],
    [
      's3:GetObject',
      (seen) =>
        /^(GET|HEAD)$/.test(seen.method) &&
        /\/\.sftpgw\/probe-/.test(seen.url) &&
        !/[?&]tagging/.test(seen.url),
      'error',
    ],
    ['s3:DeleteObject', (seen) => seen.method === 'DELETE' && !seen.url.includes('uploadId'), 'warning'],
    ['s3:AbortMultipartUpload', (seen) => seen.method === 'DELETE' && seen.url.includes('uploadId'), 'error'],
    [
      's3:ListBucketMultipartUploads',
      (seen) => seen.method === 'GET' && /[?&]uploads/.test(seen.url),
      'warning',
    ],
  ])('names the missing permission: %s', async (permission, matches, severity) => {
    refuse(matches, 403, 'AccessDenied');
    const findings = await probe();
    expect(findings).toHaveLength(1);
    expect(findings[0]?.severity).toBe(severity);
    expect(findings[0]?.whatToDo).toContain(`Allow ${permission}`);
  });

  it('finds that tags are not allowed, or not kept', async () => {
    const bearsTags = (seen: SeenRequest) => 'x-amz-tagging' in seen.headers;
    refuse(bearsTags, 403, 'AccessDenied');
    const isError = { severity: 'error', whatToDo: expect.stringContaining('s3:PutObjectTagging') };
    expect(await probe()).toMatchObject([isError]);
    expect(await probe({ keyTags: false })).toEqual([]);
    expect(await probe({}, false)).toEqual([]);
    refuse(bearsTags, 501, 'NotImplemented');
    expect(await probe()).toMatchObject([{ severity: 'error', whatToDo: 'Set ledger.tags=no.' }]);
    refuse((seen) => /[?&]tagging/.test(seen.url), 403, 'AccessDenied');
    const isWarning = { severity: 'warning', whatToDo: expect.stringContaining('s3:GetObjectTagging') };
    expect(await probe()).toMatchObject([isWarning]);
    const body = '<Tagging><TagSet></TagSet></Tagging>';
    proxy.decide = ({ url }) =>
      /[?&]tagging/.test(url) ? { do: 'answer', status: 200, body } : { do: 'pass' };
    expect(await probe()).toMatchObject([
      { severity: 'warning', what: expect.stringContaining('does not keep the tag') },
    ]);
  });

  it('leaves nothing in a bucket with versioning, or a marker and a version if it may not remove them', async () => {
    const target = { ...server.credentials };
    const { client } = createS3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: target,
    });
    await server.ensureBucket('versioned');
    const versioning = { Bucket: 'versioned', VersioningConfiguration: { Status: 'Enabled' } } as const;
    await client.send(new PutBucketVersioningCommand(versioning));
    const left = async () => {
      const found = await client.send(new ListObjectVersionsCommand({ Bucket: 'versioned' }));
      return [found.Versions?.length ?? 0, found.DeleteMarkers?.length ?? 0];
    };
    expect(await probe({}, true, 'versioned')).toEqual([]);
    expect(await left()).toEqual([0, 0]);
    refuse((seen) => seen.method === 'DELETE' && /versionId/.test(seen.url), 403, 'AccessDenied');
    expect(await probe({}, true, 'versioned')).toEqual([]);
    expect(await left()).toEqual([1, 1]);
    client.destroy();
  });

  it.skipIf(noCrc32c !== '')(`finds a server that refuses checksums${noCrc32c}`, async () => {
    const isSent = (seen: SeenRequest, name: string) => `x-amz-checksum-${name}` in seen.headers;
    const isError = (whatToDo: string) => [{ severity: 'error', about: 'checksums', whatToDo }];
    refuse((seen) => isSent(seen, 'crc32c'), 501, 'NotImplemented');
    expect(await probe()).toMatchObject(isError('Set checksums=crc32.'));
    expect(await probe({ checksums: 'crc32' })).toEqual([]);
    refuse((seen) => isSent(seen, 'crc32c') || isSent(seen, 'crc32'), 501, 'NotImplemented');
    expect(await probe()).toMatchObject(isError('Set checksums=none.'));
    expect(await probe({ checksums: 'crc32' })).toMatchObject(isError('Set checksums=none.'));
    expect(await probe({ checksums: 'none' })).toEqual([]);
  });

  it.skipIf(noCrc32c !== '')(
    `finds a server that takes a checksum of an object, and none over the parts of an upload${noCrc32c}`,
    async () => {
      refuse((seen) => seen.headers['x-amz-checksum-algorithm'] === 'CRC32C', 400, 'InvalidRequest');
      expect(await probe()).toMatchObject([
        { severity: 'error', about: 'checksums', whatToDo: 'Set checksums=crc32.' },
      ]);
      expect(await probe({ checksums: 'crc32' })).toEqual([]);
    },
  );

  it('finds a server that accepts the key and does not use it', async () => {
    const headers = {
      'x-amz-server-side-encryption-customer-algorithm': null,
      'x-amz-server-side-encryption-customer-key-md5': null,
    };
    proxy.decide = (seen) => (seen.method === 'PUT' ? { do: 'change-headers', headers } : { do: 'pass' });
    expect(await probe()).toMatchObject([{ severity: 'error', what: expect.stringContaining('SSE-C') }]);
  });

  it.each([
    [6, 'warning'],
    [60, 'error'],
  ])('finds a clock that is %i minutes off', async (minutes, severity) => {
    const date = new Date(Date.now() + minutes * 60_000).toUTCString();
    proxy.decide = (seen) =>
      seen.url.includes('list-type=2') ? { do: 'change-headers', headers: { date } } : { do: 'pass' };
    const findings = (await probe()).filter((finding) => finding.what.includes('clock'));
    expect(findings).toMatchObject([{ severity, what: expect.stringContaining(`${minutes} minutes`) }]);
  });

  it('finds plain http only if keys would be sent over it', async () => {
    const endpoint = 'http://s3.example.invalid';
    const [first, ...others] = await probe({ endpoint });
    expect(first).toMatchObject({ severity: 'error', whatToDo: expect.stringContaining('https://') });
    expect(others.map((finding) => finding.what)).toEqual([
      'The name of the S3 endpoint cannot be resolved.',
    ]);
    const without = await probe({ endpoint }, false);
    expect(without.map((finding) => finding.what)).toEqual([
      'The name of the S3 endpoint cannot be resolved.',
    ]);
  });

  it('reports one sentence for each problem and solution', async () => {
    refuse(() => true, 403, 'AccessDenied');
    for (const { what, whatToDo } of await probe()) {
      expect(what).toMatch(/^\p{Lu}[^\n]*\.$/u);
      expect(whatToDo).toMatch(/^\p{Lu}[^\n]*\.$/u);
    }
  });
});
