import Type from 'typebox';
import { Reply } from '../../api/description/operation.js';
import { allows, parseRole } from '../../api/description/roles.js';
import type { Approval } from '../../model/api/people.js';
import { Fault } from '../../model/fault.js';
import { type ApiContext, operation } from '../context.js';
import { identityOf } from '../four-eyes.js';
import { isoTime, isoTimeOrNull, textOrNull, time, timeOrNull } from '../schemas.js';
import { runApproved } from './run-approved.js';
import { id } from './views.js';

const group = 'approvals';

const approval = Type.Object({
  id: Type.String(),
  operation: Type.String(),
  summary: Type.String(),
  needs: Type.String({ description: 'The role that the second person needs.' }),
  state: Type.Enum(['pending', 'approved', 'rejected', 'expired', 'failed']),
  requestedBy: Type.String(),
  created: time,
  expires: time,
  decidedBy: textOrNull,
  decided: timeOrNull,
  fault: textOrNull,
  mayDecide: Type.Boolean({ description: 'Whether you may approve it.' }),
});

const example = {
  id: '7c1e2b4d6f785f3a',
  operation: 'destroyKey',
  summary: 'destroy the key 3f9a41c0',
  needs: 'custodian',
  state: 'pending',
  requestedBy: 'alice',
  created: '2026-05-01T12:00:00.000Z',
  expires: '2026-05-02T12:00:00.000Z',
  decidedBy: null,
  decided: null,
  fault: null,
  mayDecide: true,
} as const;

type Viewer = Parameters<Parameters<typeof operation>[0]['handle']>[1]['person'];

function mayApprove({ needs, identity }: Approval, person: Viewer): boolean {
  const role = parseRole(needs);
  return role !== null && allows(person.role, role) && identityOf(person) !== identity;
}

function view(found: Approval, person: Viewer) {
  const { id: approvalId, operation: of, summary, needs, state, requestedBy, decidedBy, fault } = found;
  return {
    id: approvalId,
    operation: of,
    summary,
    needs,
    state,
    requestedBy,
    created: isoTime(found.createdMs),
    expires: isoTime(found.expiresMs),
    decidedBy,
    decided: isoTimeOrNull(found.decidedMs),
    fault,
    mayDecide: state === 'pending' && mayApprove(found, person),
  };
}

async function require({ approvals }: ApiContext, approvalId: string): Promise<Approval> {
  const found = await approvals.find(approvalId);
  if (found === null) throw new Fault('not-found', `there is no request ${approvalId}`);
  return found;
}

const parameters = Type.Object({ id });
const ofExample = { parameters: { id: example.id } };

export const listApprovals = operation({
  id: 'listApprovals',
  group,
  summary:
    'List the requests that wait for a second person, and the outcomes of earlier ones, the newest first.',
  method: 'GET',
  path: '/api/approvals',
  needs: 'viewer',
  answer: Type.Object({ items: Type.Array(approval) }),
  example: { answer: { items: [example] } },
  handle: async ({ approvals }, { person }) => ({
    items: (await approvals.list()).map((one) => view(one, person)),
  }),
});

export const getApproval = operation({
  id: 'getApproval',
  group,
  summary: 'Get one request that waits for a second person, or its outcome.',
  method: 'GET',
  path: '/api/approvals/{id}',
  needs: 'viewer',
  parameters,
  answer: approval,
  example: { ...ofExample, answer: example },
  handle: async (context, { parameters: { id: of }, person }) => view(await require(context, of), person),
});

const notPending = (of: string) => new Fault('conflict', `the request ${of} does not wait any more`);

export const approveRequest = operation({
  id: 'approveRequest',
  group,
  summary: 'Approve a request of another person, and run it for them.',
  details: 'You need the role of the operation. The answer has that of the operation.',
  method: 'POST',
  path: '/api/approvals/{id}/approve',
  needs: 'viewer',
  hasSecretAnswer: true,
  parameters,
  answer: Type.Object({
    approval,
    answer: Type.Unknown({ description: 'The answer of the operation; null if it has none.' }),
  }),
  example: {
    ...ofExample,
    answer: {
      approval: {
        ...example,
        state: 'approved',
        decidedBy: 'bill',
        decided: '2026-05-01T13:00:00.000Z',
        mayDecide: false,
      },
      answer: null,
    },
  },
  handle: async (context, { parameters: { id: of }, person, call }) => {
    const found = await require(context, of);
    if (!mayApprove(found, person)) {
      throw new Fault(
        'denied',
        `${found.operation} must be approved by a second person who may call it; ${found.requestedBy} has requested it`,
      );
    }
    const event = { action: 'approval.decide', target: found.operation } as const;
    const details = { id: of, summary: found.summary, requestedBy: found.requestedBy, decision: 'approved' };
    const decided = await context.root.scribe.change({ ...event, details }, async () => {
      const done = await context.approvals.decide(of, 'approved', person.name);
      if (done === null) throw notPending(of);
      return done;
    });
    const answer = await runApproved(context, decided, person.name, call);
    const value = answer instanceof Reply ? answer.value : answer;
    return { approval: view(await require(context, of), person), answer: value ?? null };
  },
});

export const rejectRequest = operation({
  id: 'rejectRequest',
  group,
  summary: 'Reject a request, or withdraw your own.',
  method: 'POST',
  path: '/api/approvals/{id}/reject',
  needs: 'viewer',
  isIdempotent: true,
  parameters,
  answer: approval,
  example: {
    ...ofExample,
    answer: {
      ...example,
      state: 'rejected',
      decidedBy: 'alice',
      decided: '2026-05-01T13:00:00.000Z',
      mayDecide: false,
    },
  },
  handle: async (context, { parameters: { id: of }, person }) => {
    const found = await require(context, of);
    if (!mayApprove(found, person) && identityOf(person) !== found.identity) {
      throw new Fault('denied', `only ${found.requestedBy}, or a person who may approve it, may reject it`);
    }
    const details = { id: of, summary: found.summary, requestedBy: found.requestedBy, decision: 'rejected' };
    const decided = await context.root.scribe.change(
      { action: 'approval.decide', target: found.operation, details },
      async () => {
        const done = await context.approvals.decide(of, 'rejected', person.name);
        if (done === null) throw notPending(of);
        return done;
      },
    );
    return view(decided, person);
  },
});
