import type { ApiRequest } from '../api/description/operation.js';
import type { Person, Role } from '../api/description/roles.js';
import { Refusal } from '../api/refusal.js';
import type { Approvals } from '../model/api/people.js';
import type { Clock } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { RootServices } from '../operations/open-root.js';

/** How long a request waits for its second person. */
const approvalMs = 24 * 3_600_000;

type AnyRequest = Pick<
  ApiRequest,
  'person' | 'parameters' | 'query' | 'body' | 'ifMatch' | 'stream' | 'approvedBy'
>;

/** The parts of a request that are stored until its approval. */
export interface StoredRequest {
  readonly parameters: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly ifMatch: string | null;
}
export type StoredPerson = Pick<Person, 'name' | 'role' | 'scope'>;

interface Services {
  readonly root: Pick<RootServices, 'settings' | 'scribe'>;
  readonly approvals: Approvals;
  readonly clock: Clock;
}

/** Returns the identity of the person behind a request. Unknown persons with the same name count as one. */
export function identityOf({ identity, name }: Person): string {
  return identity ?? `person ${name}`;
}

/**
 * Throws a refusal (403) that names the request which now waits for a second person. Does nothing for requests
 * without that need: a command on the gateway's machine, and an approved request.
 */
export async function requireSecondPerson(
  { root, approvals, clock }: Services,
  operation: { readonly id: string; readonly needs: Role },
  summary: string | null,
  request: AnyRequest,
): Promise<void> {
  const { person, parameters, query, body, ifMatch, stream, approvedBy } = request;
  if (summary === null || approvedBy !== undefined || person.isCommand) return;
  if (!root.settings.current.consoleFourEyes) return;
  if (stream !== null) {
    throw new Fault('denied', `${operation.id}: a second person cannot approve an upload: ${summary}`);
  }
  const stored: StoredRequest = { parameters, query, body: body ?? null, ifMatch };
  const requester: StoredPerson = { name: person.name, role: person.role, scope: person.scope };
  const approval = await root.scribe.change(
    { action: 'approval.request', target: operation.id, details: { summary } },
    () =>
      approvals.add({
        operation: operation.id,
        summary,
        needs: operation.needs,
        request: stored,
        requester,
        requestedBy: person.name,
        identity: identityOf(person),
        expiresMs: clock.nowMs() + approvalMs,
      }),
    ({ id }) => ({ action: 'approval.request', target: operation.id, details: { id, summary } }),
  );
  const until = new Date(approval.expiresMs).toISOString();
  throw new Refusal(
    'denied',
    `a second person must approve it: the request ${approval.id} waits until ${until}; nothing has changed yet`,
    { approval: approval.id },
  );
}
