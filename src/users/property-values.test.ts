import { describe, expect, it } from 'vitest';
import { uploadRights } from '../model/users/upload-rights.js';
import {
  parseAclOption,
  parseBucketName,
  parseByteLimit,
  parseCountLimit,
  parseDownloadsMode,
  parseEncryptionOption,
  parseEndpoint,
  parseExpiry,
  parseExternalId,
  parseKeyId,
  parseKmsKey,
  parseLoginMethods,
  parseNetworks,
  parseRegion,
  parseRoleArn,
  parseUploadExclusions,
  parseUploadPrefix,
  parseUploadRights,
  parseYesNo,
} from './property-values.js';

type Parse = (text: string) => { readonly value: unknown } | { readonly problem: string };

interface Rule {
  readonly parse: Parse;
  readonly accepted: readonly (readonly [string, unknown])[];
  readonly refused: readonly string[];
}

/** Returns pairs of a text and itself, for values that are kept as they are. */
const same = (...texts: readonly string[]) => texts.map((text) => [text, text] as const);
const role = 'arn:aws:iam::111122223333:role/sftp-bob';
const kms = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd';
const id = 'a1'.repeat(16);

const rules: Readonly<Record<string, Rule>> = {
  'an encryption option': {
    parse: parseEncryptionOption,
    accepted: [
      ['1', 1],
      ['2', 2],
      ['3', 3],
      ['4', 4],
    ],
    refused: ['', '0', '5', '01', '11', '1 ', 'x1', '1x', 'SSE-C'],
  },
  'an ACL option': {
    parse: parseAclOption,
    accepted: [
      ['1', 1],
      ['8', 8],
    ],
    refused: ['', '0', '9', '18', 'private'],
  },
  'a switch': {
    parse: parseYesNo,
    accepted: [
      ...['yes', 'true', 'on', 'Yes', 'TRUE'].map((text) => [text, true] as const),
      ...['no', 'false', 'off', 'No', 'OFF'].map((text) => [text, false] as const),
    ],
    refused: ['', 'y', 'n', 'yess', 'eyes', 'nno', 'off!', 'xfalse', '1', 'perhaps'],
  },
  'a time of expiry': {
    parse: parseExpiry,
    accepted: [
      ['2027-01-31', Date.UTC(2027, 0, 31)],
      ['2028-02-29', Date.UTC(2028, 1, 29)],
      ['2027-01-31T18:05Z', Date.UTC(2027, 0, 31, 18, 5)],
      ['2027-01-31T18:05:59Z', Date.UTC(2027, 0, 31, 18, 5, 59)],
      ['2027-01-31T18:05:59.5Z', Date.UTC(2027, 0, 31, 18, 5, 59, 500)],
      ['2027-01-31T18:05:59.123Z', Date.UTC(2027, 0, 31, 18, 5, 59, 123)],
    ],
    refused: [
      '',
      'never',
      '2027',
      '2027-01',
      '2027-02-29',
      '2027-02-31',
      '2027-13-01',
      '2027-1-31',
      '2027-01-1',
      'x2027-01-31',
      '2027-01-31x',
      '2027-01-31T18:05',
      '2027-01-31T18Z',
      '2027-01-31T1:05Z',
      '2027-01-31T18:5Z',
      '2027-01-31T18:05:5Z',
      '2027-01-31T24:05Z',
      '2027-01-31T18:05:59.1234Z',
      '2027-01-31T18:05:59.Z',
      '2027-01-31 18:05Z',
      '12027-01-31',
    ],
  },
  'methods of logins': {
    parse: parseLoginMethods,
    accepted: [['publickey,password  password', [['publickey', 'password'], ['password']]]],
    refused: ['', 'none', 'publickey,'],
  },
  'upload rights': {
    parse: parseUploadRights,
    accepted: [['none', uploadRights([])]],
    refused: ['', 'list,write', 'All'],
  },
  'a size': {
    parse: parseByteLimit,
    accepted: [
      ['0', 0],
      ['000', 0],
      ['1B', 1],
      ['2KiB', 2048],
      ['3 MiB', 3 * 1024 ** 2],
      ['10GiB', 10 * 1024 ** 3],
      ['1TiB', 1024 ** 4],
      ['0GiB', 0],
    ],
    refused: [
      '',
      '1',
      '-1B',
      '1.5GiB',
      '1GB',
      '1gib',
      'GiB',
      '1GiB!',
      'x1GiB',
      '1 GiB x',
      '1234567890123B',
      '1constructor',
      '999999999999TiB',
    ],
  },
  'a number': {
    parse: parseCountLimit,
    accepted: [
      ['0', 0],
      ['12', 12],
      ['999999999999', 999_999_999_999],
    ],
    refused: ['', '-1', '1.5', 'x1', '1x', ' 1', '1234567890123'],
  },
  'a mode of downloads': {
    parse: parseDownloadsMode,
    accepted: same('mirror', 'direct'),
    refused: ['', 'Mirror', 'mirror '],
  },
  'an id of a key': {
    parse: parseKeyId,
    accepted: [
      ['', null],
      [id, id],
    ],
    refused: [`${id}0`, `0${id}`, id.toUpperCase(), id.slice(1), `${id.slice(1)}g`],
  },
  'a KMS key': {
    parse: parseKmsKey,
    accepted: same(
      kms,
      '1234abcd',
      'alias/x',
      kms.replace('key/', 'alias/'),
      'x'.repeat(2048),
      kms.replace('aws', 'aws-cn'),
    ),
    refused: [
      '',
      'a b',
      'é',
      'a\n',
      'x'.repeat(2049),
      `arn:aws:s3:::b`,
      kms.replace('key/', 'other/'),
      kms.replace('key/1234abcd', 'key/'),
      kms.replace('1111', '11'),
      `arn:x:${kms}`,
      'arn:',
    ],
  },
  'a bucket': {
    parse: parseBucketName,
    accepted: same('abc', 'A-1', 'my.bucket_1', 'x'.repeat(255)),
    refused: ['', 'ab', '-abc', 'abc-', '.abc', 'a..b', 'a/b', 's3://abc', 'a b', 'x'.repeat(256)],
  },
  'a region': {
    parse: parseRegion,
    accepted: same('eu-west-1', 'US-east', 'x', 'x'.repeat(64)),
    refused: ['', 'eu west', 'eu_west', 'x'.repeat(65), 'a/', '/a', 'eu-west-1\n'],
  },
  'an endpoint': {
    parse: parseEndpoint,
    accepted: [
      ['https://s3.example.org', 'https://s3.example.org'],
      ['https://s3.example.org/', 'https://s3.example.org'],
      ['HTTP://127.0.0.1:9000', 'http://127.0.0.1:9000'],
    ],
    refused: [
      '',
      's3.example.org',
      'https://s3.example.org/path',
      'https://u:p@s3.example.org',
      'https://s3.example.org/?q',
      'https://s3.example.org/#f',
      'ftp://s3.example.org',
      'wss://s3.example.org',
      'httpx://s3.example.org',
      'xhttp://s3.example.org',
    ],
  },
  'a role': {
    parse: parseRoleArn,
    accepted: same(
      role,
      'arn:aws-cn:iam::1:role/p/a+=,.@-_b',
      'arn:aws:iam:::role/x',
      role.replace('sftp-bob', 'x'.repeat(576)),
    ),
    refused: [
      '',
      `x${role}`,
      `${role} x`,
      `${role}\n`,
      role.replace('role/', 'user/'),
      role.replace('sftp-bob', ''),
      role.replace('sftp-bob', 'x'.repeat(577)),
      role.replace('iam::', 'sts::'),
      role.replace('111122223333', '1'.repeat(65)),
    ],
  },
  'an external id': {
    parse: parseExternalId,
    accepted: same('ab', 'a+=,.@:/-_', 'x'.repeat(1224)),
    refused: ['', 'a', 'a b', 'é2', ' ab', 'ab ', 'x'.repeat(1225)],
  },
  'a prefix': {
    parse: parseUploadPrefix,
    accepted: [
      ['', ''],
      ['/', ''],
      ...same('a/', 'a/b/', '.a/', 'a../', ' a/', `${'x'.repeat(767)}/`, '.sftpgwx/', 'a/.sftpgw/'),
    ],
    refused: [
      'a',
      '/a/',
      '//',
      'a//',
      'a//b/',
      './',
      '../',
      'a/../',
      'a/./b/',
      '.sftpgw/',
      '.sftpgw/keys/',
      'a\u0001/',
      'a\ud800/',
      `${'x'.repeat(768)}/`,
      `${'é'.repeat(384)}/`,
    ],
  },
  exclusions: {
    parse: parseUploadExclusions,
    accepted: [
      ['', []],
      ['filepart', ['filepart']],
      ['filepart, .in.*', ['filepart', '.in.*']],
      ['*x', ['*x']],
      ['x'.repeat(64), ['x'.repeat(64)]],
      [Array.from({ length: 16 }, () => 'x').join(), Array.from({ length: 16 }, () => 'x')],
    ],
    refused: [
      '*',
      '*.*',
      '**x',
      'a/b',
      'a\u0001',
      'x,,y',
      ',',
      '.',
      '?',
      'x'.repeat(65),
      Array.from({ length: 17 }, () => 'x').join(),
    ],
  },
};

describe.each(Object.entries(rules))('the setting of %s', (_, { parse, accepted, refused }) => {
  it.each(accepted)('accepts %j as %j', (text, value) => expect(parse(text)).toEqual({ value }));

  it.each(refused)('refuses %j, and states what is expected', (text) => {
    expect(parse(text)).toEqual({ problem: expect.stringMatching(/^must /) });
  });
});

describe('the setting of networks', () => {
  it.each(['192.0.2.1', '192.0.2.0/24', '!192.0.2.7', ' 192.0.2.0/24 , 2001:db8::/32 '])(
    'accepts %j',
    (text) => {
      expect(parseNetworks(text)).toHaveProperty('value');
    },
  );

  it.each([
    '',
    '192.0.2.*',
    'host.example.org',
    '192.0.2.1/24',
    '192.0.2.0/33',
    '192.0.2.1,',
    '!!192.0.2.1',
    '1/192.0.2.1',
  ])('refuses %j', (text) => expect(parseNetworks(text)).toHaveProperty('problem'));
});
