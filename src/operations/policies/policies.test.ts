import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketStatements, gatewayPlaceholder, policyChange } from './bucket-policy.js';
import { rolePolicy } from './role-policy.js';
import { bucketsOf, type PrefixNeed, type StorageNeeds } from './storage-needs.js';

const prefix = fc.stringMatching(/^[a-z]{1,8}\/(?:uploads|downloads)\/$/);
const need: fc.Arbitrary<PrefixNeed> = fc.record({
  bucket: fc.constantFrom('one', 'two', 'three'),
  prefix,
  use: fc.constantFrom('uploads', 'downloads'),
  option: fc.constantFrom(1, 2, 3, 4, null),
  kmsKeyArn: fc.constantFrom(null, 'arn:aws:kms:eu-west-1:111122223333:key/a'),
  acl: fc.constantFrom(null, 'bucket-owner-full-control'),
  roleArn: fc.constantFrom(null, null, 'arn:aws:iam::444455556666:role/bob'),
});
const needs: fc.Arbitrary<StorageNeeds> = fc.record({
  prefixes: fc.array(need, { maxLength: 8 }),
  defaultBucket: fc.constantFrom('one', 'four'),
  eventQueueArn: fc.constantFrom(null, 'arn:aws:sqs:eu-west-1:111122223333:events'),
});
const gateway = 'arn:aws:iam::111122223333:role/sftpgw';

const listOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value : [String(value)]);

describe('rolePolicy', () => {
  it('names every prefix in use without a role and .sftpgw/, and no other object', () => {
    fc.assert(
      fc.property(needs, (wanted) => {
        const objects = rolePolicy(wanted).Statement.find(({ Sid }) => Sid === 'SftpgwObjects');
        const expected = [
          `arn:aws:s3:::${wanted.defaultBucket}/.sftpgw/*`,
          ...wanted.prefixes
            .filter(({ roleArn }) => roleArn === null)
            .map((used) => `arn:aws:s3:::${used.bucket}/${used.prefix}*`),
        ];
        expect(new Set(listOf(objects?.['Resource']))).toEqual(new Set(expected));
      }),
    );
  });

  it('allows to assume the roles of users, which may then write with customer keys', () => {
    fc.assert(
      fc.property(needs, (wanted) => {
        const roles = new Set(wanted.prefixes.flatMap(({ roleArn }) => roleArn ?? []));
        const statement = rolePolicy(wanted).Statement.find(({ Sid }) => Sid === 'SftpgwRoles');
        expect(new Set(statement === undefined ? [] : listOf(statement['Resource']))).toEqual(roles);
        for (const bucket of bucketsOf(wanted)) {
          const text = JSON.stringify(bucketStatements(wanted, bucket, { gateway, others: [] }));
          const isUsed = wanted.prefixes.some((used) => used.bucket === bucket && used.roleArn !== null);
          expect(text.includes('444455556666')).toBe(isUsed);
        }
      }),
    );
  });

  it('allows neither changes of a bucket nor wildcard actions', () => {
    fc.assert(
      fc.property(needs, (wanted) => {
        const actions = rolePolicy(wanted).Statement.flatMap((statement) => listOf(statement['Action']));
        expect(
          actions.filter((action) => /\*|PutBucket|PutLifecycle|PutEncryption|DeleteBucket/.test(action)),
        ).toEqual([]);
      }),
    );
  });
});

describe('bucketStatements', () => {
  it('requires a key only below the prefixes of users with SSE-C', () => {
    fc.assert(
      fc.property(needs, (wanted) => {
        for (const bucket of bucketsOf(wanted)) {
          const expected = wanted.prefixes
            .filter((used) => used.bucket === bucket && used.option === 3)
            .map((used) => `arn:aws:s3:::${bucket}/${used.prefix}*`);
          const required = bucketStatements(wanted, bucket, { gateway, others: [] }).filter(
            ({ Sid }) => Sid === 'SftpgwRequireCustomerKey',
          );
          expect(new Set(required.flatMap((statement) => listOf(statement['Resource'])))).toEqual(
            new Set(expected),
          );
        }
      }),
    );
  });

  it('never applies a placeholder, which would lock the gateway out', () => {
    fc.assert(
      fc.property(needs, (wanted) => {
        const { statements } = policyChange(wanted, 'one', { gateway: null, others: [] });
        expect(JSON.stringify(statements)).not.toContain(gatewayPlaceholder);
        expect(statements.some(({ Sid }) => Sid === 'SftpgwOnlyTheseWriteWithCustomerKeys')).toBe(false);
      }),
    );
  });

  it('removes the requirement once no user of the bucket has SSE-C', () => {
    const wanted: StorageNeeds = { prefixes: [], defaultBucket: 'one', eventQueueArn: null };
    expect(policyChange(wanted, 'one', { gateway, others: [] }).obsoleteSids).toEqual([
      'SftpgwRequireCustomerKey',
    ]);
  });
});
