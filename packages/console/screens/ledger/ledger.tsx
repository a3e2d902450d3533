import { Checkbox, NativeSelect } from '@mantine/core';
import { useState } from 'react';
import type { AnswerOf } from '../../api/endpoints.js';
import { useChange, useRead } from '../../api/hooks.js';
import { type Job, useNewestJob } from '../../api/jobs.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf, countOf, formatBytes, formatCount } from '../../parts/format.js';
import { JobProgress } from '../../parts/job-progress.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';
import { RelativeTime } from '../../parts/values.js';
import { Findings } from './findings.js';

type Totals = AnswerOf<'getLedger'>;

const kinds = ['verify-ledger', 'rebuild-ledger'] as const;
const samples = ['100', '1000', '10000'] as const;

/** The record of which key encrypted which version: does it agree with the buckets? */
export function Ledger() {
  const query = useRead('getLedger');
  const job = useNewestJob(kinds);
  const isRunning = job !== null && job.finished === null;
  return (
    <PageLayout
      title="Ledger"
      answer={query.data === undefined ? undefined : <Verdict totals={query.data} />}
      actions={useMay('custodian') ? <Actions isRunning={isRunning} /> : undefined}
    >
      {isRunning ? (
        <JobProgress id={job.id} of={job.kind === 'verify-ledger' ? (query.data?.objects ?? null) : null} />
      ) : null}
      <Answer query={query}>{(totals) => <TotalsFacts totals={totals} />}</Answer>
      {job === null || isRunning ? null : <Last job={job} />}
      <Command text="sftpgw ledger verify --sample 1000" />
    </PageLayout>
  );
}

function Verdict({ totals: { objects, lastVerify } }: { readonly totals: Totals }) {
  if (lastVerify === null) {
    return <>{countOf(objects, 'version')} recorded. Nobody has compared the ledger with the buckets yet.</>;
  }
  const { findings, finished } = lastVerify;
  return (
    <>
      {findings === 0
        ? 'The ledger agrees with the buckets.'
        : `The ledger and the buckets differ in ${countOf(findings, 'finding')}.`}{' '}
      Compared <RelativeTime time={finished} />.
    </>
  );
}

function TotalsFacts({ totals }: { readonly totals: Totals }) {
  const { objects, bytes, keys, openWrites, lastVerify, lastRebuild } = totals;
  return (
    <Facts
      entries={[
        ['Versions with a customer key', `${formatCount(objects)}, ${formatBytes(bytes)}`],
        ['Keys that they need', formatCount(keys)],
        ['Writes without an answer of S3', formatCount(openWrites)],
        ['Last comparison', <LastTime key="verify" last={lastVerify} />],
        ['Last rebuild', <LastTime key="rebuild" last={lastRebuild} />],
      ]}
    />
  );
}

function LastTime({ last }: { readonly last: Totals['lastVerify'] }) {
  if (last === null) return <span className="dim">never</span>;
  const extent = last.sample === null ? '' : `, a sample of ${formatCount(last.sample)}`;
  return (
    <>
      <RelativeTime time={last.finished} />, {countOf(last.findings, 'finding')}
      {extent}
    </>
  );
}

function Last({ job }: { readonly job: Job }) {
  return (
    <Section
      title={job.kind === 'verify-ledger' ? 'Findings of the last comparison' : 'Versions that no key opens'}
    >
      {job.state === 'done' ? <Findings result={job.result} /> : <JobProgress id={job.id} />}
    </Section>
  );
}

function Actions({ isRunning }: { readonly isRunning: boolean }) {
  const rebuild = useChange('rebuildLedgerJob');
  return (
    <>
      <DialogButton label="Compare with the buckets" isPrimary isDisabled={isRunning}>
        {(close) => <Verify onClose={close} />}
      </DialogButton>
      <ConfirmButton
        label="Rebuild"
        isDangerous={false}
        isDisabled={isRunning}
        consequence={{
          title: 'Rebuild the ledger from the buckets?',
          does: 'A job lists every version in every bucket. It records those that the ledger does not know, with the key that opens each.',
          undo: 'It removes nothing from the ledger and changes no object. It can be repeated.',
          command: 'sftpgw ledger rebuild',
          verb: 'Rebuild',
        }}
        act={() => rebuild.mutateAsync({})}
      />
    </>
  );
}

function Verify({ onClose }: { readonly onClose: () => void }) {
  const verify = useChange('verifyLedgerJob');
  const [sample, setSample] = useState('1000');
  const [reads, setReads] = useState(false);
  const body = { ...(sample === '' ? {} : { sample: Number(sample) }), reads };
  return (
    <FormDialog
      title="Compare the ledger with the buckets"
      verb="Begin"
      command={commandOf(
        'ledger',
        'verify',
        ...(sample === '' ? [] : ['--sample', sample]),
        ...(reads ? ['--read'] : []),
      )}
      submit={() => verify.mutateAsync({ body })}
      onClose={onClose}
    >
      <p>
        A job lists every version in every bucket and compares it with the ledger. It asks S3 for the chosen
        versions with their key, which proves that the key opens them. The job continues without this page.
      </p>
      <NativeSelect
        label="Versions to open with their key"
        value={sample}
        onChange={(event) => setSample(event.currentTarget.value)}
        data={[
          ...samples.map((value) => ({ value, label: `a sample of ${formatCount(Number(value))}` })),
          { value: '', label: 'all' },
        ]}
      />
      <Checkbox
        label="Read the content too, and compare its checksum"
        description="Takes as long as a download of these versions."
        checked={reads}
        onChange={(event) => setReads(event.currentTarget.checked)}
      />
    </FormDialog>
  );
}
