import type { SessionAdministration } from '../../model/live.js';
import type { AuditScribe } from '../scribe.js';

/** Returns the sessions with each disconnection by an administrator recorded. */
export function auditedSessions(sessions: SessionAdministration, scribe: AuditScribe): SessionAdministration {
  return {
    list: () => sessions.list(),
    disconnect: (id) =>
      scribe.change(
        { action: 'session.disconnect', session: id },
        () => sessions.disconnect(id),
        (ended) =>
          ended === null
            ? null
            : {
                action: 'session.disconnect',
                session: id,
                target: ended.username,
                address: ended.address,
                details: { transfers: ended.transfers.map(({ path }) => path).slice(0, 20) },
              },
      ),
  };
}
