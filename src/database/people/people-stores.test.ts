import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../../test/support/test-database.js';
import type { NewAdmin, NewApproval, NewPasskey, TicketKind } from '../../model/api/people.js';
import type { Clock, Entropy } from '../../model/call.js';
import type { GatewayDatabase } from '../database.js';
import { DatabaseAdmins } from './admins.js';
import { DatabaseApprovals } from './approvals.js';
import { DatabaseAdminLinks } from './links.js';
import { DatabasePasskeys } from './passkeys.js';
import { DatabaseAdminSessions } from './sessions.js';
import { DatabaseTickets } from './tickets.js';

const minute = 60_000;
const hour = 60 * minute;
let nowMs: number;
let directory: string;
let database: GatewayDatabase;
let admins: DatabaseAdmins;
let approvals: DatabaseApprovals;
let links: DatabaseAdminLinks;
let passkeys: DatabasePasskeys;
let sessions: DatabaseAdminSessions;
let tickets: DatabaseTickets;
const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined };
const entropy: Entropy = { bytes: (length) => randomBytes(length), id: () => randomBytes(8).toString('hex') };

beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  directory = mkdtempSync(join(tmpdir(), 'sftpgw-people-'));
  database = await openTestDatabase(join(directory, 'db'));
  admins = new DatabaseAdmins(database, clock, entropy);
  approvals = new DatabaseApprovals(database, clock, entropy);
  links = new DatabaseAdminLinks(database, clock, entropy);
  passkeys = new DatabasePasskeys(database, clock, entropy);
  sessions = new DatabaseAdminSessions(database, clock, entropy);
  tickets = new DatabaseTickets(database, clock, entropy);
});
afterEach(async () => {
  await database.close();
  rmSync(directory, { recursive: true });
});

const person = (name: string, change: Partial<NewAdmin> = {}) =>
  admins.add({ name, kind: 'local', role: 'admin', createdBy: 'root', subject: null, ...change });
const key = (credentialId: string, change: Partial<NewPasskey> = {}): NewPasskey => ({
  label: 'laptop',
  credentialId,
  publicKey: 'p',
  counter: 0,
  transports: [],
  ...change,
});
const session = (adminId: string, change: object = {}) =>
  sessions.create({
    adminId,
    method: 'totp',
    address: '192.0.2.7',
    userAgent: 'browser',
    expiresMs: nowMs + 12 * hour,
    ...change,
  });

