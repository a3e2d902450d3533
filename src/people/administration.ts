import type { AuditScribe } from '../audit/scribe.js';
import type { Admin, AdminLinks, AdminSessions, Admins } from '../model/api/people.js';
import type { Clock } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { parseAdminName } from './names.js';

/** A link of `sftpgw admin init`, `add` or `reset`. */
export const linkMs = 15 * 60_000;
/** A demo prints its link at its start, and a newcomer may first read. Only this machine can use it. */
const demoLinkMs = 12 * 3_600_000;
const demoName = 'demo';

/** A person with a link that is shown once. */
export interface Invitation {
  readonly admin: Admin;
  readonly token: string;
  readonly expiresMs: number;
}

/** The services that `PeopleAdministration` needs. */
export interface AdministrationServices {
  readonly admins: Admins;
  readonly links: AdminLinks;
  readonly sessions: AdminSessions;
  /** Records each change. */
  readonly scribe: AuditScribe;
  readonly clock: Clock;
}

/** Adds, changes and removes people, for the API and for commands. */
export class PeopleAdministration {
  readonly #services: AdministrationServices;

  constructor(services: AdministrationServices) {
    this.#services = services;
  }

  /** Returns the person. Throws `not-found`. */
  async find(name: string): Promise<Admin> {
    const found = await this.#services.admins.findByName(name.trim().toLowerCase());
    if (found === null) throw new Fault('not-found', `there is no person named ${name}`);
    return found;
  }

  /** Adds the first person, with the role `admin`. Throws `exists` if there is one, and `invalid`. */
  async init(text: string, createdBy: string): Promise<Invitation> {
    const name = parseAdminName(text);
    return await this.#invite(
      'admin.add',
      { target: name, details: { role: 'admin' } },
      () => this.#services.admins.addFirst({ name, kind: 'local', role: 'admin', createdBy, subject: null }),
      createdBy,
    );
  }

  /** Throws `exists`, `invalid` and `over-quota`. */
  async add(text: string, role: string, createdBy: string): Promise<Invitation> {
    const name = parseAdminName(text);
    return await this.#invite(
      'admin.add',
      { target: name, details: { role } },
      () => this.#services.admins.add({ name, kind: 'local', role, createdBy, subject: null }),
      createdBy,
    );
  }

  /**
   * Removes passphrase, second factors and sessions, for a person who has lost them. Throws `not-found`, and `conflict`
   * for a person who logs in elsewhere.
   */
  async reset(name: string, createdBy: string): Promise<Invitation> {
    const admin = await this.find(name);
    if (admin.kind !== 'local') {
      throw new Fault('conflict', `${admin.name} has no passphrase here, so there is nothing to reset`);
    }
    const reset = async () => {
      await this.#services.admins.reset(admin.id);
      return admin;
    };
    return await this.#invite('admin.reset', { target: admin.name }, reset, createdBy);
  }

  /** Throws `not-found`, and `conflict` for the last administrator. */
  async setRole(name: string, role: string): Promise<Admin> {
    const admin = await this.find(name);
    if (admin.kind === 'oidc') {
      throw new Fault('conflict', `the groups of ${admin.name} at the identity provider decide the role`);
    }
    await this.#services.scribe.change(
      { action: 'admin.role', target: admin.name, details: { previous: admin.role, now: role } },
      () => this.#services.admins.setRole(admin.id, role),
    );
    return await this.find(name);
  }

  /** Throws `not-found`, and `conflict` for the last administrator. */
  async remove(name: string): Promise<Admin> {
    const admin = await this.find(name);
    const details = { previous: { role: admin.role, kind: admin.kind } };
    await this.#services.scribe.change({ action: 'admin.remove', target: admin.name, details }, () =>
      this.#services.admins.remove(admin.id),
    );
    return admin;
  }

  /** Ends one session of a person. Throws `not-found`. */
  async endSession(admin: Admin, id: string): Promise<void> {
    await this.#services.scribe.change(
      { action: 'admin.session', target: admin.name, session: id },
      async () => {
        if (!(await this.#services.sessions.end(admin.id, id))) {
          throw new Fault('not-found', `${admin.name} has no session ${id}`);
        }
      },
    );
  }

  /** Returns a new link into a demo, and adds its person at the first call. */
  async demoLink(): Promise<Invitation> {
    const { admins, links, clock } = this.#services;
    const known = await admins.findByName(demoName);
    if (known !== null && known.kind !== 'demo') {
      throw new Fault('exists', `there is a person named ${demoName}`);
    }
    const admin =
      known ??
      (await admins.add({
        name: demoName,
        kind: 'demo',
        role: 'admin',
        createdBy: 'demo',
        subject: null,
      }));
    const expiresMs = clock.nowMs() + demoLinkMs;
    const token = await links.create({ adminId: admin.id, kind: 'demo', expiresMs }, 'demo');
    return { admin, token, expiresMs };
  }

  async #invite(
    action: 'admin.add' | 'admin.reset',
    event: { readonly target: string; readonly details?: Readonly<Record<string, unknown>> },
    work: () => Promise<Admin>,
    createdBy: string,
  ): Promise<Invitation> {
    const { admins, links, clock, scribe } = this.#services;
    return await scribe.change({ action, ...event }, async () => {
      const { id } = await work();
      const expiresMs = clock.nowMs() + linkMs;
      const token = await links.create({ adminId: id, kind: 'enrol', expiresMs }, createdBy);
      const admin = await admins.findById(id);
      if (admin === null) throw new Fault('conflict', 'another request has removed the person');
      return { admin, token, expiresMs };
    });
  }
}
