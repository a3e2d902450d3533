import { useState } from 'react';
import { useAll } from '../../api/hooks.js';
import { type Job, requestText } from '../../api/jobs.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { Dialog } from '../../parts/dialog.js';
import { ClearFilters, FilterChoice, useFilters } from '../../parts/filters.js';
import { countOf } from '../../parts/format.js';
import { JobProgress, jobNames, jobStates, progressText } from '../../parts/job-progress.js';
import { PageLayout } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Mono, RelativeTime } from '../../parts/values.js';

const everyMs = 3_000;

function columnsWith(show: (job: Job) => void): readonly Column<Job>[] {
  return [
    {
      id: 'kind',
      header: 'Job',
      width: 150,
      wideWidth: 200,
      sortBy: ({ kind }) => kind,
      cell: (job) => (
        <button type="button" className="link" onClick={() => show(job)}>
          {jobNames[job.kind] ?? job.kind}
        </button>
      ),
    },
    {
      id: 'state',
      header: 'State',
      width: 112,
      sortBy: ({ state }) => state,
      cell: ({ state }) => (
        <Status tone={jobStates[state]?.[0] ?? 'plain'}>{jobStates[state]?.[1] ?? state}</Status>
      ),
    },
    {
      id: 'request',
      header: 'Of',
      fromWidth: 720,
      cell: (job) => <Mono>{requestText(job)}</Mono>,
    },
    {
      id: 'progress',
      header: 'So far',
      width: 260,
      fromWidth: 1000,
      cell: ({ progress, fault }) => (
        <span title={fault?.text ?? progressText(progress)}>{fault?.text ?? progressText(progress)}</span>
      ),
    },
    {
      id: 'person',
      header: 'Began by',
      width: 130,
      fromWidth: 720,
      sortBy: ({ person }) => person,
      cell: ({ person }) => person,
    },
    {
      id: 'created',
      header: 'Began',
      width: 100,
      wideWidth: 110,
      isNumber: true,
      sortBy: ({ created }) => created,
      cell: ({ created }) => <RelativeTime time={created} />,
    },
    {
      id: 'finished',
      header: 'Ended',
      width: 110,
      isNumber: true,
      fromWidth: 480,
      sortBy: ({ finished }) => finished,
      cell: ({ finished }) => <RelativeTime time={finished} none="" />,
    },
  ];
}

/** Long work that continues without its page and after a restart: copies of trees, proofs, checks. */
export function Jobs() {
  const query = useAll('listJobs', {}, { everyMs });
  const filters = useFilters();
  const [shown, setShown] = useState<string | null>(null);
  const [state, kind] = [filters.get('state'), filters.get('kind')];
  return (
    <PageLayout title="Jobs" answer={query.data === undefined ? undefined : answerOf(query.data.items)}>
      <div className="filters">
        <FilterChoice
          filters={filters}
          name="state"
          label="State"
          options={Object.entries(jobStates).map(([value, [, word]]) => [value, word])}
        />
        <FilterChoice filters={filters} name="kind" label="Kind" options={Object.entries(jobNames)} />
        <ClearFilters filters={filters} />
      </div>
      <DataTable
        label="Jobs"
        columns={columnsWith(({ id }) => setShown(id))}
        query={query}
        rowKey={({ id }) => id}
        filters={filters}
        isShown={(job) => (state === '' || job.state === state) && (kind === '' || job.kind === kind)}
        noun={['job', 'jobs']}
        empty={
          <p>
            There was no job yet. Copies of trees, checks of the ledger, proofs of keys and the doctor run as
            jobs.
          </p>
        }
      />
      {shown === null ? null : (
        <Dialog title={`Job ${shown}`} isWide onClose={() => setShown(null)}>
          <JobProgress id={shown} />
        </Dialog>
      )}
    </PageLayout>
  );
}

function answerOf(jobs: readonly Job[]): string {
  const [open, failed] = [
    jobs.filter(({ finished }) => finished === null).length,
    jobs.filter(({ state }) => state === 'failed').length,
  ];
  const work = open === 0 ? 'No job runs' : `${countOf(open, 'job is', 'jobs are')} not finished`;
  return failed === 0 ? `${work}.` : `${work}. ${countOf(failed, 'job has', 'jobs have')} failed.`;
}
