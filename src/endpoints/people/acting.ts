import type { Person } from '../../api/description/roles.js';
import type { Admin, AdminSession } from '../../model/api/people.js';
import { Fault } from '../../model/fault.js';
import type { ApiContext } from '../context.js';
import { isoTime } from '../schemas.js';

/** Returns the view of a person who is logged in. */
export function meOf({ root, people }: ApiContext, admin: Admin, session: AdminSession) {
  return {
    name: admin.name,
    role: admin.role,
    scope: null,
    kind: 'person' as const,
    login: {
      kind: admin.kind,
      session: session.id,
      created: isoTime(session.createdMs),
      expires: isoTime(session.expiresMs),
      idleSeconds: Math.round(people.services.sessionLimits().idleMs / 1000),
    },
    fourEyes: root.settings.current.consoleFourEyes,
  };
}

/** Returns the person of a session. Throws `denied` for a token or a command. */
export async function requireSession(
  { people }: ApiContext,
  { identity, session }: Person,
): Promise<{ readonly admin: Admin; readonly session: AdminSession }> {
  const [admin, found] = await Promise.all([
    identity === null ? null : people.services.admins.findById(identity),
    session === null ? null : people.services.sessions.find(session),
  ]);
  if (admin !== null && found !== null && found.adminId === admin.id) return { admin, session: found };
  throw new Fault('denied', 'only a person who is logged in at the console may call this operation');
}

/** Returns the person of a session, whose passphrase and factors are here. Throws `denied` and `conflict`. */
export async function requireLocal(context: ApiContext, person: Person): Promise<Admin> {
  const { admin } = await requireSession(context, person);
  if (admin.kind === 'local') return admin;
  throw new Fault('conflict', `${admin.name} has no passphrase and no second factor at this gateway`);
}