describe('people', () => {
  it('are found by name, id and account, and listed by name', async () => {
    const bill = await person('bill', { kind: 'oidc', subject: 'sso\n1' });
    const alice = await person('alice');
    expect(alice).toMatchObject({
      name: 'alice',
      kind: 'local',
      role: 'admin',
      createdMs: nowMs,
      createdBy: 'root',
      lastLoginMs: null,
      hasPassphrase: false,
      totpCreatedMs: null,
      passkeys: 0,
      linkExpiresMs: null,
    });
    expect(await admins.list()).toEqual([alice, bill]);
    expect(await admins.findByName('bill')).toEqual(bill);
    expect(await admins.findById(alice.id)).toEqual(alice);
    expect(await admins.findBySubject('sso\n1')).toEqual(bill);
    for (const none of [admins.findByName('x'), admins.findById('x'), admins.findBySubject('x')])
      expect(await none).toBeNull();
  });

  it('have their own factors, link and login, and not those of another', async () => {
    const [alice, bill] = [await person('alice'), await person('bill')];
    await admins.setPassphrase(alice.id, 'hash');
    await admins.setTotp(alice.id, 'sealed', 7);
    await passkeys.add(alice.id, key('c1'));
    await passkeys.add(alice.id, key('c2'));
    nowMs += 5;
    await admins.loggedIn(alice.id);
    await links.create({ adminId: alice.id, kind: 'enrol', expiresMs: nowMs + minute }, 'root');
    expect(await admins.findById(alice.id)).toMatchObject({
      hasPassphrase: true,
      totpCreatedMs: nowMs - 5,
      passkeys: 2,
      lastLoginMs: nowMs,
      linkExpiresMs: nowMs + minute,
    });
    expect(await admins.secrets(alice.id)).toEqual({ passphraseHash: 'hash', sealedTotp: 'sealed' });
    expect(await admins.findById(bill.id)).toEqual(bill);
    expect(await admins.secrets(bill.id)).toEqual({ passphraseHash: null, sealedTotp: null });
    expect(await admins.secrets('none')).toEqual({ passphraseHash: null, sealedTotp: null });
    nowMs += minute;
    expect(await admins.findById(alice.id)).toMatchObject({ linkExpiresMs: null });
  });

  it('have different names, and the first local one is added once', async () => {
    const alice = { name: 'alice', kind: 'local', role: 'admin', createdBy: 'root', subject: null } as const;
    await person('demo', { kind: 'demo' });
    await admins.addFirst(alice);
    await expect(admins.addFirst({ ...alice, name: 'bill' })).rejects.toMatchObject({ kind: 'exists' });
    await expect(person('alice')).rejects.toMatchObject({ kind: 'exists' });
  });

  it('use each code once, in the order of time', async () => {
    const [alice, bill] = [await person('alice'), await person('bill')];
    for (const [step, isAccepted] of [
      [7, true],
      [7, false],
      [6, false],
      [8, true],
    ] as const)
      expect(await admins.useTotpStep(alice.id, step)).toBe(isAccepted);
    expect(await admins.useTotpStep(bill.id, 1)).toBe(true);
    expect(await admins.useTotpStep('none', 1)).toBe(false);
    await admins.setTotp(bill.id, 'sealed', 9);
    expect(await admins.useTotpStep(bill.id, 9)).toBe(false);
  });

  it('keep a last local administrator, whoever else there is', async () => {
    const alice = await person('alice');
    const others = [
      await person('viewer', { role: 'viewer' }),
      await person('bill', { kind: 'oidc', subject: 's' }),
    ];
    const conflict = { kind: 'conflict' };
    await expect(admins.remove(alice.id)).rejects.toMatchObject(conflict);
    await expect(admins.setRole(alice.id, 'viewer')).rejects.toMatchObject(conflict);
    await admins.setRole(alice.id, 'admin');
    for (const { id } of others) {
      await admins.setRole(id, 'operator');
      await admins.remove(id);
    }
    const other = await person('other');
    await admins.setRole(alice.id, 'viewer');
    await admins.remove(alice.id);
    await expect(admins.remove(other.id)).rejects.toMatchObject(conflict);
    expect((await admins.list()).map(({ name, role }) => `${name} ${role}`)).toEqual(['other admin']);
  });

  it.each(['reset', 'remove'] as const)('lose every credential by a %s, and only they do', async (how) => {
    const [alice, bill] = [await person('alice'), await person('bill')];
    const made = await Promise.all(
      [alice, bill].map(async ({ id, name }) => {
        await admins.setPassphrase(id, 'hash');
        await admins.setTotp(id, 'sealed', 7);
        await passkeys.add(id, key(name));
        const token = await links.create({ adminId: id, kind: 'enrol', expiresMs: nowMs + hour }, 'root');
        const ticket = await tickets.create('enrol', { adminId: id, data: {} });
        return { id, name, token, ticket, secret: (await session(id)).secret };
      }),
    );
    await admins[how](alice.id);
    const left = await Promise.all(
      made.map(async ({ id, name, token, ticket, secret }) => [
        (await passkeys.findByCredential(name)) !== null,
        (await links.find(token)) !== null,
        (await tickets.find('enrol', ticket)) !== null,
        (await sessions.check(secret, hour)) !== null,
        (await admins.secrets(id)).passphraseHash !== null,
        (await admins.secrets(id)).sealedTotp !== null,
        await admins.useTotpStep(id, 7),
      ]),
    );
    const isReset = how === 'reset';
    // The new second factor begins with any code.
    expect(left[0]).toEqual([false, false, false, false, false, false, isReset]);
    expect(left[1]).toEqual([true, true, true, true, true, true, false]);
    expect((await admins.findById(alice.id)) !== null).toBe(isReset);
  });

  it.each<[string, (token: string, alice: string, bill: string) => Promise<boolean>]>([
    [
      'of another person',
      (token, _, bill) => admins.enrol(token, bill, 'h', { kind: 'totp', sealed: 's', usedStep: 1 }),
    ],
    [
      'that is unknown',
      (_, alice) => admins.enrol('x', alice, 'h', { kind: 'totp', sealed: 's', usedStep: 1 }),
    ],
    [
      'that has expired',
      (token, alice) => {
        nowMs += minute;
        return admins.enrol(token, alice, 'h', { kind: 'passkey', passkey: key('c') });
      },
    ],
  ])('do not enrol with a link %s', async (_what, enrol) => {
    const [alice, bill] = [await person('alice'), await person('bill')];
    const token = await links.create({ adminId: alice.id, kind: 'enrol', expiresMs: nowMs + minute }, 'root');
    expect(await enrol(token, alice.id, bill.id)).toBe(false);
    for (const { id } of [alice, bill])
      expect(await admins.secrets(id)).toEqual({ passphraseHash: null, sealedTotp: null });
    expect(await passkeys.of(alice.id)).toEqual([]);
  });

  it('enrol once with a link, and never with that of a demo', async () => {
    const alice = await person('alice');
    const demo = await links.create({ adminId: alice.id, kind: 'demo', expiresMs: nowMs + 1 }, 'root');
    const totp = { kind: 'totp', sealed: 's', usedStep: 3 } as const;
    expect(await admins.enrol(demo, alice.id, 'h', totp)).toBe(false);
    const token = await links.create({ adminId: alice.id, kind: 'enrol', expiresMs: nowMs + 1 }, 'root');
    expect(await admins.enrol(token, alice.id, 'h', totp)).toBe(true);
    expect(await admins.enrol(token, alice.id, 'h2', totp)).toBe(false);
    expect(await admins.secrets(alice.id)).toEqual({ passphraseHash: 'h', sealedTotp: 's' });
    expect(await admins.useTotpStep(alice.id, 3)).toBe(false);
  });
});

