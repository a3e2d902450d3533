import Type from 'typebox';
import { createAuditReader } from '../database/audit/reader.js';
import { isIpAddress } from '../users/addresses.js';
import { homesOf } from '../users/homes.js';
import { type ApiContext, operation } from './context.js';
import { strict } from './schemas.js';

const kinds = ['user', 'key', 'address', 'session', 'request', 'path'] as const;

interface Hit {
  readonly kind: (typeof kinds)[number];
  readonly id: string;
  readonly label: string;
}

/** Hits of one kind. */
const maxHits = 10;
/** Events that a search for a path reads: the newest ones decide. */
const maxEvents = 500;
/** A fingerprint of a key begins with at least this many hexadecimal digits. */
const idPattern = /^[0-9a-f]{4,32}$/i;

export const search = operation({
  id: 'search',
  group: 'gateway',
  summary: 'Find users, keys, addresses, sessions, requests and paths by one text.',
  details:
    'A name, label or address may be a part; an id its first digits. A path is searched in the audit trail, and must be its beginning.',
  method: 'GET',
  path: '/api/search',
  needs: 'viewer',
  query: Type.Object({ q: Type.String({ minLength: 1, maxLength: 1024 }) }, strict),
  answer: Type.Object({
    items: Type.Array(
      Type.Object({
        kind: Type.Enum([...kinds]),
        id: Type.String({ description: 'The name, id, address or path itself.' }),
        label: Type.String(),
      }),
    ),
  }),
  example: {
    query: { q: 'bob' },
    answer: { items: [{ kind: 'user', id: 'bob', label: 'bob' }] },
  },
  handle: async (context, { query }) => {
    const text = query.q.trim();
    const found = await Promise.all([
      usersLike(context, text),
      keysLike(context, text),
      addressesLike(context, text),
      eventsOf(context, text),
    ]);
    return { items: found.flat() };
  },
});

async function usersLike({ root }: ApiContext, text: string): Promise<readonly Hit[]> {
  const names = await homesOf(root.userServices.directories.homes);
  return names
    .filter((name) => name.toLowerCase().includes(text.toLowerCase()))
    .slice(0, maxHits)
    .map((name) => ({ kind: 'user', id: name, label: name }));
}

async function keysLike({ root }: ApiContext, text: string): Promise<readonly Hit[]> {
  const wanted = text.toLowerCase();
  return (await root.keyring.list())
    .filter(
      ({ id, label, md5Base64 }) =>
        (idPattern.test(text) && id.startsWith(wanted)) ||
        (label !== '' && label.toLowerCase().includes(wanted)) ||
        md5Base64 === text,
    )
    .slice(0, maxHits)
    .map(({ id, label }) => ({ kind: 'key', id, label: label === '' ? id : label }));
}

async function addressesLike({ sessions, bans }: ApiContext, text: string): Promise<readonly Hit[]> {
  const known = new Map<string, string>();
  if (isIpAddress(text)) known.set(text, 'address');
  for (const { source } of await bans.list()) if (source.startsWith(text)) known.set(source, 'banned');
  const current = await sessions.list();
  for (const { address, username } of current) {
    if (address.startsWith(text)) known.set(address, `session of ${username}`);
  }
  const ofSessions = current
    .filter(({ id }) => idPattern.test(text) && id.startsWith(text.toLowerCase()))
    .map(({ id, username }): Hit => ({ kind: 'session', id, label: `session of ${username}` }));
  const addresses = [...known].map(
    ([id, label]): Hit => ({ kind: 'address', id, label: `${id} (${label})` }),
  );
  return [...addresses.slice(0, maxHits), ...ofSessions.slice(0, maxHits)];
}

/** Searches the audit trail by its indexes: a session or a request by its whole id, a path by its beginning. */
async function eventsOf({ root }: ApiContext, text: string): Promise<readonly Hit[]> {
  const trail = createAuditReader(root.database);
  const hits = new Map<string, Hit>();
  const isId = /^[0-9a-f]{16}$/i.test(text);
  const query = isId ? { session: text.toLowerCase() } : text.startsWith('/') ? { targetPrefix: text } : null;
  if (query === null) return [];
  let events = 0;
  for await (const { session, target } of trail.query(query)) {
    events += 1;
    const hit: Hit =
      isId && session !== null
        ? { kind: 'session', id: session, label: 'session in the audit trail' }
        : { kind: 'path', id: target ?? text, label: target ?? text };
    hits.set(`${hit.kind} ${hit.id}`, hit);
    if (isId || hits.size >= maxHits || events >= maxEvents) break;
  }
  if (isId && hits.size === 0) return [{ kind: 'request', id: text.toLowerCase(), label: 'request' }];
  return [...hits.values()];
}
