import { Button, TextInput } from '@mantine/core';
import { useChange } from '../../api/hooks.js';
import { fieldsOf, type Job, useNewestJob } from '../../api/jobs.js';
import { Command } from '../../parts/copy.js';
import {
  ClearFilters,
  FilterChoice,
  type Filters,
  FilterText,
  MoreFilters,
  useFilters,
} from '../../parts/filters.js';
import { commandOf, countOf } from '../../parts/format.js';
import { JobProgress } from '../../parts/job-progress.js';
import { PageLayout } from '../../parts/page.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { Status } from '../../parts/status.js';
import { RelativeTime } from '../../parts/values.js';
import { AuditTable } from './audit-table.js';
import { useActions } from './words.js';

/** The trail: who did what, when, from where, and with which key. */
export function Audit() {
  const filters = useFilters();
  const actions = useActions();
  const verify = useChange('verifyAuditJob');
  const job = useNewestJob(['verify-audit']);
  const isRunning = job !== null && job.finished === null;
  return (
    <PageLayout
      title="Audit"
      answer={<Verified job={job} />}
      actions={
        <Button
          variant="default"
          disabled={isRunning}
          loading={verify.isPending}
          onClick={() => verify.mutate({ body: {} })}
        >
          Verify the chain
        </Button>
      }
    >
      <ProblemNotice error={verify.error} />
      {isRunning || job?.state === 'failed' ? <JobProgress id={job.id} /> : null}
      <div className="filters">
        <FilterText filters={filters} name="user" label="User or admin" />
        <FilterText filters={filters} name="path" label="Path" />
        <FilterChoice
          filters={filters}
          name="action"
          label="Action"
          options={actions.map((action) => [action, action])}
        />
        <FilterChoice filters={filters} name="result" label="Result" options={results} />
        <MoreFilters names={['address', 'since', 'until']} filters={filters}>
          <FilterText filters={filters} name="address" label="Address" />
          <FilterTime filters={filters} name="since" label="Since" />
          <FilterTime filters={filters} name="until" label="Until" />
        </MoreFilters>
        <ClearFilters filters={filters} />
      </div>
      <AuditTable />
      <Command text={commandFor(filters)} />
    </PageLayout>
  );
}

const results = [
  ['ok', 'ok'],
  ['failed', 'all failures'],
  ['denied', 'denied'],
  ['unauthenticated', 'wrong credential'],
] as const;

function FilterTime({
  filters,
  name,
  label,
}: {
  readonly filters: Filters;
  readonly name: string;
  readonly label: string;
}) {
  return (
    <TextInput
      type="datetime-local"
      aria-label={label}
      leftSection={label}
      leftSectionWidth={56}
      value={filters.get(name)}
      onChange={(event) => filters.set(name, event.currentTarget.value)}
    />
  );
}

function Verified({ job }: { readonly job: Job | null }) {
  if (job?.state !== 'done')
    return <>Who did what, when, from where, and with which key. Events are chained by hashes.</>;
  const { rows, problem } = fieldsOf(job.result);
  const { seq, text } = fieldsOf(problem);
  return problem === null ? (
    <Status tone="good">
      <span className="wraps">
        The chain is complete: none of {countOf(Number(rows), 'event')} was changed, removed or inserted.
        Verified <RelativeTime time={job.updated} />.
      </span>
    </Status>
  ) : (
    <Status tone="bad">
      <span className="wraps">
        Event {String(seq)}: {String(text)}.
      </span>
    </Status>
  );
}

const flags: Readonly<Record<string, string>> = {
  user: '--user',
  action: '--action',
  address: '--address',
  path: '--path',
  keyId: '--key',
  session: '--session',
  result: '--result',
};

function commandFor(filters: Filters): string {
  const given = Object.entries(flags).flatMap(([name, flag]) =>
    filters.get(name) === '' ? [] : [flag, filters.get(name)],
  );
  return commandOf('audit', ...given);
}