describe('passkeys', () => {
  it('belong to one person, in the order in which they were added', async () => {
    const [alice, bill] = [await person('alice'), await person('bill')];
    const first = await passkeys.add(alice.id, key('c1', { transports: ['usb', 'nfc'], counter: 3 }));
    nowMs += 1;
    const second = await passkeys.add(alice.id, key('c0'));
    expect(first).toMatchObject({
      adminId: alice.id,
      transports: ['usb', 'nfc'],
      counter: 3,
      lastUsedMs: null,
    });
    expect(await passkeys.of(alice.id)).toEqual([first, second]);
    expect(await passkeys.of(bill.id)).toEqual([]);
    expect(await passkeys.findByCredential('c0')).toEqual(second);
    expect(second.transports).toEqual([]);
    await expect(passkeys.add(bill.id, key('c1'))).rejects.toMatchObject({ kind: 'exists' });
    nowMs += 1;
    await passkeys.used(first.id, 9);
    expect(await passkeys.findByCredential('c1')).toMatchObject({ counter: 9, lastUsedMs: nowMs });
    expect(await passkeys.findByCredential('c0')).toEqual(second);
    expect(await passkeys.rename(bill.id, first.id, 'x')).toBeNull();
    expect(await passkeys.rename(alice.id, first.id, 'x')).toMatchObject({ label: 'x' });
    expect(await passkeys.remove(bill.id, first.id)).toBeNull();
    expect(await passkeys.of(alice.id)).toMatchObject([{ label: 'x' }, { label: 'laptop' }]);
  });

  it('are at most 20 of a person', async () => {
    const [alice, bill] = [await person('alice'), await person('bill')];
    for (let at = 0; at < 20; at += 1) await passkeys.add(alice.id, key(`c${at}`));
    await expect(passkeys.add(alice.id, key('more'))).rejects.toMatchObject({ kind: 'over-quota' });
    await passkeys.add(bill.id, key('more'));
  });

  it('and TOTP are removed while another factor is left', async () => {
    const alice = await person('alice');
    const conflict = { kind: 'conflict' };
    const first = await passkeys.add(alice.id, key('c1'));
    await expect(passkeys.remove(alice.id, first.id)).rejects.toMatchObject(conflict);
    const second = await passkeys.add(alice.id, key('c2'));
    expect(await passkeys.remove(alice.id, first.id)).toEqual(first);
    await admins.setTotp(alice.id, 'sealed', 1);
    expect(await passkeys.remove(alice.id, second.id)).toEqual(second);
    await expect(admins.removeTotp(alice.id)).rejects.toMatchObject(conflict);
    await passkeys.add(alice.id, key('c3'));
    await admins.removeTotp(alice.id);
    expect(await admins.findById(alice.id)).toMatchObject({ totpCreatedMs: null, passkeys: 1 });
  });
});

