import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import { checksumOf } from '../../bytes/running-checksum.js';
import { CustomerKey } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import { isLoopbackHost } from '../../network/local-hosts.js';
import { createS3ObjectStore } from '../object-store.js';
import { refuseKeyInClear } from './key-in-clear.js';

const withKey = { 'X-Amz-Server-Side-Encryption-Customer-Key': 'c2VjcmV0' };
const withSourceKey = { 'x-amz-copy-source-server-side-encryption-customer-key': 'c2VjcmV0' };

describe('a customer key', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', '[::1]', 'localhost', 'LOCALHOST', 'bucket.localhost'])(
    'may be sent over http to %s',
    (hostname) => {
      expect(isLoopbackHost(hostname)).toBe(true);
      refuseKeyInClear({ protocol: 'http:', hostname, headers: withKey });
    },
  );

  it.each([
    's3.example.com',
    '127.0.0.1.example.com',
    '10.0.0.1',
    'localhost.example.com',
    '::2',
    '1127.0.0.1',
  ])('may not be sent over http to %s', (hostname) => {
    expect(isLoopbackHost(hostname)).toBe(false);
    for (const headers of [withKey, withSourceKey]) {
      expect(() => refuseKeyInClear({ protocol: 'http:', hostname, headers })).toThrow(Fault);
      refuseKeyInClear({ protocol: 'https:', hostname, headers });
    }
    refuseKeyInClear({ protocol: 'http:', hostname, headers: { range: 'bytes=0-1' } });
  });

  it('does not leave the process: the store refuses before it resolves the host', async () => {
    await using store = createS3ObjectStore({
      endpoint: 'http://s3.example.invalid',
      region: 'us-east-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      clock: systemClock,
      entropy: systemEntropy,
    });
    const call = { id: 'x', signal: new AbortController().signal, log: silent };
    const encryption = { kind: 'sse-c', key: CustomerKey.fromBytes(randomBytes(32)) } as const;
    const options = { encryption, acl: null, metadata: {}, contentType: null };
    const ref = { bucket: 'bucket', key: 'key' };
    const body = { chunks: [], byteLength: 0, checksum: checksumOf('crc32c') };
    for (const attempt of [
      store.put(call, ref, body, options),
      store.head(call, ref, encryption),
      store.read(call, ref, encryption, null),
      store.beginUpload(call, ref, options),
    ]) {
      await expect(attempt).rejects.toMatchObject({
        kind: 'denied',
        hint: expect.stringContaining('https://'),
      });
    }
  });
});

const silent = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};
