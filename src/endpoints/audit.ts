import Type, { type Static } from 'typebox';
import { type Immutable, Lines } from '../api/description/operation.js';
import { decodeCursor, defaultPageSize, encodeCursor, pageOf, pageQuery } from '../api/description/page.js';
import { createAuditReader } from '../database/audit/reader.js';
import { type AuditQuery, type AuditRow, auditActions } from '../model/audit.js';
import { operation } from './context.js';
import { isoTime, strict, textOrNull, time } from './schemas.js';

const group = 'audit';

const event = Type.Object({
  seq: Type.Integer({ description: 'The position in the chain.' }),
  time,
  node: Type.String(),
  actor: Type.Object({ kind: Type.Enum(['user', 'admin', 'gateway']), name: Type.String() }),
  address: textOrNull,
  session: textOrNull,
  request: textOrNull,
  action: Type.String(),
  target: textOrNull,
  bucket: textOrNull,
  objectKey: textOrNull,
  result: Type.String(),
  keyId: textOrNull,
  details: Type.Unknown(),
  hash: Type.String(),
});

const text = Type.Optional(Type.String({ minLength: 1, maxLength: 1024 }));

const exampleEvent = {
  seq: 42,
  time: '2026-05-01T12:00:00.000Z',
  node: '5f3a0c1e2b4d6f78',
  actor: { kind: 'admin', name: 'root' },
  address: null,
  session: null,
  request: null,
  action: 'user.add',
  target: 'bob',
  bucket: null,
  objectKey: null,
  result: 'ok',
  keyId: null,
  details: {},
  hash: '9b2cf535f27731c974343645a39853289b2cf535f27731c974343645a3985328',
} as const;

const filter = {
  user: text,
  action: Type.Optional(Type.Enum(Object.keys(auditActions))),
  address: text,
  session: text,
  request: text,
  keyId: text,
  result: Type.Optional(
    Type.String({
      maxLength: 40,
      description: '`ok`, a kind of fault, or `failed` for all except `ok`.',
    }),
  ),
  path: Type.Optional(Type.String({ maxLength: 4096, description: 'The beginning of the target.' })),
  since: Type.Optional(Type.String({ format: 'date-time' })),
  until: Type.Optional(Type.String({ format: 'date-time' })),
};
const filterSchema = Type.Object(filter);

function queryOf({ since, until, path, ...rest }: Immutable<Static<typeof filterSchema>>): AuditQuery {
  return {
    ...rest,
    ...(path === undefined ? {} : { targetPrefix: path }),
    ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
    ...(until === undefined ? {} : { untilMs: Date.parse(until) }),
  };
}

export const listAudit = operation({
  id: 'listAudit',
  group,
  summary: 'Search the audit trail, the newest event first.',
  details: 'Events of the last second may be missing: they are durable, but not in the database yet.',
  method: 'GET',
  path: '/api/audit',
  needs: 'viewer',
  query: Type.Object({ ...pageQuery, ...filter }, strict),
  answer: pageOf(event),
  command: 'sftpgw audit --user bob --since 1d',
  example: {
    query: { action: 'user.add' },
    answer: {
      items: [exampleEvent],
      next: null,
    },
  },
  handle: async ({ root }, { query }) => {
    const { limit = defaultPageSize, cursor, ...filtered } = query;
    const position = decodeCursor(cursor, 2);
    const wanted: AuditQuery = {
      ...queryOf(filtered),
      ...(position === null ? {} : { behind: { timeMs: Number(position[0]), seq: Number(position[1]) } }),
    };
    const rows: AuditRow[] = [];
    for await (const row of createAuditReader(root.database).query(wanted)) {
      if (rows.length > limit) break;
      rows.push(row);
    }
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const next = last !== undefined && rows.length > limit ? encodeCursor([last.timeMs, last.seq]) : null;
    return { items: shown.map(view), next };
  },
});

function view({ timeMs, details, previousHash: _previousHash, ...row }: AuditRow) {
  return { ...row, time: isoTime(timeMs), details: JSON.parse(details) as unknown };
}

export const exportAudit = operation({
  id: 'exportAudit',
  group,
  summary: 'Export the matching events as JSON lines, the newest first.',
  details: 'The answer has all of them; it is streamed from the database page by page.',
  method: 'GET',
  path: '/api/audit/export',
  needs: 'viewer',
  query: Type.Object(filter, strict),
  gives: 'lines',
  answer: event,
  command: 'sftpgw audit --user bob --since 1d --json',
  example: { query: { action: 'user.add' }, answer: exampleEvent },
  handle: async ({ root }, { query }) =>
    new Lines<ReturnType<typeof view>>(async (write, taken) => {
      for await (const row of createAuditReader(root.database).query(queryOf(query))) {
        await taken();
        write(view(row), true);
      }
    }),
});
