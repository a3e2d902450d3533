import type { Answer } from '../../api/description/operation.js';
import { allows, localIdentity, parseRole, type Role } from '../../api/description/roles.js';
import type { Approval } from '../../model/api/people.js';
import type { Call } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { ApiContext } from '../context.js';
import type { StoredPerson, StoredRequest } from '../four-eyes.js';

/** Runs an approved request for the person who made it. Throws its faults, after they are recorded. */
export async function runApproved(
  context: ApiContext,
  approval: Approval,
  approvedBy: string,
  call: Call,
): Promise<Answer<unknown>> {
  const operation = context.operationOf(approval.operation);
  const { parameters, query, body, ifMatch } = approval.request as StoredRequest;
  const { name, role, scope } = approval.requester as StoredPerson;
  try {
    if (operation === null) throw new Fault('unsupported', `there is no operation ${approval.operation}`);
    await requireStillAllowed(context, approval, operation.needs);
    return await operation.handle(context, {
      person: {
        name,
        role,
        scope,
        isCommand: false,
        identity: approval.identity,
        session: null,
        client: null,
      },
      call,
      parameters,
      query,
      body: body ?? undefined,
      stream: null,
      ifMatch,
      approvedBy,
    });
  } catch (error) {
    await context.approvals.failed(approval.id, Fault.from(error).hint);
    throw error;
  }
}

/** Throws `denied` if the person who made the request has lost the role since, or was removed. */
async function requireStillAllowed({ people }: ApiContext, { identity, requestedBy }: Approval, needs: Role) {
  if (identity === localIdentity || identity.startsWith('person ')) return;
  const admin = await people.services.admins.findById(identity);
  const role = admin === null ? null : parseRole(admin.role);
  if (role === null || !allows(role, needs)) {
    throw new Fault('denied', `${requestedBy} may not do this any more`);
  }
}
