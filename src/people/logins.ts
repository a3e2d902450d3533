import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import type { Client } from '../api/description/roles.js';
import type { Admin, AdminSession, LoginMethod, NewFactor, Ticket } from '../model/api/people.js';
import { Fault, isFault } from '../model/fault.js';
import { isLoopbackHost } from '../network/local-hosts.js';
import { TotpSecret, totpUri } from '../users/logins/totp.js';
import type { LoginAttempts } from './attempts.js';
import {
  checkAuthentication,
  checkRegistration,
  creationOptions,
  credentialIdOf,
  newChallenge,
  type RelyingParty,
  relyingPartyOf,
  requestOptions,
} from './passkey-checks.js';
import { checkPassphrase } from './passphrases.js';
import type { PeopleServices } from './services.js';
import { acceptCode, totpPurpose } from './totp-codes.js';

/** The sender of a login: from the console, or a request on the socket without a client. */
export interface LoginClient {
  readonly client: Client | null;
  readonly signal: AbortSignal;
}

/** A complete login. */
export interface LoggedIn {
  readonly admin: Admin;
  readonly session: AdminSession;
  /** The content of the cookie. */
  readonly secret: string;
}

/** The second step of a login. */
export interface SecondStep {
  readonly ticket: string;
  readonly methods: readonly ('totp' | 'passkey')[];
  readonly passkey: PublicKeyCredentialRequestOptionsJSON | null;
}

/** The page to which a link leads. */
export type Welcome =
  | {
      readonly kind: 'enrol';
      readonly admin: Admin;
      readonly expiresMs: number;
      readonly ticket: string;
      readonly totp: { readonly secret: string; readonly uri: string };
      readonly passkey: PublicKeyCredentialCreationOptionsJSON | null;
    }
  | { readonly kind: 'demo'; readonly admin: Admin; readonly expiresMs: number };

/** The first credentials of a person, as they enter them. */
export interface Enrolment {
  readonly token: string;
  readonly ticket: string;
  readonly passphrase: string;
  readonly factor:
    | { readonly kind: 'totp'; readonly code: string }
    | { readonly kind: 'passkey'; readonly label: string; readonly response: unknown };
}

const wrongPassphrase = 'wrong name or passphrase';
const wrongCode = 'wrong code';
const wrongPasskey = 'the passkey is not one of this person, or answers another request';
const lateTicket = 'the login took too long: begin again';
const unknownLink = 'the link is unknown, used or expired: ask for a new one (`sftpgw admin reset NAME`)';
/** A hash that no passphrase has, for names that do not exist. */
const none = null;

/** Logs people in. Every refusal counts for the limiter of logins. */
export class PeopleLogins {
  readonly #services: PeopleServices;
  readonly #attempts: LoginAttempts;

  constructor(services: PeopleServices, attempts: LoginAttempts) {
    this.#services = services;
    this.#attempts = attempts;
  }

  /** Checks a passphrase. Throws `unauthenticated`, also for a name that does not exist, after the same time. */
  async passphrase(name: string, passphrase: string, from: LoginClient): Promise<SecondStep> {
    const { admins, passphrases, passkeys, tickets } = this.#services;
    const admin = await this.#attempts.run(
      { name, address: addressOf(from), signal: from.signal },
      wrongPassphrase,
      async (source) => {
        const found = await admins.findByName(name);
        const stored = found === null ? none : (await admins.secrets(found.id)).passphraseHash;
        const isRight = await passphrases.verify(passphrase, stored, { source, signal: from.signal });
        return isRight ? found : null;
      },
    );
    const keys = await passkeys.of(admin.id);
    const party = partyOf(from);
    const challenge = newChallenge(this.#services.entropy);
    const ticket = await tickets.create('second-factor', { adminId: admin.id, data: { challenge } });
    const hasKeys = keys.length > 0 && party !== null;
    return {
      ticket,
      methods: [
        ...(admin.totpCreatedMs === null ? [] : (['totp'] as const)),
        ...(hasKeys ? (['passkey'] as const) : []),
      ],
      passkey: hasKeys ? await requestOptions(party, challenge, keys) : null,
    };
  }

