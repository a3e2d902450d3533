import Type from 'typebox';
import type { Ban } from '../model/bans.js';
import { operation } from './context.js';
import { count, isoTime, strict, time } from './schemas.js';

const group = 'bans';

const ban = Type.Object({
  source: Type.String({ description: 'An IPv4 address, or an IPv6 network of 64 bits.' }),
  scope: Type.Enum(['everyone', 'new-users']),
  cause: Type.Enum(['logins', 'command']),
  since: time,
  until: time,
});

const example = {
  source: '192.0.2.7',
  scope: 'everyone',
  cause: 'command',
  since: '2026-05-01T12:00:00.000Z',
  until: '2026-05-01T13:00:00.000Z',
} as const;

const address = Type.String({ minLength: 1, maxLength: 64 });

function view({ source, scope, cause, sinceMs, untilMs }: Ban) {
  return { source, scope, cause, since: isoTime(sinceMs), until: isoTime(untilMs) };
}

export const listBans = operation({
  id: 'listBans',
  group,
  summary: 'List the bans in force, the oldest first.',
  method: 'GET',
  path: '/api/bans',
  needs: 'viewer',
  answer: Type.Object({ items: Type.Array(ban) }),
  command: 'sftpgw ban list',
  example: { answer: { items: [example] } },
  handle: async ({ bans }) => ({ items: (await bans.list()).map(view) }),
});

const year = 366 * 24 * 3600;

export const addBan = operation({
  id: 'addBan',
  group,
  summary: 'Ban an address, or change the end of its ban.',
  method: 'PUT',
  path: '/api/bans',
  needs: 'operator',
  body: Type.Object(
    {
      address,
      seconds: Type.Integer({ minimum: 1, maximum: year, description: 'The duration in seconds.' }),
    },
    strict,
  ),
  answer: ban,
  command: 'sftpgw ban add 192.0.2.7 --for 1h',
  example: { body: { address: '192.0.2.7', seconds: 3600 }, answer: example },
  handle: async ({ bans }, { body }) => view(await bans.add(body.address, body.seconds * 1000)),
});

export const clearBans = operation({
  id: 'clearBans',
  group,
  summary: 'End the ban of an address, or all bans, and forget the failed logins.',
  method: 'DELETE',
  path: '/api/bans',
  needs: 'operator',
  query: Type.Object(
    {
      address: Type.Optional(
        Type.String({ minLength: 1, maxLength: 64, description: 'All bans if left out.' }),
      ),
    },
    strict,
  ),
  answer: Type.Object({ ended: count }),
  command: 'sftpgw ban clear 192.0.2.7',
  example: { query: { address: '192.0.2.7' }, answer: { ended: 1 } },
  handle: async ({ bans }, { query }) => ({ ended: await bans.clear(query.address ?? null) }),
});
