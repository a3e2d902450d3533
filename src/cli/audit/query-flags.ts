import { duration } from '../../config/values.js';
import { type AuditQuery, auditActions } from '../../model/audit.js';
import { Fault } from '../../model/fault.js';
import { usernameOrNull } from '../../model/users.js';

/** The flags of `sftpgw audit`. */
export interface AuditFlags {
  readonly user?: string;
  readonly since?: string;
  readonly until?: string;
  readonly path?: string;
  readonly key?: string;
  readonly action?: string;
  readonly result?: string;
  readonly address?: string;
  readonly session?: string;
  readonly limit: string;
  readonly json?: boolean;
}

/** A query, and the rest of its path that the database cannot compare. */
export interface ParsedQuery {
  readonly query: AuditQuery;
  /** Null if every row of the query matches. */
  readonly pattern: RegExp | null;
  /** Max rows. */
  readonly limit: number;
}

const maxAgeMs = 3650 * 24 * 3_600_000;

/** Parses the flags. `--key` has been resolved to a fingerprint before. Throws `invalid`. */
export function parseAuditFlags(flags: AuditFlags, keyId: string | null, nowMs: number): ParsedQuery {
  const { user, action, result, address, session, path, since, until } = flags;
  if (action !== undefined && !Object.hasOwn(auditActions, action)) {
    throw new Fault('invalid', `--action: there are ${Object.keys(auditActions).join(', ')}`);
  }
  const prefix = path === undefined ? undefined : (/^[^*?]*/.exec(path)?.[0] ?? '');
  return {
    query: {
      ...(user === undefined ? {} : { user: usernameOrNull(user) ?? user }),
      ...(action === undefined ? {} : { action }),
      ...(result === undefined ? {} : { result }),
      ...(address === undefined ? {} : { address }),
      ...(session === undefined ? {} : { session }),
      ...(keyId === null ? {} : { keyId }),
      ...(prefix === undefined ? {} : { targetPrefix: prefix }),
      ...(since === undefined ? {} : { sinceMs: parseTime('--since', since, nowMs) }),
      ...(until === undefined ? {} : { untilMs: parseTime('--until', until, nowMs) }),
    },
    pattern: path !== undefined && path !== prefix ? globPattern(path) : null,
    limit: parseLimit(flags.limit),
  };
}

/** Parses a time such as `2026-11-30T12:00:00Z`, or a duration before now such as `1d`. */
function parseTime(flag: string, text: string, nowMs: number): number {
  const age = duration(0, maxAgeMs).parse(text.trim());
  if ('value' in age) return nowMs - age.value;
  const timeMs = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new Fault(
    'invalid',
    `${flag} ${JSON.stringify(text)}: must be a duration such as 1d, or a time such as 2026-11-30T12:00:00Z`,
  );
}

function parseLimit(text: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  if (text === 'all') return Number.POSITIVE_INFINITY;
  throw new Fault('invalid', `--limit ${JSON.stringify(text)}: must be a number above 0, or "all"`);
}

/** Returns the expression of a pattern: `*` is any text without `/`, `**` any text, `?` one character. */
function globPattern(glob: string): RegExp {
  const source = glob.replaceAll(/\*\*|[*?]|[\\^$.|+()[\]{}]/g, (found) => {
    if (found === '**') return '.*';
    if (found === '*') return '[^/]*';
    return found === '?' ? '[^/]' : `\\${found}`;
  });
  return new RegExp(`^${source}$`, 'su');
}