  /** Checks a code as the second factor. Throws `unauthenticated`. */
  async totp(text: string, code: string, from: LoginClient): Promise<LoggedIn> {
    const { tickets } = this.#services;
    const { admin } = await this.#ticketOf('second-factor', text);
    await this.#attempts.run(
      { name: admin.name, address: addressOf(from), signal: from.signal },
      wrongCode,
      async () => {
        if (await acceptCode(this.#services, admin.id, code)) return true;
        await tickets.failed(text);
        return null;
      },
    );
    await this.#use(text);
    return await this.begin(admin, 'totp', from);
  }

  /** Begins a login with a passkey alone. Throws `unsupported` where browsers offer none. */
  async beginPasskey(from: LoginClient) {
    const party = requireParty(partyOf(from));
    const challenge = newChallenge(this.#services.entropy);
    const ticket = await this.#services.tickets.create('passkey', { adminId: null, data: { challenge } });
    return { ticket, passkey: await requestOptions(party, challenge, null) };
  }

  /** Checks a passkey, as the second factor or alone. Throws `unauthenticated`. */
  async passkey(text: string, response: unknown, from: LoginClient): Promise<LoggedIn> {
    const { tickets, passkeys, admins } = this.#services;
    const party = requireParty(partyOf(from));
    const [second, alone] = await Promise.all([
      tickets.find('second-factor', text),
      tickets.find('passkey', text),
    ]);
    const ticket = second ?? alone;
    if (ticket === null) throw new Fault('unauthenticated', lateTicket);
    const passkey = await passkeys.findByCredential(credentialIdOf(response) ?? '');
    const owner = ticket.adminId ?? passkey?.adminId ?? null;
    const admin = owner === null ? null : await admins.findById(owner);
    const name = admin?.name ?? 'passkey';
    const found = await this.#attempts.run(
      { name, address: addressOf(from), signal: from.signal },
      wrongPasskey,
      async () => {
        const challenge = ticket.data['challenge'] ?? '';
        const isTheirs = admin !== null && passkey !== null && passkey.adminId === admin.id;
        const counter = isTheirs
          ? await checkAuthentication(party, challenge, passkey, response, second === null)
          : null;
        if (counter !== null && isTheirs) return { admin, passkey, counter };
        await tickets.failed(text);
        return null;
      },
    );
    await this.#use(text);
    await passkeys.used(found.passkey.id, found.counter);
    return await this.begin(found.admin, 'passkey', from);
  }

  /** Returns what a link leads to. Throws `not-found`. */
  async welcome(token: string, from: LoginClient): Promise<Welcome> {
    const { links, admins, tickets, entropy, sealed } = this.#services;
    const link = await links.find(token);
    const admin = link === null ? null : await admins.findById(link.adminId);
    if (link === null || admin === null) throw new Fault('not-found', unknownLink);
    const { expiresMs, kind } = link;
    if (kind === 'demo') return { kind, admin, expiresMs };
    const secret = TotpSecret.generate(entropy);
    const challenge = newChallenge(entropy);
    const party = partyOf(from);
    const totp = await sealed.seal(secret.reveal(), totpPurpose(admin.id));
    const ticket = await tickets.create('enrol', { adminId: admin.id, data: { challenge, totp } });
    return {
      kind,
      admin,
      expiresMs,
      ticket,
      totp: { secret: secret.reveal(), uri: totpUri(secret, admin.name, hostOf(from)) },
      passkey: party === null ? null : await creationOptions(party, admin, challenge, []),
    };
  }

  /**
   * Stores the first passphrase and second factor, uses up the link, and logs in. Throws `not-found` for the link and
   * `invalid` for a passphrase or a factor; then the link can be used again.
   */
  async enrol({ token, ticket: text, passphrase, factor }: Enrolment, from: LoginClient): Promise<LoggedIn> {
    const { admins, passphrases, tickets } = this.#services;
    const { admin, ticket } = await this.#ticketOf('enrol', text);
    checkPassphrase(passphrase, admin.name);
    const stored = await this.#newFactor(admin, ticket, factor, from, text);
    const hash = await passphrases.hash(passphrase);
    if (!(await admins.enrol(token, admin.id, hash, stored))) throw new Fault('not-found', unknownLink);
    await tickets.take(text);
    return await this.begin(admin, 'link', from);
  }

  async #newFactor(
    admin: Admin,
    { data }: Ticket,
    factor: Enrolment['factor'],
    from: LoginClient,
    text: string,
  ): Promise<NewFactor> {
    const { clock, sealed, tickets } = this.#services;
    if (factor.kind === 'passkey') {
      const party = requireParty(partyOf(from));
      const { label, response } = factor;
      return {
        kind: 'passkey',
        passkey: await checkRegistration(party, data['challenge'] ?? '', label, response),
      };
    }
    const secret = TotpSecret.parse(await sealed.open(data['totp'] ?? '', totpPurpose(admin.id)));
    const usedStep = secret.stepOf(factor.code, clock.nowMs());
    if (usedStep === null) {
      await tickets.failed(text);
      throw new Fault('invalid', wrongCode);
    }
    return { kind: 'totp', sealed: data['totp'] ?? '', usedStep };
  }

