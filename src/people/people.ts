import { LoginAttempts } from './attempts.js';
import { PeopleFactors } from './factors.js';
import { PeopleLogins } from './logins.js';
import { ProviderLogins } from './provider-logins.js';
import { LoginRefusals } from './refusals.js';
import type { PeopleServices } from './services.js';

/** Everything about people that a running gateway has. */
export interface People {
  readonly services: PeopleServices;
  readonly logins: PeopleLogins;
  readonly providerLogins: ProviderLogins;
  readonly factors: PeopleFactors;
  readonly refusals: LoginRefusals;
}

/** Creates the logins and factors of people. */
export function createPeople(services: PeopleServices): People {
  const attempts = new LoginAttempts(services.guard, services.clock);
  const logins = new PeopleLogins(services, attempts);
  return {
    services,
    logins,
    providerLogins: new ProviderLogins(services, logins),
    factors: new PeopleFactors(services, attempts),
    refusals: new LoginRefusals(services.clock),
  };
}
