import { useState } from 'react';
import { Link, useParams } from 'wouter';
import { useChange, useMe, useRead } from '../../api/hooks.js';
import { fieldsOf } from '../../api/jobs.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { JobProgress } from '../../parts/job-progress.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout } from '../../parts/page.js';
import { sentence } from '../../parts/problem-notice.js';
import { SecretDialog } from '../../parts/secret.js';
import { Status } from '../../parts/status.js';
import { toast } from '../../parts/toast.js';
import { RelativeTime } from '../../parts/values.js';
import { type Approval, approvalStates } from './words.js';

const everyMs = 3_000;

/** One request that needs a second person. */
export function ApprovalPage() {
  const { id = '' } = useParams<{ readonly id: string }>();
  const query = useRead('getApproval', { parameters: { id } }, { everyMs });
  const approval = query.data;
  const [answer, setAnswer] = useState<unknown>(null);
  return (
    <PageLayout
      title="Request for approval"
      heading={approval === undefined ? 'Request for approval' : sentence(approval.summary)}
      answer={approval === undefined ? undefined : <Verdict approval={approval} />}
      actions={approval === undefined ? undefined : <Actions approval={approval} onAnswer={setAnswer} />}
    >
      <div>
        <Link href="/approvals">All requests</Link>
      </div>
      <Outcome answer={answer} forget={() => setAnswer(null)} />
      <Answer query={query}>{(found) => <Evidence approval={found} />}</Answer>
    </PageLayout>
  );
}

function Verdict({
  approval: { state, needs, mayDecide, decidedBy, requestedBy },
}: {
  readonly approval: Approval;
}) {
  const { data: me } = useMe();
  if (state !== 'pending') {
    const [tone, word] = approvalStates[state];
    return (
      <Status tone={tone}>
        {word}
        {decidedBy === null ? '' : ` by ${decidedBy}`}
      </Status>
    );
  }
  if (mayDecide)
    return <Status tone="busy">It waits for you or another person with the role {needs}.</Status>;
  return (
    <Status tone="busy">
      {me?.name === requestedBy
        ? `It waits for a second person with the role ${needs}. Send them the address of this page.`
        : `It waits for a person with the role ${needs}.`}
    </Status>
  );
}

function Evidence({ approval }: { readonly approval: Approval }) {
  const { id, operation, requestedBy, created, expires, decided, decidedBy, fault, state } = approval;
  return (
    <Facts
      entries={[
        ['Request', <code key="id">{id}</code>],
        ['Operation', <code key="operation">{operation}</code>],
        [
          'Requested',
          <span key="requested">
            <RelativeTime time={created} /> by {requestedBy}
          </span>,
        ],
        state === 'pending' ? ['Expires', <RelativeTime key="expires" time={expires} />] : null,
        decided === null
          ? null
          : [
              'Decided',
              <span key="decided">
                <RelativeTime time={decided} /> by {decidedBy}
              </span>,
            ],
        fault === null ? null : ['Failed', sentence(fault)],
      ]}
    />
  );
}

function Actions({
  approval: { id, summary, state, mayDecide, requestedBy },
  onAnswer,
}: {
  readonly approval: Approval;
  readonly onAnswer: (answer: unknown) => void;
}) {
  const { data: me } = useMe();
  const approve = useChange('approveRequest');
  const reject = useChange('rejectRequest');
  if (state !== 'pending') return null;
  const isOwn = me?.name === requestedBy;
  return (
    <>
      {mayDecide ? (
        <ConfirmButton
          label="Approve"
          consequence={{
            title: 'Approve the request?',
            does: `The gateway does it at once for ${requestedBy}: ${sentence(summary)}`,
            undo: 'An approval cannot be withdrawn. The audit trail keeps both names.',
            command: null,
            verb: 'Approve and run',
          }}
          act={async () => {
            const { value } = await approve.mutateAsync({ parameters: { id } });
            toast('Approved');
            onAnswer(value.answer);
          }}
        />
      ) : null}
      {mayDecide || isOwn ? (
        <ConfirmButton
          label={isOwn ? 'Withdraw' : 'Reject'}
          isDangerous={false}
          consequence={{
            title: isOwn ? 'Withdraw your request?' : 'Reject the request?',
            does: 'Nothing is done.',
            undo: 'It can be requested again.',
            command: null,
            verb: isOwn ? 'Withdraw' : 'Reject',
          }}
          act={() => reject.mutateAsync({ parameters: { id } })}
        />
      ) : null}
    </>
  );
}

/** The answer of the operation: a job is followed, and a secret is shown once. */
function Outcome({ answer, forget }: { readonly answer: unknown; readonly forget: () => void }) {
  const { id, kind, state, link, secret } = fieldsOf(answer);
  const shown = typeof link === 'string' ? link : secret;
  if (typeof shown === 'string') {
    return (
      <SecretDialog title="The answer to the request" what="the answer" secret={shown} onClose={forget}>
        <p>Give it to the person who needs it, on a channel that you trust.</p>
      </SecretDialog>
    );
  }
  return typeof id === 'string' && typeof kind === 'string' && typeof state === 'string' ? (
    <JobProgress id={id} />
  ) : null;
}
