import { systemClock, systemEntropy } from '../assembly/system.js';
import type { AuditScribe } from '../audit/scribe.js';
import type { GatewaySettings } from '../config/settings.js';
import type { GatewayDatabase } from '../database/database.js';
import { DatabaseAdmins } from '../database/people/admins.js';
import { DatabaseAdminLinks } from '../database/people/links.js';
import { DatabasePasskeys } from '../database/people/passkeys.js';
import { DatabaseAdminSessions } from '../database/people/sessions.js';
import { DatabaseTickets } from '../database/people/tickets.js';
import { GatewayIdentity } from '../keyring/gateway-identity.js';
import { createSealedTexts } from '../keyring/sealed-texts.js';
import type { LoginGuard } from '../model/bans.js';
import { isLoopbackHost } from '../network/local-hosts.js';
import { PeopleAdministration } from '../people/administration.js';
import type { PeopleServices, PeopleStores } from '../people/services.js';
import { Passwords } from '../users/passwords.js';
import type { RootServices } from './open-root.js';

/** Returns where people, their factors and their sessions are stored. */
export function peopleStores(database: GatewayDatabase): PeopleStores {
  return {
    admins: new DatabaseAdmins(database, systemClock, systemEntropy),
    passkeys: new DatabasePasskeys(database, systemClock, systemEntropy),
    sessions: new DatabaseAdminSessions(database, systemClock, systemEntropy),
    links: new DatabaseAdminLinks(database, systemClock, systemEntropy),
    tickets: new DatabaseTickets(database, systemClock, systemEntropy),
  };
}

/** Returns the services of logins. `guard` counts failed ones; a demo lets links of demos in. */
export function peopleServices(
  { database, settings }: Pick<RootServices, 'database' | 'settings'>,
  guard: LoginGuard | null,
  isDemo: boolean,
): PeopleServices {
  const identity = new GatewayIdentity(settings.paths.keyringIdentityFile);
  return {
    ...peopleStores(database),
    passphrases: new Passwords(systemEntropy),
    sealed: createSealedTexts(identity, systemEntropy),
    guard,
    sessionLimits: () => ({
      idleMs: settings.current.consoleSessionIdleMs,
      maxMs: settings.current.consoleSessionMaxMs,
    }),
    isDemo,
    clock: systemClock,
    entropy: systemEntropy,
  };
}

/** Returns what adds, changes and removes people. `scribe` records each change. */
export function peopleAdministration(
  { database }: Pick<RootServices, 'database'>,
  scribe: AuditScribe,
): PeopleAdministration {
  return new PeopleAdministration({ ...peopleStores(database), scribe, clock: systemClock });
}

/** Returns the origin of the console's pages, as the settings have it; null if the console is off. */
export function consoleOrigin(settings: GatewaySettings): string | null {
  const { consoleUrl, consoleListen, consoleTlsCert } = settings;
  if (consoleUrl !== null) return new URL(consoleUrl).origin;
  if (consoleListen === null) return null;
  const { host, port } = consoleListen;
  // Browsers offer passkeys at localhost, but not at 127.0.0.1.
  const isHere = isLoopbackHost(host) || host === '0.0.0.0' || host === '::';
  const name = isHere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `${consoleTlsCert === null ? 'http' : 'https'}://${name}:${port}`;
}

/** Returns the URL of a link. The token is in the fragment, which browsers send to no server and no proxy logs. */
export function welcomeLink(origin: string, token: string): string {
  return `${origin}/welcome#${token}`;
}
