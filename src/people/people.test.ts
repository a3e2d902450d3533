import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../../test/support/test-database.js';
import type { Client } from '../api/description/roles.js';
import { AuditScribe } from '../audit/scribe.js';
import type { GatewayDatabase } from '../database/database.js';
import { DatabaseAdmins } from '../database/people/admins.js';
import { DatabaseAdminLinks } from '../database/people/links.js';
import { DatabasePasskeys } from '../database/people/passkeys.js';
import { DatabaseAdminSessions } from '../database/people/sessions.js';
import { DatabaseTickets } from '../database/people/tickets.js';
import { newAgeIdentity } from '../keyring/age.js';
import { createSealedTexts } from '../keyring/sealed-texts.js';
import type { AuditEvent } from '../model/audit.js';
import type { Clock, Entropy } from '../model/call.js';
import { TotpSecret } from '../users/logins/totp.js';
import { Passwords } from '../users/passwords.js';
import { type Invitation, linkMs, PeopleAdministration } from './administration.js';
import { createPeople, type People } from './people.js';
import type { PeopleServices } from './services.js';
import { SoftwareAuthenticator } from './testing/software-authenticator.js';

const minute = 60_000;
const hour = 60 * minute;
const origin = 'https://sftpgw.example.com';
const passphrase = 'correct horse battery staple';

class TestClock implements Clock {
  ms = 1_800_000_000_000;
  nowMs = () => this.ms;
  monotonicMs = () => this.ms;
  sleep = async () => undefined;
}

const entropy: Entropy = {
  bytes: (length) => randomBytes(length),
  id: () => randomBytes(8).toString('hex'),
};

