import { Reply } from '../../api/description/operation.js';
import { Fault } from '../../model/fault.js';
import { isRefusal, type LoggedIn } from '../../people/logins.js';
import type { ApiContext } from '../context.js';
import { meOf } from './acting.js';

/** Runs a step of a login, and records its refusal. */
export async function loginStep<T>(context: ApiContext, who: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isRefusal(error)) context.people.refusals.record(context.root.scribe, who, Fault.from(error));
    throw error;
  }
}

/** Returns the name behind a ticket, for the record of a refusal. */
export async function whoOf({ people }: ApiContext, ticket: string): Promise<string> {
  return (await people.logins.nameOf(ticket)) ?? 'unknown';
}

/** Records the login of a person and returns the answer with their session. */
export function loggedIn(context: ApiContext, { admin, session, secret }: LoggedIn) {
  context.root.scribe.as(admin.name).note({
    action: 'admin.login',
    target: admin.name,
    session: session.id,
    details: { method: session.method, role: admin.role, userAgent: session.userAgent },
  });
  return new Reply(meOf(context, admin, session), null, secret);
}
