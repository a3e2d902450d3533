import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxMessageBytes, parseEvents } from './parse-event.js';

const parsed = (message: unknown) => parseEvents(JSON.stringify(message));
const one = (bucket: string, key: string) => ({ kind: 'objects', objects: [{ bucket, key }], malformed: 0 });

/** A record as S3 and compatible servers send it. */
const record = (bucket: string, key: string, more: object = {}) => ({
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  eventName: 'ObjectCreated:Put',
  s3: {
    s3SchemaVersion: '1.0',
    bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
    object: { key, size: 3 },
  },
  ...more,
});
const bridged = (bucket: string, key: string, type = 'Object Created') => ({
  version: '0',
  source: 'aws.s3',
  'detail-type': type,
  detail: { version: '0', bucket: { name: bucket }, object: { key, size: 5 }, reason: 'PutObject' },
});
const notified = (message: unknown) => ({
  Type: 'Notification',
  TopicArn: 'arn:aws:sns:eu-west-1:123456789012:t',
  Message: JSON.stringify(message),
});

/** Encodes a key as AWS does: as a form value, but with plain slashes. */
const encoded = (key: string) => encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');

describe('an object is named by', () => {
  it('an event of S3, whose key is form-encoded', () => {
    expect(parsed({ Records: [record('b', 'alice/downloads/red+flower%2B%C3%BC.jpg')] })).toEqual(
      one('b', 'alice/downloads/red flower+ü.jpg'),
    );
  });

  it('an event of Ceph RGW, whose keys are not encoded', () => {
    expect(parsed({ Records: [record('b', 'a b+c%20d/ü', { eventSource: 'ceph:s3' })] })).toEqual(
      one('b', 'a b+c%20d/ü'),
    );
  });

  it('an event of MinIO, in its short form with or without the record', () => {
    const minio = record('b', 'a%2Fb+c', { eventSource: 'minio:s3', eventName: 's3:ObjectCreated:Put' });
    const short = { EventName: 's3:ObjectCreated:Put', Key: 'b/a/b c' };
    expect(parsed({ ...short, Records: [minio] })).toEqual(one('b', 'a/b c'));
    expect(parsed(short)).toEqual(one('b', 'a/b c'));
  });

  it('an event of another server, in both readings', () => {
    expect(parsed({ Records: [record('b', 'a+b', { eventSource: 'other:s3' })] })).toMatchObject({
      objects: [
        { bucket: 'b', key: 'a b' },
        { bucket: 'b', key: 'a+b' },
      ],
    });
    expect(parsed({ Records: [record('b', '100%', { eventSource: 'other:s3' })] })).toEqual(one('b', '100%'));
  });

  it.each(['Object Created', 'Object Deleted', 'Object Restore Completed'])(
    'the EventBridge event %s',
    (type) => {
      expect(parsed(bridged('b', 'a+b c%', type))).toEqual(one('b', 'a+b c%'));
    },
  );

  it('the detail of an EventBridge event, as sent with the input path `$.detail`', () => {
    expect(parsed(bridged('b', 'a').detail)).toEqual(one('b', 'a'));
  });

  it('any of these inside an SNS notification', () => {
    expect(parsed(notified({ Records: [record('b', 'a+b')] }))).toEqual(one('b', 'a b'));
    expect(parsed(notified(bridged('b', 'a+b')))).toEqual(one('b', 'a+b'));
  });

  it('a batch of messages', () => {
    expect(
      parsed([{ Records: [record('b', '1')] }, notified(bridged('b', '2')), bridged('b', '1')]),
    ).toMatchObject({
      objects: [
        { bucket: 'b', key: '1' },
        { bucket: 'b', key: '2' },
      ],
    });
  });

  it('repeated records only once', () => {
    expect(parsed({ Records: [record('b', 'a'), record('b', 'a'), record('b', 'c')] })).toMatchObject({
      objects: [{ key: 'a' }, { key: 'c' }],
    });
  });

  it('a message as bytes or as text', () => {
    expect(parseEvents(Buffer.from(JSON.stringify({ Records: [record('b', 'ü')] })))).toEqual(one('b', 'ü'));
  });
});

