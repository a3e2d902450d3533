import type { Transaction } from 'kysely';
import {
  type ActivityCounts,
  type ActivityReader,
  type ActivityStep,
  addActivity,
  type LastTimes,
  noActivity,
} from '../model/api/activity.js';
import type { SpooledEvent } from './audit/chain.js';
import type { GatewayDatabase } from './database.js';
import type { Schema } from './schema.js';

/** Length of a step in milliseconds. */
export const activityStepMs = 5 * 60 * 1000;
/** How long steps are kept, in milliseconds: longer than the longest chart, and fewer than 10,000 rows. */
export const activityKeepMs = 33 * 24 * 60 * 60 * 1000;

/** Counts the events of the audit trail in the transaction that adds them, so that each counts once. */
export class ActivityRecorder {
  #lastStartMs = 0;

  async record(trx: Transaction<Schema>, events: readonly SpooledEvent[]): Promise<void> {
    const steps = new Map<number, ActivityCounts>();
    const users = new Map<string, LastTimes>();
    for (const event of events) {
      const counts = countsOf(event);
      if (counts === null) continue;
      const [timeMs, , , name] = event;
      const startMs = timeMs - (timeMs % activityStepMs);
      steps.set(startMs, addActivity(steps.get(startMs) ?? noActivity, { ...noActivity, ...counts }));
      const times = users.get(name) ?? { loginMs: null, fileMs: null };
      if (counts.logins !== undefined) users.set(name, { ...times, loginMs: timeMs });
      if (counts.uploads !== undefined || counts.downloads !== undefined)
        users.set(name, { ...times, fileMs: timeMs });
    }
    for (const [startMs, counts] of steps) await addStep(trx, startMs, counts);
    for (const [username, times] of users) await setTimes(trx, username, times);
    const newestMs = Math.max(0, ...steps.keys());
    if (newestMs <= this.#lastStartMs) return;
    this.#lastStartMs = newestMs;
    await trx
      .deleteFrom('activity')
      .where('start_ms', '<', newestMs - activityKeepMs)
      .execute();
  }
}

/** Returns what an event counts as; null for events that count as nothing. */
function countsOf(event: SpooledEvent): Partial<ActivityCounts> | null {
  const [, , actorKind] = event;
  const [, , , , , , , action, , , , result, , details] = event;
  if (action === 'session.refused') return { refusedLogins: numberIn(details, 'count') ?? 1 };
  if (actorKind !== 'user') return null;
  if (action === 'session.login') return { logins: 1 };
  if (!action.startsWith('file.') && !action.startsWith('directory.')) return null;
  if (result !== 'ok') return { failed: 1 };
  if (action === 'file.write') return { uploads: 1, bytesReceived: numberIn(details, 'bytes') ?? 0 };
  if (action === 'file.read') return { downloads: 1, bytesSent: numberIn(details, 'bytes') ?? 0 };
  return null;
}

function numberIn(details: string, name: 'count' | 'bytes'): number | null {
  try {
    const value = (JSON.parse(details) as Readonly<Record<string, unknown>>)[name];
    return typeof value === 'number' && Number.isFinite(value) ? value : null;
  } catch {
    // A damaged line has been logged; the row itself is kept as it is.
    return null;
  }
}

async function addStep(trx: Transaction<Schema>, startMs: number, counts: ActivityCounts): Promise<void> {
  const values = {
    uploads: counts.uploads,
    downloads: counts.downloads,
    bytes_received: counts.bytesReceived,
    bytes_sent: counts.bytesSent,
    failed: counts.failed,
    logins: counts.logins,
    refused_logins: counts.refusedLogins,
  };
  await trx
    .insertInto('activity')
    .values({ start_ms: startMs, ...values })
    .onConflict((conflict) =>
      conflict.column('start_ms').doUpdateSet((eb) => {
        const sum = (name: keyof typeof values) => eb(`activity.${name}`, '+', eb.ref(`excluded.${name}`));
        return {
          uploads: sum('uploads'),
          downloads: sum('downloads'),
          bytes_received: sum('bytes_received'),
          bytes_sent: sum('bytes_sent'),
          failed: sum('failed'),
          logins: sum('logins'),
          refused_logins: sum('refused_logins'),
        };
      }),
    )
    .execute();
}

async function setTimes(
  trx: Transaction<Schema>,
  username: string,
  { loginMs, fileMs }: LastTimes,
): Promise<void> {
  await trx
    .insertInto('user_activity')
    .values({ username, last_login_ms: loginMs, last_file_ms: fileMs })
    .onConflict((conflict) =>
      conflict.column('username').doUpdateSet({
        ...(loginMs === null ? {} : { last_login_ms: loginMs }),
        ...(fileMs === null ? {} : { last_file_ms: fileMs }),
      }),
    )
    .execute();
}

/** Returns the activity in this database. Throws the database's faults. */
export function createActivityReader(db: GatewayDatabase): ActivityReader {
  return {
    async since(fromMs) {
      const rows = await db.read((reader) =>
        reader
          .selectFrom('activity')
          .selectAll()
          .where('start_ms', '>=', fromMs)
          .orderBy('start_ms')
          .execute(),
      );
      return rows.map(
        (row): ActivityStep => ({
          startMs: row.start_ms,
          uploads: row.uploads,
          downloads: row.downloads,
          bytesReceived: row.bytes_received,
          bytesSent: row.bytes_sent,
          failed: row.failed,
          logins: row.logins,
          refusedLogins: row.refused_logins,
        }),
      );
    },
    async lastTimes() {
      const rows = await db.read((reader) => reader.selectFrom('user_activity').selectAll().execute());
      return new Map(
        rows.map((row) => [row.username, { loginMs: row.last_login_ms, fileMs: row.last_file_ms }]),
      );
    },
  };
}
