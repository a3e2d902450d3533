import { useState } from 'react';
import { Link } from 'wouter';
import { useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { countOf, formatCount } from '../../parts/format.js';
import { NeedsRole } from '../../parts/needs-role.js';
import { PageLayout } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Mono, RelativeTime } from '../../parts/values.js';
import { AddWebhook } from './add-webhook.js';
import { WebhookSecret } from './webhook-secret.js';
import { filterText, stateOf, type Webhook } from './words.js';

const everyMs = 3_000;

const columns: readonly Column<Webhook>[] = [
  {
    id: 'label',
    header: 'Webhook',
    width: 130,
    wideWidth: 170,
    sortBy: ({ label }) => label,
    cell: ({ id, label }) => <Link href={`/webhooks/${id}`}>{label}</Link>,
  },
  {
    id: 'url',
    header: 'URL',
    fromWidth: 720,
    sortBy: ({ url }) => url,
    cell: ({ url }) => <Mono>{url}</Mono>,
  },
  {
    id: 'filter',
    header: 'Gets',
    fromWidth: 1000,
    cell: ({ filter }) => <span title={filterText(filter)}>{filterText(filter)}</span>,
  },
  {
    id: 'state',
    header: 'State',
    width: 150,
    sortBy: (webhook) => stateOf(webhook)[1],
    cell: (webhook) => {
      const [tone, word] = stateOf(webhook);
      return <Status tone={tone}>{word}</Status>;
    },
  },
  {
    id: 'pending',
    header: 'Pending',
    width: 84,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ pending }) => pending,
    cell: ({ pending }) => formatCount(pending),
  },
  {
    id: 'dead',
    header: 'Given up',
    width: 88,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ dead }) => dead,
    cell: ({ dead }) => formatCount(dead),
  },
  {
    id: 'delivered',
    header: 'Delivered',
    width: 112,
    isNumber: true,
    fromWidth: 720,
    sortBy: ({ lastDelivered }) => lastDelivered,
    cell: ({ lastDelivered }) => <RelativeTime time={lastDelivered} />,
  },
];

/** The receivers of events: do they get their messages? */
export function Webhooks() {
  const mayRead = useMay('operator');
  const mayAdd = useMay('admin');
  const query = useRead('listWebhooks', {}, { everyMs, isEnabled: mayRead });
  const [secret, setSecret] = useState<string | null>(null);
  return (
    <PageLayout
      title="Webhooks"
      answer={query.data === undefined ? undefined : answerOf(query.data.items)}
      actions={
        mayAdd ? (
          <DialogButton label="Add a webhook" isPrimary>
            {(close) => <AddWebhook onAdded={setSecret} onClose={close} />}
          </DialogButton>
        ) : undefined
      }
    >
      {secret === null ? null : <WebhookSecret secret={secret} onClose={() => setSecret(null)} />}
      <NeedsRole needs="operator">
        <DataTable
          label="Webhooks"
          columns={columns}
          query={query}
          rowKey={({ id }) => id}
          noun={['webhook', 'webhooks']}
          empty={
            <p>
              There is no webhook. Add one, and the gateway sends a signed message for each finished upload.
            </p>
          }
        />
      </NeedsRole>
      <Command text="sftpgw webhook list" />
    </PageLayout>
  );
}

function answerOf(webhooks: readonly Webhook[]): string {
  if (webhooks.length === 0) return 'No webhook is notified of events.';
  const dead = webhooks.reduce((sum, one) => sum + one.dead, 0);
  const waiting = webhooks.reduce((sum, one) => sum + one.pending + one.behind, 0);
  const given = dead === 0 ? '' : ` ${countOf(dead, 'message')} given up: send them again.`;
  return waiting === 0
    ? `All messages that the gateway still sends are delivered.${given}`
    : `${countOf(waiting, 'message')} waiting for delivery.${given}`;
}