describe('no object is named by', () => {
  it('the test message of S3, alone or through SNS', () => {
    const test = { Service: 'Amazon S3', Event: 's3:TestEvent', Time: '2026-01-01T00:00:00Z', Bucket: 'b' };
    expect(parsed(test)).toEqual({ kind: 'test' });
    expect(parsed(notified(test))).toEqual({ kind: 'test' });
  });

  it.each(['s3:ObjectAccessed:Get', 'ObjectAccessed:Head', 'ObjectTagging:Put', 'ObjectAcl:Put'])(
    'an event without a change of content, %s',
    (eventName) => {
      expect(parsed({ Records: [record('b', 'a', { eventName })] })).toEqual({
        kind: 'objects',
        objects: [],
        malformed: 0,
      });
    },
  );

  it.each(['Object Tags Added', 'Object ACL Updated'])('the EventBridge event %s', (type) => {
    expect(parsed(bridged('b', 'a', type))).toMatchObject({ kind: 'objects', objects: [] });
  });

  it('a subscription, which a person must confirm at an SNS address', () => {
    const SubscribeURL = 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t';
    const asked = { Type: 'SubscriptionConfirmation', Message: 'You have chosen', SubscribeURL };
    expect(parsed(asked)).toEqual({ kind: 'subscription', confirmUrl: SubscribeURL });
    for (const other of [
      'http://sns.eu-west-1.amazonaws.com/',
      'https://sns.evil.example/',
      'file:///etc/passwd',
    ]) {
      expect(parsed({ ...asked, SubscribeURL: other }).kind).toBe('unknown');
    }
  });
});

describe('an invalid message', () => {
  it.each([
    ['no text', ''],
    ['text that is not JSON', '<xml/>'],
    ['a number', '7'],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['invalid records', '{"Records":[null,1,{}]}'],
    ['an empty key', JSON.stringify({ Records: [record('b', '')] })],
    [
      'a key over 1024 bytes',
      JSON.stringify({ Records: [record('b', 'ü'.repeat(513), { eventSource: 'ceph:s3' })] }),
    ],
    ['a lone surrogate', JSON.stringify(bridged('b', '\ud800'))],
    ['a bucket with a slash', JSON.stringify(bridged('b/c', 'a'))],
    ['an SNS notification without JSON', JSON.stringify({ Type: 'Notification', Message: 'hello' })],
    ['a prototype', '{"__proto__":{"Records":[]}}'],
  ])('is unknown: %s', (_, text) => {
    expect(parseEvents(text)).toMatchObject({ kind: 'unknown', reason: expect.stringMatching(/./) });
  });

  it('does not hide its valid records', () => {
    expect(parsed({ Records: [{}, record('b', 'a'), 7] })).toEqual({ ...one('b', 'a'), malformed: 2 });
  });

  it('is refused above the limits of bytes, records and depth', () => {
    expect(parseEvents(`"${'x'.repeat(maxMessageBytes)}"`).kind).toBe('unknown');
    expect(parsed({ Records: Array.from({ length: 10_001 }, () => 0) }).kind).toBe('unknown');
    let wrapped: unknown = { Records: [record('b', 'a')] };
    for (let depth = 0; depth < 6; depth += 1) wrapped = notified(wrapped);
    expect(parsed(wrapped).kind).toBe('unknown');
    expect(parseEvents('['.repeat(500_000)).kind).toBe('unknown');
  });
});

describe('the parser', () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/);
  const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });

  it('reads every bucket and key as the server means it', () => {
    fc.assert(
      fc.property(name, key, (bucket, text) => {
        expect(parsed({ Records: [record(bucket, encoded(text))] })).toEqual(one(bucket, text));
        expect(parsed({ Records: [record(bucket, text, { eventSource: 'ceph:s3' })] })).toEqual(
          one(bucket, text),
        );
        expect(parsed(notified(bridged(bucket, text)))).toEqual(one(bucket, text));
      }),
    );
  });

  it('does not throw for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(parseEvents(bytes).kind).toMatch(/^(?:unknown|objects)$/);
      }),
    );
  });

  it('does not throw for any JSON like an event, and returns only valid S3 names', () => {
    const value: fc.Arbitrary<unknown> = fc.oneof(
      fc.json().map((text) => JSON.parse(text) as unknown),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('Notification', 's3:TestEvent', 'SubscriptionConfirmation', 'ceph:s3', '%', 'b/k'),
    );
    const names = [
      'Records',
      's3',
      'bucket',
      'object',
      'name',
      'key',
      'detail',
      'Type',
      'Message',
      'Event',
      'Key',
    ];
    const shaped = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        value,
        fc.constantFrom<unknown>(record('b', '%zz'), record('b', '\u0000'), bridged('b', 'x'), { name: 'b' }),
        fc.dictionary(
          fc.constantFrom(...names, 'eventName', 'EventName', 'detail-type', 'eventSource'),
          tie('node'),
        ),
        fc.array(tie('node'), { maxLength: 3 }),
      ),
    })).node;
    fc.assert(
      fc.property(shaped, (message) => {
        const read = parsed(message);
        if (read.kind !== 'objects') return;
        for (const object of read.objects) {
          expect(object.bucket).toMatch(/^[^/]{1,255}$/s);
          expect(Buffer.byteLength(object.key)).toBeGreaterThan(0);
          expect(Buffer.byteLength(object.key)).toBeLessThanOrEqual(1024);
        }
      }),
      { numRuns: 300 },
    );
  });
});
