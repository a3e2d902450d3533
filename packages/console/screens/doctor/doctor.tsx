import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { AnswerOf } from '../../api/endpoints.js';
import { useChange, useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { countOf } from '../../parts/format.js';
import { JobProgress } from '../../parts/job-progress.js';
import { Answer } from '../../parts/loading.js';
import { PageLayout } from '../../parts/page.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { Prose, Remedy } from '../../parts/prose.js';
import { Status, type Tone } from '../../parts/status.js';
import { RelativeTime } from '../../parts/values.js';

type Doctor = AnswerOf<'getDoctor'>;
type Finding = Doctor['findings'][number];

/** Severities, the worst first, with the words of findings. */
export const severities: Readonly<Record<Finding['severity'], readonly [Tone, string]>> = {
  error: ['bad', 'error'],
  warning: ['warn', 'warning'],
  notice: ['plain', 'notice'],
};

/** Shows what is wrong with the setup, why it matters, and what to do. */
export function Doctor() {
  const query = useRead('getDoctor');
  const check = useChange('runDoctorJob');
  const [job, setJob] = useState<string | null>(null);
  const begin = async () => setJob((await check.mutateAsync({})).value.id);
  return (
    <PageLayout
      title="Doctor"
      answer={query.data === undefined ? undefined : <Verdict doctor={query.data} />}
      actions={
        useMay('operator') ? (
          <Button loading={check.isPending} onClick={() => void begin().catch(() => undefined)}>
            Check again
          </Button>
        ) : null
      }
    >
      <ProblemNotice error={check.error} />
      {job === null ? null : <FollowedJob id={job} onEnd={() => void query.refetch()} />}
      <Answer query={query}>
        {({ findings }) => (
          <>
            {findings.map((finding) => (
              <FindingCard key={`${finding.code} ${finding.subject}`} finding={finding} />
            ))}
          </>
        )}
      </Answer>
      <Command text="sftpgw doctor" />
    </PageLayout>
  );
}

function Verdict({ doctor: { checked, findings } }: { readonly doctor: Doctor }) {
  if (checked === null) return <>Nothing was checked yet. A check writes small objects and removes them.</>;
  const counted = (Object.keys(severities) as Finding['severity'][]).flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [countOf(count, severities[severity][1])];
  });
  return (
    <>
      {counted.length === 0 ? 'The setup has no problem.' : `${counted.join(', ')}.`} Checked{' '}
      <RelativeTime time={checked} />.
    </>
  );
}

function FollowedJob({ id, onEnd }: { readonly id: string; readonly onEnd: () => void }) {
  const { data } = useRead('getJob', { parameters: { id } });
  const isDone = data?.finished !== undefined && data.finished !== null;
  useEffect(() => {
    if (isDone) onEnd();
  }, [isDone, onEnd]);
  return <JobProgress id={id} />;
}

function FindingCard({ finding }: { readonly finding: Finding }) {
  const { severity, subject, what, why, whatToDo, since, code } = finding;
  const [tone, word] = severities[severity];
  return (
    <article className="finding" aria-label={`${word}: ${subject}`}>
      <div className="finding-head">
        <Status tone={tone}>{word}</Status>
        <b>{subject}</b>
        <code className="dim">{code}</code>
        <span className="dim">
          since <RelativeTime time={since} />
        </span>
      </div>
      <p>
        <Prose text={what} />
      </p>
      <p className="dim">
        <Prose text={why} />
      </p>
      <Remedy text={whatToDo} />
    </article>
  );
}