describe('sessions', () => {
  it('are checked by their secret, until they are idle or too old', async () => {
    const alice = await person('alice');
    const { session: made, secret } = await session(alice.id, { userAgent: 'x'.repeat(300) });
    expect(made).toMatchObject({
      adminId: alice.id,
      method: 'totp',
      address: '192.0.2.7',
      userAgent: 'x'.repeat(200),
      createdMs: nowMs,
      lastUsedMs: nowMs,
    });
    expect(await sessions.check(made.id, hour)).toBeNull();
    nowMs += hour - 1;
    expect(await sessions.check(secret, hour)).toMatchObject({ id: made.id });
    nowMs += hour;
    expect(await sessions.check(secret, hour)).toBeNull();
    const short = await session(alice.id, { expiresMs: nowMs + 10, address: null, userAgent: null });
    expect(short.session).toMatchObject({ address: null, userAgent: null });
    nowMs += 9;
    expect(await sessions.check(short.secret, hour)).not.toBeNull();
    nowMs += 1;
    expect(await sessions.check(short.secret, hour)).toBeNull();
  });

  it('are listed and ended for their person alone', async () => {
    const [alice, bill] = [await person('alice'), await person('bill')];
    const made = [];
    for (const { id } of [alice, alice, alice, bill]) {
      nowMs += 1;
      made.push(await session(id));
    }
    const [first, second, third, theirs] = made.map((one) => one.session.id);
    const ids = async (of: string) => (await sessions.of(of, hour)).map(({ id }) => id);
    expect(await ids(alice.id)).toEqual([third, second, first]);
    expect(await sessions.end(bill.id, first ?? '')).toBe(false);
    expect(await sessions.end(alice.id, first ?? '')).toBe(true);
    expect(await sessions.end(alice.id, first ?? '')).toBe(false);
    expect(await sessions.find(first ?? '')).toBeNull();
    expect(await sessions.find(second ?? '')).toMatchObject({ id: second });
    expect(await sessions.endOthers(alice.id, third ?? '')).toBe(1);
    expect(await ids(alice.id)).toEqual([third]);
    expect(await sessions.endOthers(alice.id, null)).toBe(1);
    expect(await ids(bill.id)).toEqual([theirs]);
    nowMs += hour;
    expect(await ids(bill.id)).toEqual([]);
  });
});

describe('tickets', () => {
  it.each<[TicketKind, number]>([
    ['second-factor', 5],
    ['passkey', 5],
    ['enrol', 15],
    ['add-passkey', 5],
    ['add-totp', 15],
  ])('of the kind %s are valid for %d minutes, once', async (kind, minutes) => {
    const ticket = { adminId: 'a', data: { challenge: 'c' } };
    const text = await tickets.create(kind, ticket);
    nowMs += minutes * minute - 1;
    expect(await tickets.find(kind, text)).toEqual(ticket);
    expect(await tickets.find(kind === 'enrol' ? 'passkey' : 'enrol', text)).toBeNull();
    nowMs += 1;
    expect(await tickets.find(kind, text)).toBeNull();
    const [used, other] = [await tickets.create(kind, ticket), await tickets.create(kind, ticket)];
    expect([await tickets.take(used), await tickets.take(used)]).toEqual([true, false]);
    expect(await tickets.find(kind, used)).toBeNull();
    expect(await tickets.find(kind, other)).toEqual(ticket);
  });

  it('are at most 10,000 of a kind, so that strangers cannot fill the disk', async () => {
    const row = { admin_id: null, data: '{}', failures: 0, expires_ms: nowMs + minute };
    for (let first = 0; first < 9_999; first += 909) {
      const hashes = Array.from({ length: 909 }, (_, at) => ({ ticket_hash: String(first + at), ...row }));
      await database.write((trx) =>
        trx
          .insertInto('login_ticket')
          .values(hashes.map((one) => ({ ...one, kind: 'passkey' as const })))
          .execute(),
      );
    }
    const create = (kind: TicketKind) => tickets.create(kind, { adminId: null, data: {} });
    await create('passkey');
    await expect(create('passkey')).rejects.toMatchObject({ kind: 'throttled' });
    await create('second-factor');
    nowMs += minute;
    await create('passkey');
  });

  it('end with the fifth wrong answer, each by itself', async () => {
    const ticket = { adminId: null, data: {} };
    const [text, other] = [await tickets.create('passkey', ticket), await tickets.create('passkey', ticket)];
    for (let wrong = 0; wrong < 4; wrong += 1) await tickets.failed(text);
    expect(await tickets.find('passkey', text)).toEqual(ticket);
    await tickets.failed(text);
    expect(await tickets.find('passkey', text)).toBeNull();
    expect(await tickets.find('passkey', other)).toEqual(ticket);
  });
});

