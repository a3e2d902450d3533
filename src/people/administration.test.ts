import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditScribe } from '../audit/scribe.js';
import type { GatewayDatabase } from '../database/database.js';
import { DatabaseAdmins } from '../database/people/admins.js';
import { DatabaseAdminLinks } from '../database/people/links.js';
import { DatabaseAdminSessions } from '../database/people/sessions.js';
import { openDatabase } from '../database/sqlite/open.js';
import type { AuditEvent } from '../model/audit.js';
import type { Clock, Entropy } from '../model/call.js';
import { PeopleAdministration } from './administration.js';

const minute = 60_000;
const hour = 60 * minute;
let nowMs: number;
let directory: string;
let database: GatewayDatabase;
let admins: DatabaseAdmins;
let links: DatabaseAdminLinks;
let sessions: DatabaseAdminSessions;
let events: AuditEvent[];
let people: PeopleAdministration;
const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
const entropy: Entropy = { bytes: (length) => randomBytes(length), id: () => randomBytes(8).toString('hex') };

beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-administration-'));
  database = await openDatabase(join(directory, 'db'));
  admins = new DatabaseAdmins(database, clock, entropy);
  links = new DatabaseAdminLinks(database, clock, entropy);
  sessions = new DatabaseAdminSessions(database, clock, entropy);
  events = [];
  const recorder = {
    requireWritable: () => undefined,
    record: (event: AuditEvent) => void events.push(event),
  };
  const scribe = new AuditScribe(recorder, { kind: 'admin', name: 'root' });
  people = new PeopleAdministration({ admins, links, sessions, scribe, clock });
});
afterEach(async () => {
  await database.close();
  rmSync(directory, { recursive: true });
});

const recorded = () =>
  events.map(({ action, target, result, details }) => ({ action, target, result, details }));

describe('an invitation', () => {
  it('is a link of 15 minutes for a person with a role', async () => {
    const first = await people.init(' Alice ', 'root');
    const second = await people.add('bill', 'viewer', 'alice');
    expect(first.admin).toMatchObject({ name: 'alice', kind: 'local', role: 'admin', createdBy: 'root' });
    expect(second.admin).toMatchObject({ name: 'bill', kind: 'local', role: 'viewer', createdBy: 'alice' });
    for (const { admin, token, expiresMs } of [first, second]) {
      expect(expiresMs).toBe(nowMs + 15 * minute);
      expect(admin.linkExpiresMs).toBe(expiresMs);
      expect(await links.find(token)).toEqual({ adminId: admin.id, kind: 'enrol', expiresMs });
    }
    expect(recorded()).toEqual([
      { action: 'admin.add', target: 'alice', result: 'ok', details: { role: 'admin' } },
      { action: 'admin.add', target: 'bill', result: 'ok', details: { role: 'viewer' } },
    ]);
    // The link is a secret: the trail does not have it.
    expect(JSON.stringify(events)).not.toContain(first.token);
  });

  it('is made again by a reset, and the first one is worthless', async () => {
    const first = await people.init('alice', 'root');
    const again = await people.reset(' ALICE', 'bill');
    expect(again.admin).toEqual({ ...first.admin, linkExpiresMs: again.expiresMs });
    expect(await links.find(first.token)).toBeNull();
    expect(await links.find(again.token)).toMatchObject({ adminId: first.admin.id });
    expect(recorded().at(-1)).toMatchObject({ action: 'admin.reset', target: 'alice', result: 'ok' });
    await expect(people.reset('nobody', 'root')).rejects.toMatchObject({ kind: 'not-found' });
  });
});

describe('a person', () => {
  it('gets another role, with both in the trail', async () => {
    await people.init('alice', 'root');
    await people.add('bill', 'viewer', 'root');
    expect(await people.setRole('bill', 'operator')).toMatchObject({ name: 'bill', role: 'operator' });
    expect(await people.find('alice')).toMatchObject({ role: 'admin' });
    expect(recorded().at(-1)).toEqual({
      action: 'admin.role',
      target: 'bill',
      result: 'ok',
      details: { previous: 'viewer', now: 'operator' },
    });
    await expect(people.setRole('nobody', 'viewer')).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('is removed, with what they were in the trail', async () => {
    await people.init('alice', 'root');
    const { admin } = await people.add('bill', 'viewer', 'root');
    expect(await people.remove('bill')).toEqual(admin);
    await expect(people.find('bill')).rejects.toMatchObject({ kind: 'not-found' });
    expect(recorded().at(-1)).toEqual({
      action: 'admin.remove',
      target: 'bill',
      result: 'ok',
      details: { previous: { role: 'viewer', kind: 'local' } },
    });
    await expect(people.remove('alice')).rejects.toMatchObject({ kind: 'conflict' });
    expect(recorded().at(-1)).toMatchObject({ action: 'admin.remove', target: 'alice', result: 'conflict' });
  });

  it('has a session ended that is theirs', async () => {
    const { admin } = await people.init('alice', 'root');
    const other = await people.add('bill', 'viewer', 'root');
    const { session, secret } = await sessions.create({
      adminId: admin.id,
      method: 'totp',
      address: null,
      userAgent: null,
      expiresMs: nowMs + hour,
    });
    await expect(people.endSession(other.admin, session.id)).rejects.toMatchObject({ kind: 'not-found' });
    expect(await sessions.check(secret, hour)).not.toBeNull();
    await people.endSession(admin, session.id);
    expect(await sessions.check(secret, hour)).toBeNull();
    expect(events.slice(2)).toMatchObject([
      { action: 'admin.session', target: 'bill', session: session.id, result: 'not-found' },
      { action: 'admin.session', target: 'alice', session: session.id, result: 'ok' },
    ]);
  });
});

describe('the link of a demo', () => {
  it('is valid for twelve hours, for one person, and replaces the one before', async () => {
    const first = await people.demoLink();
    expect(first.admin).toMatchObject({ name: 'demo', kind: 'demo', role: 'admin', createdBy: 'demo' });
    expect(first.expiresMs).toBe(nowMs + 12 * hour);
    const second = await people.demoLink();
    expect(second.admin.id).toBe(first.admin.id);
    expect(await links.find(first.token)).toBeNull();
    expect(await links.find(second.token)).toEqual({
      adminId: first.admin.id,
      kind: 'demo',
      expiresMs: second.expiresMs,
    });
    expect(await admins.list()).toHaveLength(1);
  });

  it('is not that of a person with this name', async () => {
    await people.init('demo', 'root');
    await expect(people.demoLink()).rejects.toMatchObject({ kind: 'exists' });
  });
});
