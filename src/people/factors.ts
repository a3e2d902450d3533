import type { Client } from '../api/description/roles.js';
import type { Admin, Passkey } from '../model/api/people.js';
import { Fault } from '../model/fault.js';
import { TotpSecret, totpUri } from '../users/logins/totp.js';
import type { LoginAttempts } from './attempts.js';
import { hostOf, type LoginClient, partyOf, requireParty } from './logins.js';
import { checkRegistration, creationOptions, newChallenge } from './passkey-checks.js';
import { checkPassphrase } from './passphrases.js';
import type { PeopleServices } from './services.js';
import { totpPurpose } from './totp-codes.js';

const lateTicket = 'this took too long: begin again';

/** Changes the passphrase and the second factors of a person who is logged in. */
export class PeopleFactors {
  readonly #services: PeopleServices;
  readonly #attempts: LoginAttempts;

  constructor(services: PeopleServices, attempts: LoginAttempts) {
    this.#services = services;
    this.#attempts = attempts;
  }

  /** Returns the options for the browser and the ticket of the next step. Throws `unsupported`. */
  async beginPasskey(admin: Admin, client: Client | null) {
    const { passkeys, tickets, entropy } = this.#services;
    const party = requireParty(partyOf({ client }));
    const challenge = newChallenge(entropy);
    const ticket = await tickets.create('add-passkey', { adminId: admin.id, data: { challenge } });
    return { ticket, passkey: await creationOptions(party, admin, challenge, await passkeys.of(admin.id)) };
  }

  /** Stores a passkey. Throws `invalid`, `exists` and `over-quota`. */
  async addPasskey(
    admin: Admin,
    client: Client | null,
    {
      ticket,
      label,
      response,
    }: { readonly ticket: string; readonly label: string; readonly response: unknown },
  ): Promise<Passkey> {
    const party = requireParty(partyOf({ client }));
    const data = await this.#ticket('add-passkey', ticket, admin);
    const passkey = await checkRegistration(party, data['challenge'] ?? '', label, response);
    await this.#use(ticket);
    return await this.#services.passkeys.add(admin.id, passkey);
  }

  /** Returns a new TOTP secret, which counts once a code of it was given to `setTotp`. */
  async beginTotp(admin: Admin, client: Client | null) {
    const { sealed, tickets, entropy } = this.#services;
    const secret = TotpSecret.generate(entropy);
    const totp = await sealed.seal(secret.reveal(), totpPurpose(admin.id));
    const ticket = await tickets.create('add-totp', { adminId: admin.id, data: { totp } });
    return { ticket, secret: secret.reveal(), uri: totpUri(secret, admin.name, hostOf({ client })) };
  }

  /** Throws `invalid` for a wrong code. */
  async setTotp(admin: Admin, ticket: string, code: string): Promise<void> {
    const { sealed, tickets, clock, admins } = this.#services;
    const stored = (await this.#ticket('add-totp', ticket, admin))['totp'] ?? '';
    const secret = TotpSecret.parse(await sealed.open(stored, totpPurpose(admin.id)));
    const step = secret.stepOf(code, clock.nowMs());
    if (step === null) {
      await tickets.failed(ticket);
      throw new Fault('invalid', 'wrong code');
    }
    await this.#use(ticket);
    await admins.setTotp(admin.id, stored, step);
  }

  /**
   * Changes the passphrase and ends the other sessions. Throws `unauthenticated` for a wrong current one, which counts
   * for the limiter of logins, and `invalid`.
   */
  async changePassphrase(
    admin: Admin,
    { session, client, signal }: LoginClient & { readonly session: string | null },
    { current, passphrase }: { readonly current: string; readonly passphrase: string },
  ): Promise<void> {
    const { admins, passphrases, sessions } = this.#services;
    const { passphraseHash } = await admins.secrets(admin.id);
    await this.#attempts.run(
      { name: admin.name, address: client?.address ?? null, signal },
      'the current passphrase is wrong',
      async (source) => (await passphrases.verify(current, passphraseHash, { source, signal })) || null,
    );
    checkPassphrase(passphrase, admin.name);
    await admins.setPassphrase(admin.id, await passphrases.hash(passphrase));
    await sessions.endOthers(admin.id, session);
  }

  async #ticket(kind: 'add-passkey' | 'add-totp', text: string, admin: Admin) {
    const found = await this.#services.tickets.find(kind, text);
    if (found === null || found.adminId !== admin.id) throw new Fault('invalid', lateTicket);
    return found.data;
  }

  async #use(text: string): Promise<void> {
    if (!(await this.#services.tickets.take(text))) throw new Fault('invalid', lateTicket);
  }
}