describe('links', () => {
  it('are valid until they expire, are used, or the person gets another one', async () => {
    const link = { adminId: 'a', kind: 'demo', expiresMs: nowMs + minute } as const;
    const first = await links.create(link, 'root');
    const theirs = await links.create({ ...link, adminId: 'b', expiresMs: nowMs + hour }, 'root');
    expect(await links.find(first)).toEqual(link);
    const second = await links.create(link, 'root');
    expect([await links.find(first), await links.find(second)]).toEqual([null, link]);
    expect([await links.take(second), await links.take(second)]).toEqual([link, null]);
    const third = await links.create(link, 'root');
    nowMs += minute;
    expect([await links.find(third), await links.take(third)]).toEqual([null, null]);
    expect(await links.find(theirs)).toMatchObject({ adminId: 'b' });
  });
});

describe('requests that wait for a second person', () => {
  const request = (change: Partial<NewApproval> = {}) =>
    approvals.add({
      operation: 'keys.destroy',
      summary: 'destroy a key',
      needs: 'admin',
      request: { id: 'k1' },
      requester: { name: 'alice' },
      requestedBy: 'alice',
      identity: 'a',
      expiresMs: nowMs + hour,
      ...change,
    });

  it('are stored once per person and request', async () => {
    const first = await request();
    expect(first).toMatchObject({
      operation: 'keys.destroy',
      summary: 'destroy a key',
      needs: 'admin',
      request: { id: 'k1' },
      requester: { name: 'alice' },
      requestedBy: 'alice',
      identity: 'a',
      state: 'pending',
      createdMs: nowMs,
      expiresMs: nowMs + hour,
      decidedBy: null,
      decidedMs: null,
      fault: null,
    });
    expect(await request()).toEqual(first);
    const others = [
      await request({ operation: 'x' }),
      await request({ request: { id: 'k2' } }),
      await request({ identity: 'b' }),
    ];
    expect(new Set([first, ...others].map(({ id }) => id)).size).toBe(4);
    expect(await approvals.find(first.id)).toEqual(first);
    expect(await approvals.find('x')).toBeNull();
    nowMs += hour;
    expect(await approvals.find(first.id)).toMatchObject({ state: 'expired' });
    expect((await request()).id).not.toBe(first.id);
  });

  it.each(['approved', 'rejected'] as const)('are %s once, before they expire', async (state) => {
    const [first, late] = [await request(), await request({ operation: 'x' })];
    nowMs += hour - 1;
    expect(await approvals.decide(first.id, state, 'bill')).toMatchObject({
      state,
      decidedBy: 'bill',
      decidedMs: nowMs,
    });
    expect(await approvals.decide(first.id, 'approved', 'bill')).toBeNull();
    expect(await approvals.find(late.id)).toMatchObject({ state: 'pending', decidedBy: null });
    nowMs += 1;
    expect(await approvals.decide(late.id, state, 'bill')).toBeNull();
    expect(await approvals.find(late.id)).toMatchObject({ state: 'expired', decidedBy: null });
    expect((await request()).id).not.toBe(first.id);
    await approvals.failed(first.id, 'conflict');
    expect(await approvals.find(first.id)).toMatchObject({ state: 'failed', fault: 'conflict' });
    expect(await approvals.find(late.id)).toMatchObject({ fault: null });
  });

  it('are at most 100 that are pending, and 200 are listed, the newest first', async () => {
    for (let at = 0; at < 100; at += 1) await request({ operation: `o${at}` });
    await expect(request()).rejects.toMatchObject({ kind: 'over-quota' });
    nowMs += hour;
    for (let at = 100; at < 200; at += 1) await request({ operation: `o${at}` });
    nowMs += hour;
    const last = await request({ operation: 'last' });
    const listed = await approvals.list();
    expect(listed).toHaveLength(200);
    expect(listed[0]).toEqual(last);
    expect(listed.at(-1)?.createdMs).toBe(nowMs - 2 * hour);
  });
});
