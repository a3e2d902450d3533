import { Button, Progress } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useChange, useRead } from '../api/hooks.js';
import { formatBytes, formatCount } from './format.js';
import { Answer } from './loading.js';
import { ProblemNotice, sentence } from './problem-notice.js';
import { Status, type Tone } from './status.js';
import { RelativeTime } from './values.js';

const everyMs = 1_000;

/** The states of jobs, in words and shapes. */
export const jobStates: Readonly<Record<string, readonly [Tone, string]>> = {
  waiting: ['plain', 'waiting'],
  running: ['busy', 'running'],
  paused: ['warn', 'paused'],
  done: ['good', 'done'],
  failed: ['bad', 'failed'],
  cancelled: ['plain', 'cancelled'],
};

/** The names of the kinds of jobs. */
export const jobNames: Readonly<Record<string, string>> = {
  'copy-tree': 'Copy of a tree',
  'move-tree': 'Move of a tree',
  'remove-tree': 'Removal of a tree',
  'destroy-key': 'Destruction of a key',
  'prove-key': 'Proof that a key is unused',
  'verify-ledger': 'Check of the ledger',
  'rebuild-ledger': 'Rebuild of the ledger',
  'verify-audit': 'Check of the audit trail',
  doctor: 'Check of the setup',
};

/**
 * A job with its progress, followed until its end. It continues without this page, so the page may be closed.
 * `of` is the number of objects that the job will have done, for a bar; null without one.
 */
export function JobProgress({ id, of = null }: { readonly id: string; readonly of?: number | null }) {
  const job = useRead('getJob', { parameters: { id } }, { everyMs });
  const pause = useChange('pauseJob');
  const resume = useChange('resumeJob');
  const cancel = useChange('cancelJob');
  useFreshAnswers(job.data?.finished ?? null);
  const failed = [pause, resume, cancel].find((change) => change.isError);
  return (
    <Answer query={job}>
      {({ kind, state, progress, fault, created }) => {
        const [tone, word] = jobStates[state] ?? ['plain', state];
        const isOpen = state === 'waiting' || state === 'running' || state === 'paused';
        return (
          <section className="job" aria-label={jobNames[kind] ?? kind}>
            <div>
              <b>{jobNames[kind] ?? kind}</b>
              <Status tone={tone}>{word}</Status>
            </div>
            {isOpen ? <Bar done={progress?.['objects'] ?? 0} of={of} /> : null}
            <div className="dim">
              <span className="number">{progressText(progress)}</span>
              <span>
                began <RelativeTime time={created} />
              </span>
            </div>
            {fault === null ? null : <p>{sentence(fault.text)}</p>}
            <ProblemNotice error={failed?.error} />
            {isOpen ? (
              <div className="actions">
                {state === 'paused' ? (
                  <Button variant="default" onClick={() => resume.mutate({ parameters: { id } })}>
                    Resume
                  </Button>
                ) : (
                  <Button variant="default" onClick={() => pause.mutate({ parameters: { id } })}>
                    Pause
                  </Button>
                )}
                <Button variant="default" onClick={() => cancel.mutate({ parameters: { id } })}>
                  Stop
                </Button>
              </div>
            ) : null}
          </section>
        );
      }}
    </Answer>
  );
}

function Bar({ done, of }: { readonly done: number; readonly of: number | null }) {
  if (of === null || of <= 0) return null;
  return <Progress value={Math.min(100, (done / of) * 100)} aria-label="Progress" size="sm" />;
}

/** Returns the counts of a job, such as `120 objects, 1.2 MiB`. */
export function progressText(progress: Readonly<Record<string, number>> | null): string {
  if (progress === null) return '';
  return Object.entries(progress)
    .map(([name, value]) => (name === 'bytes' ? formatBytes(value) : `${formatCount(value)} ${name}`))
    .join(', ');
}

/** A job that has ended for longer was over when the page began. */
const justEndedMs = 60_000;

/** Reads all answers of the page again when the job has ended, because it has changed what they show. */
function useFreshAnswers(finished: string | null): void {
  const client = useQueryClient();
  const began = useRef(Date.now());
  useEffect(() => {
    if (finished === null || Date.parse(finished) < began.current - justEndedMs) return;
    void client.invalidateQueries();
  }, [client, finished]);
}
