import { Button, NativeSelect } from '@mantine/core';
import { useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { useChange, useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf, countOf } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { NeedsRole } from '../../parts/needs-role.js';
import { Facts, PageLayout } from '../../parts/page.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { Status } from '../../parts/status.js';
import { Mono, RelativeTime } from '../../parts/values.js';
import { Deliveries } from './deliveries.js';
import { WebhookSecret } from './webhook-secret.js';
import { filterText, stateOf, type Webhook } from './words.js';

const everyMs = 3_000;

/** One webhook: what it gets, whether the receiver answers, and its messages. */
export function WebhookPage() {
  const { id = '' } = useParams<{ readonly id: string }>();
  const query = useRead('getWebhook', { parameters: { id } }, { everyMs, isEnabled: useMay('operator') });
  const webhook = query.data;
  const [secret, setSecret] = useState<string | null>(null);
  return (
    <PageLayout
      title={webhook?.label ?? 'Webhook'}
      answer={webhook === undefined ? undefined : <Verdict webhook={webhook} />}
      actions={webhook === undefined ? undefined : <Actions webhook={webhook} onSecret={setSecret} />}
    >
      {secret === null ? null : <WebhookSecret secret={secret} onClose={() => setSecret(null)} />}
      <div>
        <Link href="/webhooks">All webhooks</Link>
      </div>
      <NeedsRole needs="operator">
        <Answer query={query}>
          {(found) => (
            <>
              <Evidence webhook={found} />
              <Deliveries webhook={found} />
            </>
          )}
        </Answer>
      </NeedsRole>
      <Command text={commandOf('webhook', 'deliveries', id)} />
    </PageLayout>
  );
}

function Verdict({ webhook }: { readonly webhook: Webhook }) {
  const { pending, dead, behind, lastDelivered } = webhook;
  const [tone, word] = stateOf(webhook);
  return (
    <>
      <Status tone={tone}>{word}</Status>
      {pending + behind === 0 ? null : `, ${countOf(pending + behind, 'message')} waiting`}
      {dead === 0 ? null : `, ${countOf(dead, 'message')} given up`}
      {lastDelivered === null ? null : (
        <>
          , last delivered <RelativeTime time={lastDelivered} />
        </>
      )}
    </>
  );
}

function Evidence({ webhook }: { readonly webhook: Webhook }) {
  const { url, filter, createdBy, created, secretFrom, overlapUntil } = webhook;
  return (
    <Facts
      entries={[
        ['URL', <Mono key="url">{url}</Mono>],
        ['Gets', filterText(filter)],
        [
          'Added',
          <span key="added">
            <RelativeTime time={created} /> by {createdBy}
          </span>,
        ],
        ['Secret since', <RelativeTime key="secret" time={secretFrom} />],
        overlapUntil === null
          ? null
          : ['The secret before signs too', <RelativeTime key="overlap" time={overlapUntil} />],
      ]}
    />
  );
}

function Actions({
  webhook,
  onSecret,
}: {
  readonly webhook: Webhook;
  readonly onSecret: (secret: string) => void;
}) {
  const isOperator = useMay('operator');
  const isAdmin = useMay('admin');
  return (
    <>
      {isOperator ? <SendTest id={webhook.id} /> : null}
      {isAdmin ? (
        <>
          <DialogButton label="New secret">
            {(close) => <NewSecret webhook={webhook} onSecret={onSecret} onClose={close} />}
          </DialogButton>
          <Remove webhook={webhook} />
        </>
      ) : null}
    </>
  );
}

function SendTest({ id }: { readonly id: string }) {
  const test = useChange('testWebhook');
  const result = test.data?.value;
  return (
    <>
      <Button loading={test.isPending} onClick={() => test.mutate({ parameters: { id } })}>
        Send a test
      </Button>
      {result === undefined || test.isPending ? null : (
        <p className="test-result" role="status">
          {result.error === null ? (
            <Status tone="good">
              The receiver accepted the test in {result.seconds.toFixed(2)} s (status {result.status}).
            </Status>
          ) : (
            <Status tone="bad">The test failed: {result.error}</Status>
          )}
        </p>
      )}
      <ProblemNotice error={test.error} />
    </>
  );
}

const overlaps = [
  { value: '86400', label: '1 day' },
  { value: '604800', label: '7 days' },
  { value: '0', label: 'none: the secret before ends at once' },
];

function NewSecret({
  webhook: { id, label },
  onSecret,
  onClose,
}: {
  readonly webhook: Webhook;
  readonly onSecret: (secret: string) => void;
  readonly onClose: () => void;
}) {
  const rotate = useChange('rotateWebhookSecret');
  const [seconds, setSeconds] = useState('86400');
  const submit = async () => {
    const body = { overlapSeconds: Number(seconds) };
    onSecret((await rotate.mutateAsync({ parameters: { id }, body })).value.secret);
  };
  return (
    <FormDialog
      title={`New secret for ${label}`}
      verb="Generate"
      command={commandOf('webhook', 'rotate', id, '--overlap', `${seconds}s`)}
      submit={submit}
      onClose={onClose}
    >
      <p>During the overlap each message has two signatures, so the receiver can change at any time.</p>
      <NativeSelect
        label="Overlap"
        value={seconds}
        onChange={(event) => setSeconds(event.currentTarget.value)}
        data={overlaps}
      />
    </FormDialog>
  );
}

function Remove({ webhook: { id, label, pending, dead } }: { readonly webhook: Webhook }) {
  const remove = useChange('removeWebhook');
  const [, go] = useLocation();
  return (
    <ConfirmButton
      label="Remove"
      consequence={{
        title: `Remove the webhook ${label}?`,
        does: `The receiver gets nothing more, not even the ${countOf(pending + dead, 'message')} that ${pending + dead === 1 ? 'is' : 'are'} not delivered.`,
        undo: 'This cannot be undone. A new webhook gets the events from then on.',
        command: commandOf('webhook', 'remove', id),
        verb: 'Remove the webhook',
      }}
      act={async () => {
        await remove.mutateAsync({ parameters: { id } });
        go('/webhooks');
      }}
    />
  );
}
