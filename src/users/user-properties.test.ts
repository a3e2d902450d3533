import { describe, expect, it } from 'vitest';
import { allRights, dropboxRights, uploadRights } from '../model/users/upload-rights.js';
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
        access: null,
        acl: null,
        uploadRights: allRights,
        uploadExclusions: [],
        downloads: false,
        shared: false,
        downloadsMode: 'mirror',
        downloadsDelete: false,
        local: true,
        localLimitBytes: null,
        localFilesLimit: null,
        loginMethods: [['publickey'], ['password']],
        totp: false,
        loginFrom: null,
        loginDisabled: false,
        loginExpiresMs: null,
        loginWeb: true,
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

  it('disables and expires an account from a time on, and at once if the value is wrong', () => {
    const expiry = (text: string) => parse(`login.expires=${text}`).properties.loginExpiresMs;
    expect(expiry('2027-01-31')).toBe(Date.UTC(2027, 0, 31));
    expect(expiry('2027-01-31T18:00Z')).toBe(Date.UTC(2027, 0, 31, 18));
    expect(expiry('2027-01-31T18:00:01.500Z')).toBe(Date.UTC(2027, 0, 31, 18, 0, 1, 500));
    for (const wrong of ['', 'tomorrow', '2027-02-30', '2027-01-31T25:00Z', '2027-01-31T18:00+01:00']) {
      expect([wrong, expiry(wrong)]).toEqual([wrong, 0]);
      expect(errors(`login.expires=${wrong}`)).toHaveLength(1);
    }
    expect(parse('login.disabled=perhaps').properties.loginDisabled).toBe(true);
    expect(parse('login.disabled=no').properties.loginDisabled).toBe(false);
    expect(parse('login.web=perhaps').properties.loginWeb).toBe(false);
    expect(parse('login.web=yes').properties.loginWeb).toBe(true);
  });

  it('is read with every setting, ignoring blanks around values', () => {
    const text = [
      'sse.option = 2 ',
      'sse.kms.key.arn=arn:aws:kms:eu-west-1:111122223333:key/1234abcd',
      'sse.sync.option: 3',
      'upload.bucket=my-bucket',
      'upload.prefix=in/bob/',
      'acl.option=7',
      'upload.region=eu-west-1',
      'upload.endpoint=https://s3.example.org/',
      'upload.role.arn=arn:aws:iam::111122223333:role/sftp/bob',
      'upload.role.external.id=ext:1',
      'upload.dropbox=YES',
      'upload.exclusions=filepart, .in.*',
      'downloads=true',
      'shared=yes',
      'downloads.mode=direct',
      'downloads.delete=yes',
      'local=no',
      'local.limit=10GiB',
      'local.files.limit=0',
      'sse.key.id= 0123456789abcdef0123456789abcdef',
      'sse.sync.key.id=',
      'login.methods =  publickey,keyboard-interactive   publickey,password ',
      'login.totp=yes',
      'login.disabled=yes',
      'login.expires=2027-01-31',
      'login.web=no',
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
        access: {
          region: 'eu-west-1',
          endpoint: 'https://s3.example.org',
          roleArn: 'arn:aws:iam::111122223333:role/sftp/bob',
          externalId: 'ext:1',
        },
        acl: 'bucket-owner-full-control',
        uploadRights: dropboxRights,
        uploadExclusions: ['filepart', '.in.*'],
        downloads: true,
        shared: true,
        downloadsMode: 'direct',
        downloadsDelete: true,
        local: false,
        localLimitBytes: 10 * 1024 ** 3,
        localFilesLimit: 0,
        loginMethods: [
          ['publickey', 'keyboard-interactive'],
          ['publickey', 'password'],
        ],
        totp: true,
        loginFrom: null,
        loginDisabled: true,
        loginExpiresMs: Date.UTC(2027, 0, 31),
        loginWeb: false,
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
    ['upload.prefix=//', /must not begin/],
    ['upload.prefix=.sftpgw/', /the gateway uses itself/],
    ['upload.prefix=.sftpgw/snapshots/', /the gateway uses itself/],
    ['downloads=maybe', /yes or no/],
    ['sse.optoin=3', /^1: unknown setting "sse.optoin"; did you mean sse\.option\?$/],
    ['colour=red', /^1: unknown setting "colour"$/],
    ['upload.exclusions=*', /must be up to 16 suffixes/],
    ['upload.exclusions=a*b*', /must be up to 16 suffixes/],
    ['upload.exclusions=a/b', /must be up to 16 suffixes/],
    ['upload.exclusions=part,', /must be up to 16 suffixes/],
    ['downloads.delete=perhaps', /yes or no/],
    ['local=perhaps', /yes or no/],
    ['local.limit=10', /a size such as 10GiB .*, or 0 for no limit/],
    ['local.limit=10GB', /a size such as 10GiB/],
    ['local.limit=-1GiB', /a size such as 10GiB/],
    ['local.files.limit=many', /a whole number, or 0 for no limit/],
    ['login.methods=', /must be sequences of publickey/],
    ['login.methods=publickey;password', /must be sequences of publickey/],
    ['login.methods=publickey, password', /must be sequences of publickey/],
    ['login.methods=any', /must be sequences of publickey/],
    ['login.totp=maybe', /yes or no/],
    ['downloads.mode=stream', /must be mirror .* or direct/],
    ['sse.key.id=x', /must be the id of a key, 32 hexadecimal digits/],
    ['upload.rights=list,write', /must be all, none, dropbox, or some of list, read, create/],
    ['upload.rights=', /must be all, none, dropbox/],
    ['upload.rights=all\nupload.dropbox=yes', /^2: upload\.dropbox contradicts upload\.rights/],
    ['upload.region=eu west', /must be a region/],
    ['upload.endpoint=https://user:x@s3.example.org', /without a path/],
    ['upload.role.arn=arn:aws:iam::111122223333:user/bob', /the ARN of a role/],
    ['upload.role.external.id=ext', /^1: upload\.role\.external\.id needs upload\.role\.arn$/],
    ['=3', /the name before the value is missing/],
  ])('refuses %j with line and reason', (text, reason) => {
    expect(errors(text)).toEqual([expect.stringMatching(reason)]);
  });

  it.each([
    ['', allRights],
    ['upload.dropbox=no', allRights],
    ['upload.dropbox=yes', dropboxRights],
    ['upload.rights=dropbox', dropboxRights],
    ['upload.rights = remove, list', uploadRights(['list', 'remove'])],
    ['upload.dropbox=no\nupload.rights=list', uploadRights(['list'])],
    ['upload.rights=wrong', uploadRights([])],
    ['upload.dropbox=wrong', dropboxRights],
  ])('grants with %j the rights that it names, and no more if it is wrong', (text, rights) => {
    expect(parse(text).properties.uploadRights).toEqual(rights);
  });

  it('accepts empty values where they mean none', () => {
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

  it('has its problems in the order of the lines, whatever they are', () => {
    const text =
      'sse.option=1\nupload.region=eu west\nsse.option=2\ncolour=red\nlocal=perhaps\nshape=round\n';
    const lines = parse(text).problems.map(({ line }) => line);
    expect(lines.length).toBeGreaterThan(4);
    expect(lines).toEqual([...lines].sort((one, other) => one - other));
  });

  it('refuses other encodings and huge files', () => {
    expect(parseUserProperties(Buffer.from([0x61, 0x3d, 0xff])).problems).toMatchObject([
      { severity: 'error', text: 'the file is not valid UTF-8' },
    ]);
    expect(parseUserProperties(Buffer.alloc(65_537, 0x0a)).problems).toMatchObject([{ severity: 'error' }]);
    expect(parseUserProperties(Buffer.alloc(65_536, 0x0a)).problems).toEqual([]);
  });
});
