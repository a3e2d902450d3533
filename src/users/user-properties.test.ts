import { describe, expect, it } from 'vitest';
import { parseUserProperties } from './user-properties.js';

const parse = (text: string) => parseUserProperties(Buffer.from(text));
const errors = (text: string) =>
  parse(text)
    .problems.filter((problem) => problem.severity === 'error')
    .map(({ line, text: message }) => `${line}: ${message}`);

describe('user.properties', () => {
  it('has the defaults if it is empty', () => {
    expect(parse('')).toEqual({
      properties: {
        uploadOption: 1,
        kmsKeyArn: null,
        uploadKeyId: null,
        syncOption: null,
        syncKeyId: null,
        uploadBucket: null,
        uploadPrefix: null,
        acl: null,
        dropbox: false,
        downloads: false,
        shared: false,
        downloadsMode: 'mirror',
        downloadsDelete: false,
        loginMethods: [['publickey'], ['password']],
        totp: false,
        loginFrom: null,
      },
      problems: [],
    });
  });

  it('allows logins from the networks of login.from, and from nowhere if it is wrong', () => {
    const from = (text: string) => parse(`login.from=${text}`).properties.loginFrom;
    const list = from('192.0.2.0/24, !192.0.2.7, 2001:db8::/32');
    expect(['192.0.2.1', '192.0.2.7', '2001:db8::1', '10.0.0.1'].map((at) => list?.match(at))).toEqual([
      true,
      false,
      true,
      false,
    ]);
    for (const wrong of ['*.example.org', '192.0.2.1/24', '']) {
      expect(from(wrong)?.match('192.0.2.1')).toBe(false);
      expect(errors(`login.from=${wrong}`)).toHaveLength(1);
    }
  });

  it('is read with every setting, ignoring blanks around values', () => {
    const text = [
      'sse.option = 2 ',
      'sse.kms.key.arn=arn:aws:kms:eu-west-1:111122223333:key/1234abcd',
      'sse.sync.option: 3',
      'upload.bucket=my-bucket',
      'upload.prefix=in/bob/',
      'acl.option=7',
      'upload.dropbox=YES',
      'downloads=true',
      'shared=yes',
      'downloads.mode=direct',
      'downloads.delete=yes',
      'sse.key.id= 0123456789abcdef0123456789abcdef',
      'sse.sync.key.id=',
      'login.methods =  publickey,keyboard-interactive   publickey,password ',
      'login.totp=yes',
    ].join('\r\n');
    expect(parse(text)).toEqual({
      properties: {
        uploadOption: 2,
        kmsKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd',
        uploadKeyId: '0123456789abcdef0123456789abcdef',
        syncOption: 3,
        syncKeyId: null,
        uploadBucket: 'my-bucket',
        uploadPrefix: 'in/bob/',
        acl: 'bucket-owner-full-control',
        dropbox: true,
        downloads: true,
        shared: true,
        downloadsMode: 'direct',
        downloadsDelete: true,
        loginMethods: [
          ['publickey', 'keyboard-interactive'],
          ['publickey', 'password'],
        ],
        totp: true,
        loginFrom: null,
      },
      problems: [],
    });
  });

  it.each([
    ['sse.option=5', /^1: sse\.option must be 1 .*; it is "5"$/],
    ['\n\nsse.option=three', /^3: sse\.option/],
    ['sse.option=', /^1: sse\.option/],
    ['sse.option=2', /^1: sse\.option=2 needs sse\.kms\.key\.arn$/],
    ['sse.kms.key.arn=arn:aws:s3:::x', /key ARN/],
    ['acl.option=9', /1 \(private\).*8 \(log-delivery-write\)/],
    ['upload.bucket=s3://b', /without s3:\/\//],
    ['upload.prefix=bob', /must end with "\/"/],
    ['upload.prefix=/bob/', /must not begin/],
    ['upload.prefix=a/../b/', /must not contain/],
    ['upload.prefix=a//b/', /must not contain/],
    ['upload.prefix=/', /must not begin/],
    ['upload.prefix=', /must end with/],
    ['upload.prefix=.sftpgw/', /the gateway uses itself/],
    ['upload.prefix=.sftpgw/snapshots/', /the gateway uses itself/],
    ['downloads=maybe', /yes or no/],
    ['sse.optoin=3', /^1: unknown setting "sse.optoin"; did you mean sse\.option\?$/],
    ['colour=red', /^1: unknown setting "colour"$/],
    ['upload.exclusions=filepart', /^1: upload\.exclusions is not supported yet; remove the line$/],
    ['downloads.delete=perhaps', /yes or no/],
    ['login.methods=', /must be sequences of publickey/],
    ['login.methods=publickey;password', /must be sequences of publickey/],
    ['login.methods=publickey, password', /must be sequences of publickey/],
    ['login.methods=any', /must be sequences of publickey/],
    ['login.totp=maybe', /yes or no/],
    ['downloads.mode=stream', /must be mirror .* or direct/],
    ['sse.key.id=x', /must be the id of a key, 32 hexadecimal digits/],
    ['=3', /the name before the value is missing/],
  ])('refuses %j with line and reason', (text, reason) => {
    expect(errors(text)).toEqual([expect.stringMatching(reason)]);
  });

  it('accepts a reserved setting with the value of the present behaviour', () => {
    expect(parse('upload.exclusions=\nsse.key.id=\n').problems).toEqual([]);
  });

  it.each(['login.methods=any\nlogin.totp=perhaps', 'login.methods=\nlogin.totp='])(
    'refuses all logins with a wrong value: %j',
    (text) => {
      expect(parse(text).properties).toMatchObject({ loginMethods: [], totp: true });
    },
  );

  it('uses the last of two values and reports it', () => {
    const { properties, problems } = parse('sse.option=1\nsse.option=3\n');
    expect(properties.uploadOption).toBe(3);
    expect(problems).toMatchObject([{ severity: 'notice', line: 2 }]);
  });

  it('refuses other encodings and huge files', () => {
    expect(parseUserProperties(Buffer.from([0x61, 0x3d, 0xff])).problems).toMatchObject([
      { severity: 'error', text: 'the file is not valid UTF-8' },
    ]);
    expect(parseUserProperties(Buffer.alloc(70_000, 0x0a)).problems).toMatchObject([{ severity: 'error' }]);
  });
});
