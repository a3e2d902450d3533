import type { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { aliceEncryption, call } from '../../vault/testing/vault-world.js';
import { blocksSseC, Diagnosis, type Subject, unblockedRules } from './diagnosis.js';
import type { Attempt } from './translate.js';

const ref = { bucket: 'b', key: 'k' };
const attempt: Attempt = { operation: 'PutObject', ...ref, permission: 's3:PutObject' };
const write = (ifAbsent: boolean): Subject => ({ does: 'write', ref, encryption: aliceEncryption, ifAbsent });

function answerOf(name: string, status: number): Error {
  return Object.assign(new Error('m'), { name, $metadata: { httpStatusCode: status } });
}

function setUp(answer: () => unknown = () => ({})) {
  const sent: string[] = [];
  let nowMs = 0;
  const send = async (command: object) => {
    sent.push(command.constructor.name);
    const answered = answer();
    if (answered instanceof Error) throw answered;
    return answered;
  };
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
  const diagnosis = new Diagnosis({ send } as unknown as S3Client, clock);
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return {
    sent,
    pass,
    explain: (thrown: Error, subject: Subject) => diagnosis.explain(call(), thrown, attempt, subject),
  };
}

describe('a failed condition', () => {
  const failed = answerOf('PreconditionFailed', 412);

  it.each<[string, Subject, string]>([
    ['a write that must not overwrite', write(true), 'exists'],
    ['a write that replaces one object', write(false), 'conflict'],
    ['a read', { does: 'read', ref, access: { kind: 'no-key' } }, 'conflict'],
    ['another request', { does: 'other' }, 'conflict'],
  ])('of %s', async (_, subject, kind) => {
    await expect(setUp().explain(failed, subject)).rejects.toMatchObject({ kind });
  });

  it('of a write that must not overwrite does not hide another fault', async () => {
    await expect(setUp().explain(answerOf('SlowDown', 503), write(true))).rejects.toMatchObject({
      kind: 'throttled',
    });
  });
});

describe('a 404 without a body', () => {
  const absent = answerOf('NotFound', 404);

  it('means no object if the bucket is there, which is remembered for a minute', async () => {
    const { sent, pass, explain } = setUp();
    expect(await explain(absent, { does: 'other' })).toBeNull();
    pass(59_999);
    expect(await explain(absent, { does: 'other' })).toBeNull();
    expect(sent).toEqual(['HeadBucketCommand']);
    pass(1);
    expect(await explain(absent, { does: 'other' })).toBeNull();
    expect(sent).toHaveLength(2);
  });

  it.each([
    ['NotFound', 404],
    ['NoSuchBucket', 404],
  ])('means no bucket if that is absent too (%s)', async (name, status) => {
    const { explain } = setUp(() => answerOf(name, status));
    await expect(explain(absent, { does: 'other' })).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('is the fault of the second request if that fails otherwise', async () => {
    const { explain } = setUp(() => answerOf('SlowDown', 503));
    await expect(explain(absent, { does: 'other' })).rejects.toMatchObject({ kind: 'throttled' });
  });

  it('with a code needs no second request', async () => {
    const { sent, explain } = setUp();
    expect(await explain(answerOf('NoSuchKey', 404), { does: 'other' })).toBeNull();
    await expect(explain(answerOf('NoSuchUpload', 404), { does: 'other' })).rejects.toMatchObject({
      kind: 'not-found',
    });
    expect(sent).toEqual([]);
  });
});

/** Answers each request by its name and, for a HEAD, by whether it has a key. */
function setUpWith(answers: Readonly<Record<string, Error | object>>) {
  const sent: string[] = [];
  const send = async (command: { readonly input: object }) => {
    const withKey = 'SSECustomerKey' in command.input ? ' with a key' : '';
    const name = `${command.constructor.name.replace('Command', '')}${withKey}`;
    sent.push(name);
    const answer = answers[name] ?? {};
    if (answer instanceof Error) throw answer;
    return answer;
  };
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
  const diagnosis = new Diagnosis({ send } as unknown as S3Client, clock);
  return {
    sent,
    diagnosis,
    pass: (ms: number): void => {
      nowMs += ms;
    },
    explain: (thrown: Error, subject: Subject, asked = attempt) =>
      diagnosis.explain(call(), thrown, asked, subject),
  };
}

function withMessage(name: string, status: number, message: string): Error {
  return Object.assign(answerOf(name, status), { message });
}

describe('a read that is refused', () => {
  const reading: Attempt = { operation: 'GetObject', ...ref, permission: 's3:GetObject' };
  const { key } = aliceEncryption.kind === 'sse-c' ? aliceEncryption : { key: null };
  if (key === null) throw new Error('no key');
  const bare: Subject = { does: 'read', ref, access: { kind: 'no-key' } };
  const keyed: Subject = { does: 'read', ref, access: { kind: 'sse-c', key } };

  it('without a body is asked again by a GET of one byte, with the same key', async () => {
    const { explain, sent } = setUpWith({ 'GetObject with a key': answerOf('NoSuchKey', 404) });
    expect(await explain(answerOf('403', 403), keyed, reading)).toBeNull();
    expect(sent).toEqual(['GetObject with a key']);
  });

  it('once, and then allowed, is unavailable', async () => {
    const { explain } = setUpWith({});
    await expect(explain(answerOf('400', 400), bare, reading)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it.each<[string, number, string, Subject, Readonly<Record<string, Error | object>>, string | null]>([
    ['with 400 and without a key', 400, 'm', bare, {}, 'key-missing'],
    ['with 403 and without a key', 403, 'm', bare, {}, 'denied'],
    ['with a key that no object needs', 400, 'm', keyed, {}, 'key-mismatch'],
    ['with a wrong key', 403, 'm', keyed, { HeadObject: answerOf('400', 400) }, 'key-mismatch'],
    ['with any key', 403, 'm', keyed, { HeadObject: answerOf('403', 403) }, 'denied'],
    [
      'for its secret key',
      403,
      'the secret key is',
      keyed,
      { HeadObject: answerOf('403', 403) },
      'key-mismatch',
    ],
    ['although it does not exist', 403, 'm', keyed, { HeadObject: answerOf('NoSuchKey', 404) }, null],
    ['while S3 fails', 403, 'm', keyed, { HeadObject: answerOf('SlowDown', 503) }, 'throttled'],
    ['over plain HTTP', 400, 'must be made over a secure connection', keyed, {}, 'invalid'],
  ])('%s', async (_, status, message, subject, answers, kind) => {
    const { explain } = setUpWith(answers);
    const explained = explain(withMessage('InvalidRequest', status, message), subject, reading);
    if (kind === null) expect(await explained).toBeNull();
    else await expect(explained).rejects.toMatchObject({ kind });
  });

  it.each(['Invalid version id specified', 'versionId is not valid'])(
    'for its version is absent: %s',
    async (message) => {
      const { explain } = setUpWith({});
      expect(await explain(withMessage('InvalidArgument', 400, message), bare, reading)).toBeNull();
    },
  );

  it('for another argument is not absent', async () => {
    const { explain } = setUpWith({});
    await expect(explain(withMessage('InvalidArgument', 400, 'm'), bare, reading)).rejects.toMatchObject({
      kind: 'key-missing',
    });
    await expect(
      explain(withMessage('InvalidRequest', 400, 'the version'), bare, reading),
    ).rejects.toMatchObject({ kind: 'key-missing' });
  });

  it('of one version is asked for that version', async () => {
    const inputs: object[] = [];
    const send = async ({ input }: { readonly input: object }) => {
      inputs.push(input);
      throw answerOf('400', 400);
    };
    const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: async () => undefined };
    const diagnosis = new Diagnosis({ send } as unknown as S3Client, clock);
    const subject = { ...keyed, versionId: 'v' } as Subject;
    await expect(diagnosis.explain(call(), answerOf('403', 403), reading, subject)).rejects.toMatchObject({
      kind: 'key-mismatch',
    });
    expect(inputs).toEqual([
      expect.objectContaining({ Bucket: 'b', Key: 'k', VersionId: 'v', Range: 'bytes=0-0' }),
      { Bucket: 'b', Key: 'k', VersionId: 'v' },
    ]);
  });

  it('of an empty object in Ceph gives no code: the first answer counts', async () => {
    const { explain } = setUpWith({
      'GetObject with a key': answerOf('InvalidRange', 416),
      HeadObject: answerOf('400', 400),
    });
    await expect(explain(answerOf('400', 400), keyed, reading)).rejects.toMatchObject({
      kind: 'key-mismatch',
    });
  });
});

describe('a write that is refused', () => {
  const rules = (rule: object) => ({
    GetBucketEncryption: { ServerSideEncryptionConfiguration: { Rules: [rule] } },
  });
  const blocked = { BlockedEncryptionTypes: { EncryptionType: ['NONE', 'SSE-C'] } };
  const refused = answerOf('AccessDenied', 403);
  const plain: Subject = { does: 'write', ref, encryption: { kind: 'sse-s3' } };

  it.each<[string, Subject, Readonly<Record<string, Error | object>>, string, number]>([
    ['a bucket that blocks SSE-C', write(false), rules(blocked), 'sse-c-blocked', 1],
    ['a bucket with another rule', write(false), rules({}), 'denied', 1],
    ['a bucket without a rule', write(false), {}, 'denied', 1],
    ['a write without a key', plain, rules(blocked), 'denied', 0],
    ['another request', { does: 'other' }, rules(blocked), 'denied', 0],
  ])('by %s', async (_, subject, answers, kind, requests) => {
    const { explain, sent } = setUpWith(answers);
    await expect(explain(refused, subject)).rejects.toMatchObject({ kind });
    expect(sent).toHaveLength(requests);
  });

  it('is not explained by a rule that may not be read, which is remembered for a minute', async () => {
    const { explain, sent, pass } = setUpWith({ GetBucketEncryption: answerOf('AccessDenied', 403) });
    const hint = { hint: expect.stringContaining('allow s3:GetEncryptionConfiguration to find out') };
    await expect(explain(refused, write(false))).rejects.toMatchObject(hint);
    pass(59_999);
    await expect(explain(refused, write(false))).rejects.toMatchObject(hint);
    expect(sent).toHaveLength(1);
    pass(1);
    await expect(explain(refused, write(false))).rejects.toMatchObject(hint);
    expect(sent).toHaveLength(2);
  });

  it('has no rule to blame if the bucket has none', async () => {
    const none = answerOf('ServerSideEncryptionConfigurationNotFoundError', 404);
    const { explain, diagnosis } = setUpWith({ GetBucketEncryption: none });
    await expect(explain(refused, write(false))).rejects.toMatchObject({
      hint: expect.not.stringContaining('GetEncryptionConfiguration'),
    });
    expect(await diagnosis.sseCBlocked(call(), 'b')).toBe(false);
  });

  it('tells whether a bucket blocks SSE-C, if that may be read', async () => {
    expect(await setUpWith(rules(blocked)).diagnosis.sseCBlocked(call(), 'b')).toBe(true);
    expect(await setUpWith(rules({})).diagnosis.sseCBlocked(call(), 'b')).toBe(false);
    const hidden = setUpWith({ GetBucketEncryption: refused });
    expect(await hidden.diagnosis.sseCBlocked(call(), 'b')).toBeNull();
  });

  it.each<[string, Subject, string]>([
    ['The calculated MD5 hash of the key did not match', write(false), 'key-mismatch'],
    ['The calculated MD5 hash of the key did not match', plain, 'invalid'],
    ['must be made over a secure connection', write(false), 'invalid'],
    ['anything else', write(false), 'invalid'],
  ])('with 400 because %s', async (message, subject, kind) => {
    const { explain } = setUpWith({});
    await expect(explain(withMessage('InvalidRequest', 400, message), subject)).rejects.toMatchObject({
      kind,
    });
  });

  it.each([
    ['is not authorized to perform: s3:PutObjectAcl on resource', 'allow s3:PutObjectAcl'],
    [
      'is not authorized to perform: s3:PutObjectTagging on',
      'allow s3:PutObjectTagging (or set ledger.tags=no)',
    ],
    ['with an explicit deny in a resource-based policy', 'change the policy that denies s3:PutObject'],
    ['m', 'allow s3:PutObject'],
  ])('names the permission or the policy: %s', async (message, remedy) => {
    const { explain } = setUpWith({});
    await expect(explain(withMessage('AccessDenied', 403, message), plain)).rejects.toMatchObject({
      kind: 'denied',
      hint: expect.stringContaining(`"k" in bucket "b"; ${remedy}`),
    });
  });
});

describe('the rule that unblocks SSE-C', () => {
  it('keeps the rest of the rule', () => {
    const kms = { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: 'id' } as const;
    const types = { BlockedEncryptionTypes: { EncryptionType: ['NONE'] } };
    expect(
      unblockedRules({ ApplyServerSideEncryptionByDefault: kms, BucketKeyEnabled: false }).Rules,
    ).toEqual([{ ApplyServerSideEncryptionByDefault: kms, BucketKeyEnabled: false, ...types }]);
    expect(unblockedRules({}).Rules).toEqual([
      { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, ...types },
    ]);
    expect(blocksSseC({ BlockedEncryptionTypes: {} })).toBe(false);
  });
});