  /** Logs in with a link of a demo. Throws `not-found`, and `denied` from another machine. */
  async demo(token: string, from: LoginClient): Promise<LoggedIn> {
    const { links, admins, isDemo } = this.#services;
    const address = addressOf(from);
    if (!isDemo || (address !== null && !isLoopbackHost(address.replace(/^::ffff:/, '')))) {
      throw new Fault('denied', 'this link works only on the machine of a demo');
    }
    const link = await links.find(token);
    const taken = link?.kind === 'demo' ? await links.take(token) : null;
    const admin = taken === null ? null : await admins.findById(taken.adminId);
    if (admin === null) throw new Fault('not-found', unknownLink);
    return await this.begin(admin, 'demo', from);
  }

  /** Returns the name of the person whose login waits with this ticket; null if they are not known. */
  async nameOf(ticket: string): Promise<string | null> {
    const { tickets, admins } = this.#services;
    const adminId = (await tickets.find('second-factor', ticket))?.adminId ?? null;
    return adminId === null ? null : ((await admins.findById(adminId))?.name ?? null);
  }

  /** Begins a session of a person whose login was checked. Throws `denied` for the person of a demo elsewhere. */
  async begin(admin: Admin, method: LoginMethod, from: LoginClient): Promise<LoggedIn> {
    const { sessions, admins, clock, sessionLimits, isDemo } = this.#services;
    if (admin.kind === 'demo' && !isDemo) throw new Fault('denied', 'this gateway is not a demo');
    const { session, secret } = await sessions.create({
      adminId: admin.id,
      method,
      address: addressOf(from),
      userAgent: from.client?.userAgent ?? null,
      expiresMs: clock.nowMs() + sessionLimits().maxMs,
    });
    await admins.loggedIn(admin.id);
    this.#attempts.loggedIn(admin.name, addressOf(from));
    return { admin, session, secret };
  }

  async #ticketOf(kind: 'second-factor' | 'enrol', text: string) {
    const ticket = await this.#services.tickets.find(kind, text);
    const admin = ticket?.adminId == null ? null : await this.#services.admins.findById(ticket.adminId);
    if (ticket === null || admin === null) throw new Fault('unauthenticated', lateTicket);
    return { ticket, admin };
  }

  async #use(text: string): Promise<void> {
    if (!(await this.#services.tickets.take(text))) throw new Fault('unauthenticated', lateTicket);
  }
}

/** Returns the site of the request's pages; null if browsers offer no passkeys there. */
export function partyOf({ client }: Pick<LoginClient, 'client'>): RelyingParty | null {
  return client === null ? null : relyingPartyOf(client.origin);
}

/** Throws `unsupported`. */
export function requireParty(party: RelyingParty | null): RelyingParty {
  if (party !== null) return party;
  throw new Fault(
    'unsupported',
    'browsers offer no passkeys at this address: use https and a host name (console.url), or http://localhost',
  );
}

/** Returns the host of the console's pages, for the label in an authenticator app. */
export function hostOf({ client }: Pick<LoginClient, 'client'>): string {
  return client === null ? 'localhost' : new URL(client.origin).hostname;
}

function addressOf({ client }: LoginClient): string | null {
  return client?.address ?? null;
}

/** Returns true for a refusal that is recorded in the audit trail. */
export function isRefusal(error: unknown): boolean {
  return isFault(error, 'unauthenticated') || isFault(error, 'denied') || isFault(error, 'not-found');
}
