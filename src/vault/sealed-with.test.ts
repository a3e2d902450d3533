import { describe, expect, it } from 'vitest';
import type { ObjectEncryption, WriteEncryption } from '../model/encryption.js';
import type { SealedWith } from '../model/ledger.js';
import {
  accessWithKeys,
  expectedEncryption,
  isEncryptedAs,
  sealedAsReported,
  sealedWith,
} from './sealed-with.js';
import { keyNamed } from './testing/vault-world.js';

const mine = keyNamed('mine');
const theirs = keyNamed('theirs');
const arn = (name: string) => `arn:aws:kms:eu-central-1:111122223333:key/${name}`;
const alias = 'arn:aws:kms:eu-central-1:111122223333:alias/files';

const sealedMine: SealedWith = {
  kind: 'sse-c',
  fingerprint: mine.fingerprint,
  keyMd5Base64: mine.md5Base64,
};
const reportedMine: ObjectEncryption = { kind: 'sse-c', keyMd5Base64: mine.md5Base64 };
const reportedTheirs: ObjectEncryption = { kind: 'sse-c', keyMd5Base64: theirs.md5Base64 };

describe('what the ledger records about an encryption', () => {
  it.each<[WriteEncryption, SealedWith, ObjectEncryption]>([
    [{ kind: 'sse-c', key: mine }, sealedMine, reportedMine],
    [{ kind: 'sse-s3' }, { kind: 'sse-s3' }, { kind: 'sse-s3' }],
    [
      { kind: 'sse-kms', keyArn: arn('a') },
      { kind: 'sse-kms', keyArn: arn('a') },
      { kind: 'sse-kms', keyArn: arn('a') },
    ],
    [{ kind: 'bucket-default' }, { kind: 'bucket-default' }, { kind: 'unknown' }],
  ])('names the key but does not contain it: %o', (encryption, sealed, reported) => {
    expect(sealedWith(encryption)).toEqual(sealed);
    expect(JSON.stringify(sealedWith(encryption))).not.toContain(
      Buffer.from(mine.reveal()).toString('base64'),
    );
    expect(expectedEncryption(encryption)).toEqual(reported);
    expect(isEncryptedAs(reported, sealed)).toBe(true);
  });

  it.each<[ObjectEncryption, SealedWith | null]>([
    [reportedMine, sealedMine],
    [reportedTheirs, null],
    [{ kind: 'sse-s3' }, { kind: 'sse-s3' }],
    [
      { kind: 'sse-kms', keyArn: arn('a') },
      { kind: 'sse-kms', keyArn: arn('a') },
    ],
    [{ kind: 'sse-kms', keyArn: null }, { kind: 'bucket-default' }],
    [{ kind: 'unknown' }, { kind: 'bucket-default' }],
  ])('is made from what S3 reports: %o', (reported, sealed) => {
    expect(sealedAsReported(reported, [keyNamed('other'), mine])).toEqual(sealed);
  });

  it('of a customer key is unknown without keys', () => {
    expect(sealedAsReported(reportedMine, [])).toBeNull();
  });
});

describe('the access to an object', () => {
  it('is the key that the ledger names, if it is available', () => {
    expect(accessWithKeys(sealedMine, [theirs, mine])).toEqual({ kind: 'sse-c', key: mine });
    expect(accessWithKeys(sealedMine, [theirs])).toBeNull();
    expect(accessWithKeys(sealedMine, [])).toBeNull();
  });

  it.each<SealedWith>([{ kind: 'sse-s3' }, { kind: 'sse-kms', keyArn: alias }, { kind: 'bucket-default' }])(
    'needs no key: %o',
    (sealed) => {
      expect(accessWithKeys(sealed, [mine])).toEqual({ kind: 'no-key' });
    },
  );
});

describe('the encryption that S3 reports', () => {
  const reports: readonly ObjectEncryption[] = [
    reportedMine,
    reportedTheirs,
    { kind: 'sse-s3' },
    { kind: 'sse-kms', keyArn: arn('a') },
    { kind: 'sse-kms', keyArn: arn('b') },
    { kind: 'sse-kms', keyArn: null },
    { kind: 'unknown' },
  ];
  const fits = (sealed: SealedWith) => reports.map((report) => isEncryptedAs(report, sealed));

  it.each<[string, SealedWith, readonly boolean[]]>([
    ['a customer key', sealedMine, [true, false, false, false, false, false, false]],
    ['SSE-S3', { kind: 'sse-s3' }, [false, false, true, false, false, false, false]],
    ['a KMS key', { kind: 'sse-kms', keyArn: arn('a') }, [false, false, false, true, false, true, false]],
    // S3 reports the ARN of the key, which cannot be compared with an alias or an id.
    ['a KMS alias', { kind: 'sse-kms', keyArn: alias }, [false, false, false, true, true, true, false]],
    ['a KMS key id', { kind: 'sse-kms', keyArn: 'a' }, [false, false, false, true, true, true, false]],
    ['the default', { kind: 'bucket-default' }, [false, false, true, true, true, true, true]],
  ])('is compared with %s that was requested', (_, sealed, expected) => {
    expect(fits(sealed)).toEqual(expected);
  });
});