describe('people', () => {
  let directory: string;
  let database: GatewayDatabase;
  let clock: TestClock;
  let services: PeopleServices;
  let people: People;
  let administration: PeopleAdministration;
  let events: AuditEvent[];
  const refused: string[] = [];
  let isBanned = false;
  const client: Client = { address: '192.0.2.7', origin, userAgent: 'test' };
  const from = { client, signal: new AbortController().signal };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'sftpgw-people-'));
    database = await openTestDatabase(join(directory, 'sftpgw.db'));
    clock = new TestClock();
    const identity = await newAgeIdentity();
    events = [];
    refused.length = 0;
    isBanned = false;
    services = {
      admins: new DatabaseAdmins(database, clock, entropy),
      passkeys: new DatabasePasskeys(database, clock, entropy),
      sessions: new DatabaseAdminSessions(database, clock, entropy),
      links: new DatabaseAdminLinks(database, clock, entropy),
      tickets: new DatabaseTickets(database, clock, entropy),
      passphrases: new Passwords(entropy, { ln: 10, r: 1, p: 1 }),
      sealed: createSealedTexts({ read: async () => identity, readOrMake: async () => identity }, entropy),
      guard: {
        mayCheck: () => !isBanned,
        refused: async (address, name) => {
          refused.push(`${address} ${name}`);
          return 0;
        },
        loggedIn: (address, name) => refused.push(`in ${address} ${name}`),
      },
      sessionLimits: () => ({ idleMs: hour, maxMs: 12 * hour }),
      isDemo: false,
      clock,
      entropy,
    };
    people = createPeople(services);
    const recorder = { requireWritable: () => undefined, record: (event: AuditEvent) => events.push(event) };
    administration = new PeopleAdministration({
      ...services,
      scribe: new AuditScribe(recorder, { kind: 'admin', name: 'root' }),
    });
  });
  afterEach(async () => {
    await database.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function welcome(token: string) {
    const found = await people.logins.welcome(token, from);
    if (found.kind !== 'enrol') throw new Error('not a link to enrol');
    return found;
  }

  /** Enrols with TOTP. Returns the secret, and the link's token. */
  async function enrolled(invitation: Invitation) {
    const { ticket, totp } = await welcome(invitation.token);
    const secret = TotpSecret.parse(totp.secret);
    const factor = { kind: 'totp', code: secret.codeAt(clock.ms) } as const;
    const done = await people.logins.enrol({ token: invitation.token, ticket, passphrase, factor }, from);
    clock.ms += minute;
    return { ...done, totp: secret };
  }

  async function withPasskey(invitation: Invitation, authenticator = new SoftwareAuthenticator(origin)) {
    const { ticket, passkey } = await welcome(invitation.token);
    const response = authenticator.create(passkey ?? { challenge: '' });
    const factor = { kind: 'passkey', label: 'laptop', response } as const;
    const done = await people.logins.enrol({ token: invitation.token, ticket, passphrase, factor }, from);
    return { ...done, authenticator };
  }

  describe('with a link', () => {
    it('enrol once, and log in by it', async () => {
      const invitation = await administration.init('Alice', 'root');
      const { admin, secret } = await enrolled(invitation);
      expect(admin).toMatchObject({ name: 'alice', role: 'admin' });
      expect(await services.sessions.check(secret, hour)).toMatchObject({
        adminId: admin.id,
        method: 'link',
      });
      await expect(people.logins.welcome(invitation.token, from)).rejects.toMatchObject({
        kind: 'not-found',
      });
      expect(events.map(({ action, target }) => `${action} ${target}`)).toEqual(['admin.add alice']);
    });

    it('enrol one of two that use it at the same time', async () => {
      const { token } = await administration.init('alice', 'root');
      const both = await Promise.all([welcome(token), welcome(token)]);
      const attempts = both.map(({ ticket, totp }) => {
        const code = TotpSecret.parse(totp.secret).codeAt(clock.ms);
        return people.logins.enrol({ token, ticket, passphrase, factor: { kind: 'totp', code } }, from);
      });
      const states = (await Promise.allSettled(attempts)).map(({ status }) => status);
      expect(states.sort()).toEqual(['fulfilled', 'rejected']);
    });

    it('do not enrol after 15 minutes, also if they opened it before', async () => {
      const { token } = await administration.init('alice', 'root');
      const { ticket, totp } = await welcome(token);
      clock.ms += linkMs - 1;
      await welcome(token);
      clock.ms += 1;
      await expect(welcome(token)).rejects.toMatchObject({ kind: 'not-found' });
      const code = TotpSecret.parse(totp.secret).codeAt(clock.ms);
      await expect(
        people.logins.enrol({ token, ticket, passphrase, factor: { kind: 'totp', code } }, from),
      ).rejects.toMatchObject({ kind: 'unauthenticated' });
    });

    it('may try again after a wrong code or a weak passphrase, and not with the link of another', async () => {
      const first = await administration.init('alice', 'root');
      const other = await administration.add('bill', 'viewer', 'root');
      const { ticket, totp } = await welcome(first.token);
      const { token } = first;
      const right = { kind: 'totp', code: TotpSecret.parse(totp.secret).codeAt(clock.ms) } as const;
      const wrong = { kind: 'totp', code: '000000' } as const;
      for (const attempt of [
        { token, ticket, passphrase, factor: wrong },
        { token, ticket, passphrase: 'short', factor: right },
        { token, ticket, passphrase: 'aaaaaaaaaaaaaaaa', factor: right },
        { token, ticket, passphrase: 'alicealicealice', factor: right },
      ]) {
        await expect(people.logins.enrol(attempt, from)).rejects.toMatchObject({ kind: 'invalid' });
      }
      await expect(
        people.logins.enrol({ token: other.token, ticket, passphrase, factor: right }, from),
      ).rejects.toMatchObject({ kind: 'not-found' });
      await people.logins.enrol({ token, ticket, passphrase, factor: right }, from);
    });

    it('are the first only once, and the last administrator stays', async () => {
      const first = await administration.init('alice', 'root');
      await expect(administration.init('bill', 'root')).rejects.toMatchObject({ kind: 'exists' });
      await expect(administration.add('ALICE', 'viewer', 'root')).rejects.toMatchObject({ kind: 'exists' });
      await expect(administration.add('no name', 'viewer', 'root')).rejects.toMatchObject({
        kind: 'invalid',
      });
      await administration.add('bill', 'viewer', 'root');
      await expect(administration.remove('alice')).rejects.toMatchObject({ kind: 'conflict' });
      await expect(administration.setRole('alice', 'viewer')).rejects.toMatchObject({ kind: 'conflict' });
      await administration.setRole('bill', 'admin');
      await administration.remove('alice');
      await expect(welcome(first.token)).rejects.toMatchObject({ kind: 'not-found' });
    });
  });

  describe('with a passphrase and TOTP', () => {
    it('log in with both, and with each code once', async () => {
      const { totp, admin } = await enrolled(await administration.init('alice', 'root'));
      const { ticket, methods } = await people.logins.passphrase('alice', passphrase, from);
      expect(methods).toEqual(['totp']);
      const code = totp.codeAt(clock.ms);
      const done = await people.logins.totp(ticket, code, from);
      expect(done.admin.id).toBe(admin.id);
      const again = await people.logins.passphrase('alice', passphrase, from);
      await expect(people.logins.totp(again.ticket, code, from)).rejects.toMatchObject({
        kind: 'unauthenticated',
      });
      // A restart forgets nothing.
      const restarted = createPeople(services);
      await expect(restarted.logins.totp(again.ticket, code, from)).rejects.toMatchObject({
        kind: 'unauthenticated',
      });
      await expect(people.logins.totp(ticket, totp.codeAt(clock.ms), from)).rejects.toMatchObject({
        kind: 'unauthenticated',
      });
    });

    it('are refused with the same text for a wrong passphrase and for a name that does not exist', async () => {
      await enrolled(await administration.init('alice', 'root'));
      await administration.add('bill', 'viewer', 'root');
      const texts = new Set<string>();
      for (const name of ['alice', 'bill', 'nobody', '../x']) {
        const attempt = people.logins.passphrase(name, 'wrong horse battery staple', from);
        await attempt.catch((error: Error) => texts.add(error.message));
      }
      expect(texts.size).toBe(1);
      expect(refused.filter((text) => !text.startsWith('in '))).toEqual([
        '192.0.2.7 console alice',
        '192.0.2.7 console bill',
        '192.0.2.7 console nobody',
        '192.0.2.7 console ../x',
      ]);
    });

    it('are refused from a banned address also with the right passphrase', async () => {
      await enrolled(await administration.init('alice', 'root'));
      isBanned = true;
      await expect(people.logins.passphrase('alice', passphrase, from)).rejects.toMatchObject({
        kind: 'unauthenticated',
      });
    });

    it('have five attempts for a code, and five minutes', async () => {
      const { totp } = await enrolled(await administration.init('alice', 'root'));
      const { ticket } = await people.logins.passphrase('alice', passphrase, from);
      for (let attempt = 0; attempt < 5; attempt++) {
        await expect(people.logins.totp(ticket, '000000', from)).rejects.toThrow('wrong code');
      }
      await expect(people.logins.totp(ticket, totp.codeAt(clock.ms), from)).rejects.toThrow('too long');
      const late = await people.logins.passphrase('alice', passphrase, from);
      clock.ms += 5 * minute;
      await expect(people.logins.totp(late.ticket, totp.codeAt(clock.ms), from)).rejects.toThrow('too long');
    });

    it('cannot use the ticket of another step', async () => {
      const { totp, admin } = await enrolled(await administration.init('alice', 'root'));
      const { ticket } = await people.factors.beginTotp(admin, client);
      await expect(people.logins.totp(ticket, totp.codeAt(clock.ms), from)).rejects.toMatchObject({
        kind: 'unauthenticated',
      });
    });

    it('have their secrets sealed or hashed in the database', async () => {
      const invitation = await administration.init('alice', 'root');
      const { totp, secret } = await enrolled(invitation);
      const { ticket } = await people.logins.passphrase('alice', passphrase, from);
      const contents = await contentsOf(database);
      expect(contents.join()).toContain('alice');
      for (const text of [invitation.token, totp.reveal(), secret, ticket, passphrase]) {
        for (const content of contents) expect(content).not.toContain(text);
      }
    });
  });

  describe('with a passkey', () => {
    it('log in with it as the second factor, and alone', async () => {
      const { authenticator, admin } = await withPasskey(await administration.init('alice', 'root'));
      const step = await people.logins.passphrase('alice', passphrase, from);
      expect(step.methods).toEqual(['passkey']);
      const response = authenticator.get(step.passkey ?? { challenge: '' });
      const done = await people.logins.passkey(step.ticket, response, from);
      expect(done).toMatchObject({ admin: { id: admin.id }, session: { method: 'passkey' } });
      const alone = await people.logins.beginPasskey(from);
      await people.logins.passkey(alone.ticket, authenticator.get(alone.passkey), from);
      await expect(people.logins.passkey(step.ticket, response, from)).rejects.toMatchObject({
        kind: 'unauthenticated',
      });
    });

    it.each([
      ['another site', { origin: 'https://sftpgw.example.org' }],
      ['another relying party', { rpId: 'example.org' }],
      ['another challenge', { challenge: 'AAAA' }],
      ['a person that the device has not verified', { userVerified: false }],
    ])('are refused alone for %s', async (_, wrong) => {
      const { authenticator } = await withPasskey(await administration.init('alice', 'root'));
      const { ticket, passkey } = await people.logins.beginPasskey(from);
      const attempt = people.logins.passkey(ticket, authenticator.get(passkey, wrong), from);
      await expect(attempt).rejects.toMatchObject({ kind: 'unauthenticated' });
      await people.logins.passkey(ticket, authenticator.get(passkey), from);
    });

    it('are refused with a copy of the authenticator, and with the passkey of another', async () => {
      const { authenticator } = await withPasskey(await administration.init('alice', 'root'));
      const bill = await withPasskey(await administration.add('bill', 'viewer', 'root'));
      const first = await people.logins.beginPasskey(from);
      authenticator.get(first.passkey);
      await people.logins.passkey(first.ticket, authenticator.get(first.passkey), from);
      const second = await people.logins.beginPasskey(from);
      await expect(
        people.logins.passkey(second.ticket, authenticator.get(second.passkey, { counter: 1 }), from),
      ).rejects.toMatchObject({ kind: 'unauthenticated' });
      const step = await people.logins.passphrase('alice', passphrase, from);
      const foreign = bill.authenticator.get(step.passkey ?? { challenge: '' });
      await expect(people.logins.passkey(step.ticket, foreign, from)).rejects.toMatchObject({
        kind: 'unauthenticated',
      });
      for (const malformed of [null, {}, { id: 7 }, { id: authenticator.id.toString('base64url') }]) {
        await expect(people.logins.passkey(second.ticket, malformed, from)).rejects.toMatchObject({
          kind: 'unauthenticated',
        });
      }
    });

    it('have several, rename and remove them, and keep the last second factor', async () => {
      const { admin } = await withPasskey(await administration.init('alice', 'root'));
      const other = new SoftwareAuthenticator(origin);
      const begun = await people.factors.beginPasskey(admin, client);
      clock.ms += 1;
      const response = other.create(begun.passkey);
      const added = await people.factors.addPasskey(admin, client, {
        ticket: begun.ticket,
        label: 'key',
        response,
      });
      await expect(
        people.factors.addPasskey(admin, client, { ticket: begun.ticket, label: 'key', response }),
      ).rejects.toMatchObject({ kind: 'invalid' });
      expect(await services.passkeys.rename(admin.id, added.id, 'blue key')).toMatchObject({
        label: 'blue key',
      });
      expect(await services.passkeys.rename('another', added.id, 'x')).toBeNull();
      const [first] = await services.passkeys.of(admin.id);
      await services.passkeys.remove(admin.id, first?.id ?? '');
      await expect(services.passkeys.remove(admin.id, added.id)).rejects.toMatchObject({ kind: 'conflict' });
      const { ticket, secret } = await people.factors.beginTotp(admin, client);
      await expect(people.factors.setTotp(admin, ticket, '000000')).rejects.toMatchObject({
        kind: 'invalid',
      });
      await people.factors.setTotp(admin, ticket, TotpSecret.parse(secret).codeAt(clock.ms));
      await services.passkeys.remove(admin.id, added.id);
      await expect(services.admins.removeTotp(admin.id)).rejects.toMatchObject({ kind: 'conflict' });
    });

    it('are offered no passkey at an IP address or over plain HTTP', async () => {
      for (const elsewhere of ['https://192.0.2.1', 'http://sftpgw.example.com', 'https://[2001:db8::1]']) {
        const there = { ...from, client: { ...client, origin: elsewhere } };
        await expect(people.logins.beginPasskey(there)).rejects.toMatchObject({ kind: 'unsupported' });
      }
    });
  });

  describe('with a session', () => {
    it('stay logged in while they are active, at most for the maximum', async () => {
      const { secret } = await enrolled(await administration.init('alice', 'root'));
      for (let passed = minute; passed < 11 * hour; passed += 58 * minute) {
        clock.ms += 58 * minute;
        expect(await services.sessions.check(secret, hour)).not.toBeNull();
      }
      clock.ms += 59 * minute;
      expect(await services.sessions.check(secret, hour)).toBeNull();
    });

    it('are logged out after the idle time', async () => {
      const { secret } = await enrolled(await administration.init('alice', 'root'));
      clock.ms += hour;
      expect(await services.sessions.check(secret, hour)).toBeNull();
    });

    it('are logged out by a reset, a removal and another passphrase', async () => {
      const alice = await enrolled(await administration.init('alice', 'root'));
      const bill = await enrolled(await administration.add('bill', 'admin', 'root'));
      const other = await people.logins.begin(alice.admin, 'passkey', from);
      const changed = { current: passphrase, passphrase: 'another long passphrase' };
      await expect(
        people.factors.changePassphrase(
          alice.admin,
          { ...from, session: alice.session.id },
          { ...changed, current: 'wrong' },
        ),
      ).rejects.toMatchObject({ kind: 'unauthenticated' });
      await people.factors.changePassphrase(alice.admin, { ...from, session: alice.session.id }, changed);
      expect(await services.sessions.check(other.secret, hour)).toBeNull();
      expect(await services.sessions.check(alice.secret, hour)).not.toBeNull();
      const { token } = await administration.reset('alice', 'root');
      expect(await services.sessions.check(alice.secret, hour)).toBeNull();
      await expect(people.logins.passphrase('alice', changed.passphrase, from)).rejects.toMatchObject({
        kind: 'unauthenticated',
      });
      await welcome(token);
      await administration.remove('bill').catch(() => undefined);
      expect(await services.sessions.check(bill.secret, hour)).toBeNull();
    });

    it('have at most 20 sessions', async () => {
      const { admin, secret } = await enrolled(await administration.init('alice', 'root'));
      for (let count = 0; count < 20; count++) {
        clock.ms += 1;
        await people.logins.begin(admin, 'passkey', from);
      }
      expect(await services.sessions.of(admin.id, hour)).toHaveLength(20);
      expect(await services.sessions.check(secret, hour)).toBeNull();
    });
  });

  it('have a session with the facts of their login, up to the maximum', async () => {
    const { admin, session } = await enrolled(await administration.init('alice', 'root'));
    expect(session).toMatchObject({
      adminId: admin.id,
      method: 'link',
      address: '192.0.2.7',
      userAgent: 'test',
      expiresMs: clock.ms - minute + 12 * hour,
    });
    expect(refused.at(-1)).toBe('in 192.0.2.7 console alice');
    const local = { ...from, client: null };
    refused.length = 0;
    expect((await people.logins.begin(admin, 'passkey', local)).session).toMatchObject({
      address: null,
      userAgent: null,
    });
    expect(refused).toEqual([]);
    expect(await services.admins.findById(admin.id)).toMatchObject({ lastLoginMs: clock.ms });
  });

  it('are offered the second factors that they have, and no passkey where browsers offer none', async () => {
    const { admin, authenticator } = await withPasskey(await administration.init('alice', 'root'));
    const { ticket, secret, uri } = await people.factors.beginTotp(admin, client);
    expect(uri).toContain('sftpgw.example.com');
    await people.factors.setTotp(admin, ticket, TotpSecret.parse(secret).codeAt(clock.ms));
    const step = await people.logins.passphrase('alice', passphrase, from);
    expect(step.methods).toEqual(['totp', 'passkey']);
    expect(step.passkey).toMatchObject({
      rpId: 'sftpgw.example.com',
      userVerification: 'preferred',
      allowCredentials: [{ id: authenticator.id.toString('base64url') }],
    });
    expect(await people.logins.nameOf(step.ticket)).toBe('alice');
    for (const unknown of ['x', ticket]) expect(await people.logins.nameOf(unknown)).toBeNull();
    for (const there of [null, { ...client, origin: 'http://192.0.2.1' }]) {
      const elsewhere = { ...from, client: there };
      const other = await people.logins.passphrase('alice', passphrase, elsewhere);
      expect([other.methods, other.passkey]).toEqual([['totp'], null]);
      await expect(people.logins.passkey(other.ticket, {}, elsewhere)).rejects.toMatchObject({
        kind: 'unsupported',
      });
    }
  });

  it('are welcomed with what their link is for', async () => {
    const { admin, token, expiresMs } = await administration.init('alice', 'root');
    const found = await welcome(token);
    expect(found).toMatchObject({ kind: 'enrol', admin: { id: admin.id }, expiresMs });
    expect(found.totp.uri).toContain(found.totp.secret);
    expect(found.passkey).toMatchObject({ user: { name: 'alice' }, excludeCredentials: [] });
    const local = await people.logins.welcome(token, { ...from, client: null });
    expect(local).toMatchObject({ passkey: null, totp: { uri: expect.stringContaining('localhost') } });
    const demo = await administration.demoLink();
    expect(await people.logins.welcome(demo.token, from)).toEqual({
      kind: 'demo',
      admin: expect.objectContaining({ name: 'demo' }),
      expiresMs: demo.expiresMs,
    });
    // The person of a demo gets no session at another gateway.
    await expect(people.logins.begin(demo.admin, 'demo', from)).rejects.toMatchObject({ kind: 'denied' });
  });

  it('do not enrol with a passkey of another site or request, and may try again', async () => {
    const { token } = await administration.init('alice', 'root');
    const { ticket, passkey } = await welcome(token);
    const authenticator = new SoftwareAuthenticator(origin);
    const attempt = (response: unknown, at = from) =>
      people.logins.enrol(
        { token, ticket, passphrase, factor: { kind: 'passkey', label: 'laptop', response } },
        at,
      );
    const options = passkey ?? { challenge: '' };
    for (const wrong of [{ origin: 'https://sftpgw.example.org' }, { challenge: 'AAAA' }])
      await expect(attempt(authenticator.create(options, wrong))).rejects.toMatchObject({ kind: 'invalid' });
    const right = authenticator.create(options);
    await expect(attempt(right, { ...from, client: null } as never)).rejects.toMatchObject({
      kind: 'unsupported',
    });
    await attempt(right);
    expect(await services.passkeys.findByCredential(right.id)).toMatchObject({ label: 'laptop' });
  });

  it('of a demo log in by its link once, only there and only on the machine', async () => {
    const demo = createPeople({ ...services, isDemo: true });
    const here = { ...from, client: { ...client, address: '127.0.0.1' } };
    const { token } = await administration.demoLink();
    await expect(demo.logins.demo(token, from)).rejects.toMatchObject({ kind: 'denied' });
    await expect(people.logins.demo(token, here)).rejects.toMatchObject({ kind: 'denied' });
    expect(await demo.logins.demo(token, here)).toMatchObject({ admin: { name: 'demo', role: 'admin' } });
    await expect(demo.logins.demo(token, here)).rejects.toMatchObject({ kind: 'not-found' });
    const enrol = await administration.init('alice', 'root');
    await expect(demo.logins.demo(enrol.token, here)).rejects.toMatchObject({ kind: 'not-found' });
    await welcome(enrol.token);
  });

  it('from a provider have the role of their first group, decided again at each login', async () => {
    const roles = new Map([
      ['admins', 'admin'],
      ['auditors', 'viewer'],
    ]);
    const scribe = new AuditScribe(
      { requireWritable: () => undefined, record: (event: AuditEvent) => events.push(event) },
      { kind: 'gateway', name: 'test' },
    );
    const provided = { issuer: 'https://sso.example.com', subject: '1', name: 'Alice@Example.com' };
    const login = (groups: readonly string[], more = {}) =>
      people.providerLogins.login({ ...provided, groups, ...more }, roles, scribe, from);
    await expect(login(['staff'])).rejects.toMatchObject({ kind: 'denied' });
    expect(await login(['auditors', 'admins'])).toMatchObject({
      admin: { name: 'alice@example.com', role: 'admin', kind: 'oidc' },
    });
    const { admin } = await login(['auditors'], { name: 'renamed' });
    expect(await services.admins.findById(admin.id)).toMatchObject({
      name: 'alice@example.com',
      role: 'viewer',
    });
    await expect(login(['admins'], { subject: '2' })).rejects.toMatchObject({ kind: 'exists' });
    await expect(administration.reset('alice@example.com', 'root')).rejects.toMatchObject({
      kind: 'conflict',
    });
    await expect(administration.setRole('alice@example.com', 'admin')).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect(events.map(({ action, result }) => `${action} ${result}`)).toEqual([
      'admin.add ok',
      'admin.role ok',
      'admin.add exists',
    ]);
  });

  it('cannot hold all attempts of logins from one address', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = createPeople({
      ...services,
      clock: { ...clock, nowMs: clock.nowMs, monotonicMs: clock.monotonicMs, sleep: () => held },
      guard: { mayCheck: () => true, refused: async () => 10_000, loggedIn: () => undefined },
    });
    const attempt = () => slow.logins.passphrase('nobody', 'wrong', from);
    const waiting = [attempt(), attempt(), attempt(), attempt()];
    await expect(attempt()).rejects.toMatchObject({ kind: 'throttled' });
    release();
    for (const { status } of await Promise.allSettled(waiting)) expect(status).toBe('rejected');
  });
});

/** Returns everything that the database has: its tables as text. */
async function contentsOf(database: GatewayDatabase): Promise<readonly string[]> {
  const tables = await database.read((db) => db.introspection.getTables());
  const rows = tables.map(({ name }) =>
    database.read((db) =>
      db
        .selectFrom(name as 'admin')
        .selectAll()
        .execute(),
    ),
  );
  return (await Promise.all(rows)).map((table) => JSON.stringify(table));
}
