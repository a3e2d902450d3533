import { describe, expect, it } from 'vitest';
import { webhookTypes } from '../model/api/webhooks.js';
import { type AuditRow, auditActions } from '../model/audit.js';
import { checkFilter, passes, typeGroups } from './filter.js';
import { messageActions, messageOf } from './messages.js';

const ref = { bucket: 'b', objectKey: 'bob/uploads/f' };
const stored = { size: 5, bytes: 7, outcome: 'stored', checksum: 'CRC-32C e3069283', versionId: 'v1' };

function row(action: string, more: Partial<AuditRow> = {}, details: object = {}): AuditRow {
  return {
    seq: 42,
    timeMs: Date.UTC(2026, 4, 1),
    node: '0123456789abcdef',
    actor: { kind: 'user', name: 'bob' },
    address: '192.0.2.7',
    session: 'a',
    request: 'r',
    action,
    target: '/uploads/f',
    bucket: null,
    objectKey: null,
    result: 'ok',
    keyId: null,
    details: JSON.stringify(details),
    previousHash: 'p',
    hash: 'h',
    ...more,
  };
}

const typeOf = (action: string, more: Partial<AuditRow> = {}, details: object = {}) =>
  messageOf(row(action, more, details))?.type ?? null;

describe('an event of the trail', () => {
  it('of a stored object becomes a finished upload with its facts', () => {
    const message = messageOf(row('file.write', { ...ref, keyId: 'k1' }, stored));
    expect(message).toMatchObject({
      messageId: 'evt_h',
      type: 'upload.finished',
      subject: 's3://b/bob/uploads/f',
    });
    expect(JSON.parse(message?.body ?? '')).toEqual({
      type: 'upload.finished',
      timestamp: '2026-05-01T00:00:00.000Z',
      data: {
        messageId: 'evt_h',
        auditSeq: 42,
        action: 'file.write',
        result: 'ok',
        gateway: '0123456789abcdef',
        user: 'bob',
        actor: 'user:bob',
        address: '192.0.2.7',
        session: 'a',
        request: 'r',
        keyId: 'k1',
        path: '/uploads/f',
        bucket: 'b',
        objectKey: 'bob/uploads/f',
        versionId: 'v1',
        size: 5,
        transferred: 7,
        checksum: 'CRC-32C e3069283',
      },
    });
  });

  it.each([
    ['is parked under an excluded name', { outcome: 'parked', size: 5 }, 'ok', null],
    ['was opened and closed without a change', {}, 'ok', null],
    ['is interrupted', { bytes: 3 }, 'interrupted', 'upload.failed'],
    ['failed', { outcome: 'stored' }, 'unavailable', 'upload.failed'],
  ])('of an upload that %s is not a finished one', (_, details, result, type) => {
    expect(typeOf('file.write', { ...ref, result }, details)).toBe(type);
  });

  it('of a rename becomes a finished upload only if it creates the object', () => {
    const renamed = messageOf(row('file.rename', ref, { to: '/uploads/g', ...stored }));
    expect(renamed?.type).toBe('upload.finished');
    expect(JSON.parse(renamed?.body ?? '')).toMatchObject({ data: { path: '/uploads/g', size: 5 } });
    expect(typeOf('file.rename', ref, { to: '/uploads/g' })).toBeNull();
    expect(typeOf('file.rename', { ...ref, result: 'exists' }, stored)).toBeNull();
  });

  it('of a file on disk has its bytes as its size', () => {
    const local = messageOf(row('file.write', { target: '/local/f' }, { bytes: 9 }));
    expect(local).toMatchObject({ type: 'upload.finished', subject: 'bob:/local/f', objectKey: null });
    expect(JSON.parse(local?.body ?? '')).toMatchObject({ data: { bucket: null, size: 9 } });
  });

  it.each([
    ['file.read', 'ok', 'download.finished'],
    ['file.read', 'interrupted', 'download.failed'],
    ['object.get', 'ok', 'download.finished'],
    ['object.put', 'ok', 'upload.finished'],
    ['object.put', 'denied', 'upload.failed'],
    ['session.refused', 'denied', 'login.refused'],
    ['key.destroy', 'ok', 'key.destroyed'],
    ['key.destroy', 'conflict', 'key.failed'],
    ['rotation.end', 'ok', 'rotation.finished'],
    ['recovery.copy', 'ok', 'recovery.copied'],
    ['recovery.copy', 'unavailable', 'recovery.failed'],
    ['file.remove', 'ok', null],
    ['session.login', 'ok', null],
    ['unknown.action', 'ok', null],
  ])('%s with the result %s becomes %s', (action, result, type) => {
    expect(typeOf(action, { result })).toBe(type);
  });

  it('becomes every type there is, from actions that exist', () => {
    const results = ['ok', 'denied'];
    const made = messageActions.flatMap((action) =>
      results.map((result) => typeOf(action, { result }, { outcome: 'stored' })),
    );
    expect([...new Set(made)].filter((type) => type !== null).sort()).toEqual(
      Object.keys(webhookTypes).sort(),
    );
    expect(messageActions.filter((action) => !Object.hasOwn(auditActions, action))).toEqual([]);
  });

  it('keeps the order of messages about a key, and none of refused logins', () => {
    expect(messageOf(row('key.retire', { keyId: 'k1', target: 'label' }))?.subject).toBe('k1');
    expect(messageOf(row('session.refused', { target: 'x' }))?.subject).toBeNull();
  });

  it.each(['nonsense', '[]', 'null', '{"truncated":true}'])(
    'with the details %s is not an error',
    (details) => {
      expect(messageOf({ ...row('file.read'), details })?.type).toBe('download.finished');
    },
  );
});

describe('a filter', () => {
  const all = { events: [], users: [], prefixes: [] };
  const upload = { type: 'upload.finished', user: 'bob', objectKey: 'bob/uploads/f' } as const;
  const refused = { type: 'login.refused', user: null, objectKey: null } as const;

  it.each([
    [all, true, true],
    [{ ...all, events: ['upload.finished'] }, true, false],
    [{ ...all, events: ['upload.*', 'login.refused'] }, true, true],
    [{ ...all, events: ['upload.failed'] }, false, false],
    [{ ...all, users: ['bob'] }, true, false],
    [{ ...all, users: ['alice'] }, false, false],
    [{ ...all, prefixes: ['alice/', 'bob/uploads/'] }, true, false],
    [{ ...all, prefixes: ['bob/other'] }, false, false],
  ])('%j', (filter, forUpload, forRefused) => {
    expect([passes(filter, upload), passes(filter, refused)]).toEqual([forUpload, forRefused]);
  });

  it('refuses events that do not exist, and too many entries', () => {
    expect(() => checkFilter({ ...all, events: ['upload.done'] })).toThrow(/upload.finished/);
    expect(() => checkFilter({ ...all, users: Array.from({ length: 65 }, String) })).toThrow(/at most 64/);
    expect(() => checkFilter({ ...all, events: [...typeGroups] })).not.toThrow();
  });
});
