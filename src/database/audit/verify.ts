import type { AuditProblem, AuditVerification } from '../../model/audit.js';
import type { GatewayDatabase } from '../database.js';
import type { AuditEventRow } from '../schema/audit.js';
import { eventOf, firstHash, hashRow } from './chain.js';

const rowsPerPage = 2000;

/** The row before the one that is checked, and the hash of the row before that. */
interface Before {
  readonly seq: number;
  readonly hash: string;
  readonly previousHash: string;
}

/** Recomputes the chain from its anchor to its end. Stops at the first problem. */
export async function verifyChain(
  db: GatewayDatabase,
  progress: (rows: number) => void,
): Promise<AuditVerification> {
  // Rows behind this end may be added meanwhile.
  const chain = await db.read((each) => each.selectFrom('audit_chain').selectAll().executeTakeFirst());
  const anchor = { seq: chain?.anchor_seq ?? 0, hash: chain?.anchor_hash ?? firstHash };
  const end = { seq: chain?.last_seq ?? 0, hash: chain?.last_hash ?? firstHash };
  let before: Before = { ...anchor, previousHash: '' };
  let rows = 0;
  const result = (problem: AuditProblem | null): AuditVerification => ({
    rows,
    firstSeq: end.seq > anchor.seq ? anchor.seq + 1 : null,
    lastSeq: end.seq,
    problem,
  });
  for (;;) {
    const page = await pageBehind(db, before.seq, end.seq);
    if (page.length === 0) break;
    for (const [index, row] of page.entries()) {
      const problem = problemOf(before, row, page[index + 1] ?? (await nextOf(db, row.seq)));
      if (problem !== null) return result(problem);
      before = { seq: row.seq, hash: row.hash, previousHash: row.previous_hash };
      rows += 1;
    }
    progress(rows);
  }
  return result((await endProblem(db, before, end)) ?? null);
}

function pageBehind(db: GatewayDatabase, seq: number, last: number): Promise<AuditEventRow[]> {
  return db.read((each) =>
    each
      .selectFrom('audit_event')
      .selectAll()
      .where('seq', '>', seq)
      .where('seq', '<=', last)
      .orderBy('seq')
      .limit(rowsPerPage)
      .execute(),
  );
}

async function nextOf(db: GatewayDatabase, seq: number): Promise<AuditEventRow | undefined> {
  return (await pageBehind(db, seq, seq + 1))[0];
}

function problemOf(before: Before, row: AuditEventRow, next: AuditEventRow | undefined): AuditProblem | null {
  const expected = before.seq + 1;
  if (row.seq !== expected) {
    const last = row.seq - 1;
    const what = last === expected ? `the row ${expected} is` : `the rows ${expected} to ${last} are`;
    return { kind: 'removed', seq: expected, text: `${what} missing` };
  }
  const event = eventOf(row);
  const isOwn = hashRow(row.seq, row.previous_hash, event) === row.hash;
  if (isOwn && row.previous_hash === before.hash) return null;
  if (next !== undefined && next.previous_hash === before.hash) return inserted(row.seq);
  if (isOwn) {
    if (row.previous_hash === before.previousHash) return inserted(before.seq);
    const text = `the row ${row.seq} does not follow the row ${before.seq}, whose hash was replaced`;
    return { kind: 'changed', seq: before.seq, text };
  }
  if (hashRow(row.seq - 1, row.previous_hash, event) === row.hash) return inserted(row.seq - 1);
  if (hashRow(row.seq + 1, row.previous_hash, event) === row.hash) {
    return { kind: 'removed', seq: row.seq, text: `the row ${row.seq} was removed, and later rows moved up` };
  }
  return { kind: 'changed', seq: row.seq, text: `the row ${row.seq} does not match its hash` };
}

function inserted(seq: number): AuditProblem {
  return {
    kind: 'inserted',
    seq,
    text: `the row ${seq} was inserted: the row behind it follows another one`,
  };
}

async function endProblem(
  db: GatewayDatabase,
  last: Before,
  end: { readonly seq: number; readonly hash: string },
): Promise<AuditProblem | null> {
  if (last.seq < end.seq) {
    const text = `the rows ${last.seq + 1} to ${end.seq} are missing at the end`;
    return { kind: 'removed', seq: last.seq + 1, text };
  }
  if (last.hash !== end.hash) {
    const text = `the last row ${last.seq} has another hash than the one recorded for it`;
    return { kind: 'changed', seq: last.seq, text };
  }
  const extra = await nextOf(db, end.seq);
  if (extra === undefined) return null;
  // The row may have been added since the verification began.
  const now = await db.read((each) => each.selectFrom('audit_chain').select('last_seq').executeTakeFirst());
  return (now?.last_seq ?? 0) >= extra.seq ? null : inserted(extra.seq);
}
