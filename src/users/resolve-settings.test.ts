import { describe, expect, it } from 'vitest';
import { parseUsername } from '../model/users.js';
import type { GatewayDefaults } from './defaults.js';
import { resolveSettings, wholeBucketProblem } from './resolve-settings.js';
import { parseUserProperties } from './user-properties.js';

const bob = parseUsername('bob');
const directories = { homes: '/root/home', shared: '/root/shared', removed: '/root/removed' };
const resolved = (text: string, defaults: Partial<GatewayDefaults> = {}) =>
  resolveSettings(
    bob,
    parseUserProperties(Buffer.from(text)).properties,
    { bucket: 'default', ...defaults },
    directories,
  );

describe('the settings of a user', () => {
  it('have the bucket and the prefix of the file, or else the default bucket and a prefix of the name', () => {
    expect(resolved('')).toMatchObject({ uploadBucket: 'default', uploadPrefix: 'bob/uploads/' });
    expect(resolved('upload.bucket=own\nupload.prefix=in/\n', { bucket: null })).toMatchObject({
      uploadBucket: 'own',
      uploadPrefix: 'in/',
      downloadsPrefix: 'bob/downloads/',
    });
  });

  it('need a bucket', () => {
    expect(() => resolved('', { bucket: null })).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });

  it.each<[text: string, defaults: Partial<GatewayDefaults>, bytes: number | null, files: number | null]>([
    ['', {}, null, null],
    ['', { localLimitBytes: 5, localFilesLimit: 7 }, 5, 7],
    ['', { localLimitBytes: 0, localFilesLimit: 0 }, null, null],
    ['local.limit=1KiB\nlocal.files.limit=3', { localLimitBytes: 5, localFilesLimit: 7 }, 1_024, 3],
    ['local.limit=0\nlocal.files.limit=0', { localLimitBytes: 5, localFilesLimit: 7 }, null, null],
    ['local.limit=1KiB', { localFilesLimit: 7 }, 1_024, 7],
  ])('have limits of /local: %j with the defaults %o', (text, defaults, localLimitBytes, localFilesLimit) => {
    expect(resolved(text, defaults)).toMatchObject({ localLimitBytes, localFilesLimit });
  });
});

describe('uploads to a whole bucket', () => {
  it.each<[bucket: string | null, prefix: string | null, defaultBucket: string | null, isRefused: boolean]>([
    [null, '', 'default', true],
    ['default', '', 'default', true],
    ['own', '', 'default', false],
    ['own', '', null, false],
    [null, '', null, true],
    [null, null, 'default', false],
    ['default', 'in/', 'default', false],
  ])(
    'with the bucket %j, the prefix %j and the default %j are refused: %j',
    (uploadBucket, uploadPrefix, bucket, isRefused) => {
      const problem = wholeBucketProblem({ uploadBucket, uploadPrefix }, { bucket });
      if (isRefused) expect(problem).toMatch(/the whole bucket/);
      else expect(problem).toBeNull();
    },
  );
});
