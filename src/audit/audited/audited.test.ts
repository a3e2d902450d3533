import { beforeEach, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../model/audit.js';
import { Fault } from '../../model/fault.js';
import { AuditScribe } from '../scribe.js';
import { auditedBans } from './bans.js';
import { differences } from './differences.js';
import { auditedKeyring } from './keyring.js';
import { auditedSessions } from './sessions.js';
import { auditedTokens } from './tokens.js';
import { auditedShared, auditedUsers } from './users.js';
import { auditedWebhooks } from './webhooks.js';

let events: AuditEvent[];
let isWritable: boolean;
const scribe = new AuditScribe(
  {
    requireWritable: () => {
      if (!isWritable) throw new Fault('unavailable', 'full');
    },
    record: (event) => void events.push(event),
  },
  { kind: 'admin', name: 'root' },
);
beforeEach(() => {
  events = [];
  isWritable = true;
});

type Method = (...given: readonly unknown[]) => unknown;
/** A change or query, and what is recorded of it. */
interface Case {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly result: unknown;
  /** Results of the other methods; a function gets the number of changes so far. */
  readonly others?: Readonly<Record<string, unknown>>;
  readonly event: Readonly<Record<string, unknown>> | null;
}

const query = (name: string, ...args: readonly unknown[]): Case => ({
  name,
  args,
  result: { of: name },
  event: null,
});
const change = (
  name: string,
  args: readonly unknown[],
  result: unknown,
  event: Case['event'],
  others: Case['others'] = {},
): Case => ({ name, args, result, event, others });

const key = {
  id: 'k1',
  label: 'mine',
  owner: { kind: 'user', username: 'bob' },
  origin: 'made',
  state: 'active',
};
const until = Date.UTC(2026, 10, 30);
const untilText = '2026-11-30T00:00:00.000Z';
const endpoint = {
  id: 'w1',
  label: 'hook',
  url: 'https://u:secret@hook.example.com:8443/x?y=secret',
  filter: {},
};

const audited: readonly (readonly [string, (inner: never, by: AuditScribe) => object, readonly Case[]])[] = [
  [
    'bans',
    auditedBans,
    [
      query('list'),
      change(
        'add',
        ['192.0.2.9', 60],
        { source: '192.0.2.0/24', scope: 'all', untilMs: until },
        {
          action: 'ban.add',
          target: '192.0.2.0/24',
          details: { scope: 'all', cause: 'command', until: untilText },
        },
      ),
      change(
        'clear',
        ['192.0.2.9'],
        1,
        { action: 'ban.clear', target: '192.0.2.9', details: { ended: 1, bannedBefore: ['a', 'b'] } },
        { list: [{ source: 'a' }, { source: 'b' }] },
      ),
      change('clear', [null], 2, { action: 'ban.clear', target: 'all' }, { list: [] }),
      change('clear', [null], 0, null, { list: [] }),
    ],
  ],
  [
    'keyring',
    auditedKeyring,
    [
      ...['list', 'byOwner', 'gatewayRecipient', 'recoveryRecipients', 'repair', 'files'].map((name) =>
        query(name),
      ),
      ...['open', 'describe', 'problems', 'put', 'onChange'].map((name) => query(name, 'argument')),
      change('generate', [{ label: 'mine', owner: { kind: 'none' } }], key, {
        action: 'key.generate',
        target: 'mine',
        keyId: 'k1',
        details: { owner: 'user bob', origin: 'made' },
      }),
      change(
        'import',
        [{ fingerprint: 'k1' }, { label: 'x' }],
        { ...key, owner: { kind: 'none' } },
        { action: 'key.import', target: 'mine', keyId: 'k1', details: { owner: 'none', origin: 'made' } },
        { describe: key },
      ),
      change('import', [{ fingerprint: 'k1' }, { label: 'x' }], key, null, { describe: key }),
      change(
        'import',
        [{ fingerprint: 'k1' }, { label: 'x' }],
        key,
        { action: 'key.import' },
        { describe: null },
      ),
      change(
        'retire',
        ['k1'],
        undefined,
        { action: 'key.retire', target: 'mine', keyId: 'k1' },
        { describe: key },
      ),
      change('retire', ['k1'], undefined, { action: 'key.retire', target: null }, { describe: null }),
      change('retire', ['k1'], undefined, null, { describe: { ...key, state: 'retired' } }),
      change(
        'destroy',
        [{ keyId: 'k1' }],
        undefined,
        { action: 'key.destroy', target: 'mine', keyId: 'k1' },
        { describe: key },
      ),
      change(
        'destroy',
        [{ keyId: 'k1' }],
        undefined,
        { action: 'key.destroy', target: null },
        { describe: null },
      ),
      change('addRecoveryRecipient', ['age1'], undefined, { action: 'recovery.recipient', target: 'age1' }),
      change(
        'adopt',
        ['AGE-SECRET-KEY-1'],
        { adopted: ['a', 'b'], left: ['c'] },
        { action: 'recovery.adopt', details: { adopted: 2, left: 1 } },
      ),
    ],
  ],
  [
    'sessions',
    auditedSessions,
    [
      query('list'),
      change(
        'disconnect',
        ['s1'],
        {
          username: 'bob',
          address: '192.0.2.7',
          transfers: Array.from({ length: 21 }, (_, at) => ({ path: `/${at}` })),
        },
        {
          action: 'session.disconnect',
          session: 's1',
          target: 'bob',
          address: '192.0.2.7',
          details: { transfers: Array.from({ length: 20 }, (_, at) => `/${at}`) },
        },
      ),
      change('disconnect', ['s1'], null, null),
    ],
  ],
  [
    'tokens',
    auditedTokens,
    [
      query('check', 'secret'),
      query('list'),
      change(
        'create',
        [{ label: 'ci', role: 'viewer', scope: null, expiresMs: until }],
        { token: { id: 't1' }, secret: 'token-secret' },
        {
          action: 'token.create',
          target: 'ci',
          details: { id: 't1', role: 'viewer', scope: null, expires: untilText },
        },
      ),
      change(
        'revoke',
        ['t1'],
        { label: 'ci', role: 'viewer' },
        { action: 'token.revoke', target: 'ci', details: { id: 't1', role: 'viewer' } },
      ),
      change('revoke', ['t1'], null, null),
    ],
  ],
  [
    'users',
    auditedUsers,
    [
      query('list'),
      query('locations'),
      query('describe', 'bob'),
      query('checkTotp', 'bob', '123456'),
      change(
        'save',
        ['bob', { password: 'hunter2', uploadKey: { fingerprint: 'k1' } }],
        undefined,
        {
          action: 'user.change',
          target: 'bob',
          keyId: 'k1',
          details: {
            previous: { acl: 'a' },
            now: { acl: 'b', uploadKeyFingerprint: 'k1' },
            password: 'changed',
            uploadKey: 'k1',
          },
        },
        {
          describe: (changes: number) =>
            changes === 0 ? { acl: 'a', x: 1 } : { acl: 'b', x: 1, uploadKeyFingerprint: 'k1' },
        },
      ),
      change(
        'save',
        ['bob', {}],
        undefined,
        { action: 'user.add', target: 'bob', keyId: null, details: { previous: {}, now: { acl: 'b' } } },
        { describe: (changes: number) => (changes === 0 ? null : { acl: 'b' }) },
      ),
      change(
        'remove',
        ['bob'],
        { kept: true },
        { action: 'user.remove', target: 'bob', details: { previous: { acl: 'a' } } },
        { describe: { acl: 'a' } },
      ),
      change('remove', ['bob'], null, null, { describe: null }),
      change('createTotp', ['bob', 'host'], 'otpauth://totp/x?secret=totp-secret', {
        action: 'user.totp',
        target: 'bob',
        details: { totp: 'created' },
      }),
      change('createTotp', ['bob', 'host'], null, null),
      change('removeTotp', ['bob'], true, {
        action: 'user.totp',
        target: 'bob',
        details: { totp: 'removed' },
      }),
      change('removeTotp', ['bob'], false, null),
    ],
  ],
  [
    'shared directory',
    auditedShared,
    [
      query('describe'),
      change(
        'save',
        [{}],
        undefined,
        { action: 'shared.change', keyId: 'k2', details: { previous: { a: 1 }, now: { a: 2 } } },
        {
          describe: (changes: number) => ({ a: changes === 0 ? 1 : 2, syncKeyFingerprint: 'k2' }),
        },
      ),
    ],
  ],
  [
    'webhooks',
    auditedWebhooks,
    [
      query('list'),
      query('get', 'w1'),
      query('deliveries', 'w1', { limit: 1 }),
      change(
        'add',
        [{ label: 'hook' }],
        { endpoint, secret: 'whsec' },
        {
          action: 'webhook.add',
          target: 'w1',
          details: { label: 'hook', host: 'hook.example.com:8443', filter: {} },
        },
      ),
      change('remove', ['w1'], endpoint, {
        action: 'webhook.remove',
        target: 'w1',
        details: { label: 'hook' },
      }),
      change(
        'rotateSecret',
        ['w1', 5],
        { endpoint: { ...endpoint, overlapUntilMs: until }, secret: 'whsec' },
        { action: 'webhook.secret', target: 'w1', details: { label: 'hook', previousUntil: untilText } },
      ),
      change(
        'rotateSecret',
        ['w1', 0],
        { endpoint: { ...endpoint, overlapUntilMs: null }, secret: 'whsec' },
        { action: 'webhook.secret', target: 'w1', details: { label: 'hook', previousUntil: null } },
      ),
      change(
        'test',
        ['w1'],
        { status: 500, error: 'refused', body: 'secret' },
        { action: 'webhook.test', target: 'w1', details: { status: 500, error: 'refused' } },
      ),
      change('resend', ['w1', 'd1'], 3, {
        action: 'webhook.resend',
        target: 'w1',
        details: { delivery: 'd1', count: 3 },
      }),
    ],
  ],
];

/** Returns an object whose methods answer as the case says, and the calls of the method that is tested. */
function innerOf({ name, result, others = {} }: Case, failure: Error | null = null) {
  const calls: (readonly unknown[])[] = [];
  const inner = new Proxy(
    {},
    {
      get:
        (_target, method) =>
        async (...args: readonly unknown[]) => {
          if (method === name) {
            calls.push(args);
            if (failure !== null) throw failure;
            return result;
          }
          const answer = others[String(method)];
          return typeof answer === 'function' ? answer(calls.length) : answer;
        },
    },
  );
  return { inner: inner as never, calls };
}

const run = (whole: object, { name, args }: Case) =>
  (whole as Readonly<Record<string, Method>>)[name]?.(...args);

describe.each(audited)('the audited %s', (_what, wrap, cases) => {
  it('pass everything through, and record each change once', async () => {
    for (const each of cases) {
      events = [];
      const { inner, calls } = innerOf(each);
      const done = await run(wrap(inner, scribe), each);
      expect(calls, each.name).toEqual([each.args]);
      if (each.event === null || each.result !== undefined) expect(done, each.name).toEqual(each.result);
      if (each.event === null) expect(events, each.name).toEqual([]);
      else expect(events, each.name).toEqual([expect.objectContaining({ ...each.event, result: 'ok' })]);
      // No password, token, address with a secret or response of a receiver.
      expect(JSON.stringify(events), each.name).not.toMatch(/hunter2|-secret|:secret|whsec|AGE-SECRET/);
    }
  });

  it('record a change that fails, and make none while the trail cannot be written', async () => {
    for (const each of cases.filter(({ event }) => event !== null)) {
      events = [];
      isWritable = true;
      const fault = new Fault('conflict', 'no');
      await expect(run(wrap(innerOf(each, fault).inner, scribe), each), each.name).rejects.toBe(fault);
      // A test of a webhook changes nothing, and a failed one has sent nothing.
      if (each.name !== 'test') expect(events, each.name).toMatchObject([{ result: 'conflict' }]);
      isWritable = false;
      const { inner, calls } = innerOf(each);
      if (each.name === 'test') continue;
      await expect(run(wrap(inner, scribe), each), each.name).rejects.toMatchObject({ kind: 'unavailable' });
      expect(calls, each.name).toEqual([]);
    }
  });
});

it('differences are the fields that were added, removed or changed', () => {
  const before = { same: { a: [1] }, changed: 1, removed: null };
  const after = { same: { a: [1] }, changed: 2, added: undefined };
  expect(differences(before, after)).toEqual({
    previous: { changed: 1, removed: null },
    now: { changed: 2 },
  });
  expect(differences({}, { a: 1 })).toEqual({ previous: {}, now: { a: 1 } });
  expect(differences(after, after)).toEqual({ previous: {}, now: {} });
});
