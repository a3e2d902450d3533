import type { AuditScribe } from '../audit/scribe.js';
import type { Admin } from '../model/api/people.js';
import { Fault } from '../model/fault.js';
import type { LoggedIn, LoginClient, PeopleLogins } from './logins.js';
import { parseAdminName } from './names.js';
import type { PeopleServices } from './services.js';

/** A person as an OpenID provider has authenticated them. */
export interface ProvidedPerson {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly groups: readonly string[];
}

/** Logs in people whom an OpenID provider has authenticated. The console's process has checked its ID token. */
export class ProviderLogins {
  readonly #services: PeopleServices;
  readonly #logins: PeopleLogins;

  constructor(services: PeopleServices, logins: PeopleLogins) {
    this.#services = services;
    this.#logins = logins;
  }

  /**
   * Begins a session. The first group in the order of `rolesByGroup` decides the role at each login. Throws
   * `denied` without such a group, and `exists` for a name of another person.
   */
  async login(
    person: ProvidedPerson,
    rolesByGroup: ReadonlyMap<string, string>,
    scribe: AuditScribe,
    from: LoginClient,
  ): Promise<LoggedIn> {
    const role = [...rolesByGroup].find(([group]) => person.groups.includes(group))?.[1];
    if (role === undefined) {
      throw new Fault('denied', `${person.name} is in no group that console.oidc.roles gives a role`);
    }
    const admin = await this.#admin(person, role, scribe);
    return await this.#logins.begin({ ...admin, role }, 'oidc', from);
  }

  async #admin(
    { issuer, subject: account, name, groups }: ProvidedPerson,
    role: string,
    scribe: AuditScribe,
  ): Promise<Admin> {
    const { admins } = this.#services;
    // Issuers contain no line feed.
    const subject = `${issuer}\n${account}`;
    const known = await admins.findBySubject(subject);
    if (known === null) {
      const parsed = parseAdminName(name);
      return await scribe.change(
        { action: 'admin.add', target: parsed, details: { role, issuer, groups } },
        () => admins.add({ name: parsed, kind: 'oidc', role, createdBy: issuer, subject }),
      );
    }
    if (known.role !== role) {
      await scribe.change(
        { action: 'admin.role', target: known.name, details: { previous: known.role, now: role, groups } },
        () => admins.setRole(known.id, role),
      );
    }
    return known;
  }
}
