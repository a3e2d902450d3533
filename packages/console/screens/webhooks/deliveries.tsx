import { Button } from '@mantine/core';
import { useAll, useChange } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { FilterChoice, useFilters } from '../../parts/filters.js';
import { countOf, formatCount } from '../../parts/format.js';
import { Section } from '../../parts/page.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { Status } from '../../parts/status.js';
import { toast } from '../../parts/toast.js';
import { RelativeTime } from '../../parts/values.js';
import { ObjectLink } from '../objects/object-link.js';
import { type Delivery, deliveryStates, type Webhook } from './words.js';

const everyMs = 3_000;

/** The messages to one webhook, the newest first. */
export function Deliveries({ webhook: { id, dead } }: { readonly webhook: Webhook }) {
  const filters = useFilters();
  const state = filters.get('state');
  const query = useAll('listWebhookDeliveries', { parameters: { id }, query: { state } }, { everyMs });
  return (
    <Section title="Messages" aside={dead === 0 ? null : <ResendDead id={id} dead={dead} />}>
      <div className="filters">
        <FilterChoice
          filters={filters}
          name="state"
          label="State"
          options={Object.entries(deliveryStates).map(([value, [, word]]) => [value, word])}
        />
      </div>
      <DataTable
        label="Messages"
        columns={columnsOf(id)}
        query={query}
        filters={filters}
        rowKey={(delivery) => String(delivery.id)}
        noun={['message', 'messages']}
        empty={
          <p>No event has matched the filter since the webhook was added. “Send a test” sends one now.</p>
        }
      />
    </Section>
  );
}

function columnsOf(webhook: string): readonly Column<Delivery>[] {
  return [
    {
      id: 'type',
      header: 'Event',
      width: 126,
      sortBy: ({ type }) => type,
      cell: ({ type, auditSeq }) => <span title={`event ${auditSeq} of the audit trail`}>{type}</span>,
    },
    {
      id: 'subject',
      header: 'About',
      fromWidth: 720,
      sortBy: ({ subject }) => subject,
      cell: ({ subject }) => <Subject value={subject} />,
    },
    {
      id: 'state',
      header: 'State',
      width: 118,
      sortBy: ({ state }) => state,
      cell: ({ state }) => {
        const [tone, word] = deliveryStates[state];
        return <Status tone={tone}>{word}</Status>;
      },
    },
    {
      id: 'answer',
      header: 'Last answer',
      width: 190,
      fromWidth: 1000,
      cell: ({ status, error }) => {
        const text = error ?? (status === null ? '' : `status ${status}`);
        return <span title={text}>{text}</span>;
      },
    },
    {
      id: 'attempts',
      header: 'Attempts',
      width: 92,
      isNumber: true,
      fromWidth: 720,
      sortBy: ({ attempts }) => attempts,
      cell: ({ attempts }) => formatCount(attempts),
    },
    {
      id: 'created',
      header: 'Created',
      width: 112,
      isNumber: true,
      fromWidth: 480,
      sortBy: ({ created }) => created,
      cell: ({ created }) => <RelativeTime time={created} />,
    },
    {
      id: 'next',
      header: 'Next attempt',
      width: 130,
      isNumber: true,
      fromWidth: 1280,
      sortBy: ({ next }) => next,
      cell: ({ next }) => (next === null ? null : <RelativeTime time={next} />),
    },
    {
      id: 'resend',
      header: 'Action',
      width: 120,
      cell: (delivery) => <Resend webhook={webhook} delivery={delivery} />,
    },
  ];
}

/** The subject of an event. An object has its page. */
function Subject({ value }: { readonly value: string | null }) {
  if (value === null) return null;
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(value) ?? [];
  if (key === '') return <span title={value}>{value}</span>;
  return <ObjectLink place={{ bucket, key }} title={value} />;
}

function Resend({ webhook, delivery }: { readonly webhook: string; readonly delivery: Delivery }) {
  const resend = useChange('resendWebhookMessage');
  if (!useMay('operator') || delivery.state === 'pending') return null;
  const run = async () => {
    await resend.mutateAsync({ parameters: { id: webhook, delivery: delivery.id } });
    toast('The message is sent again');
  };
  return (
    <>
      <Button
        variant="default"
        size="compact-sm"
        loading={resend.isPending}
        onClick={() => void run().catch(() => undefined)}
      >
        Send again
      </Button>
      <ProblemNotice error={resend.error} />
    </>
  );
}

function ResendDead({ id, dead }: { readonly id: string; readonly dead: number }) {
  const resend = useChange('resendDeadWebhookMessages');
  const run = async () => {
    const { value } = await resend.mutateAsync({ parameters: { id } });
    toast(`${countOf(value.queued, 'message')} sent again`);
  };
  return (
    <>
      <Button
        variant="default"
        size="compact-sm"
        loading={resend.isPending}
        onClick={() => void run().catch(() => undefined)}
      >
        Send {countOf(dead, 'message')} again
      </Button>
      <ProblemNotice error={resend.error} />
    </>
  );
}
