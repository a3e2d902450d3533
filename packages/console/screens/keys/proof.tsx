import { Link } from 'wouter';
import { fieldsOf, type Job, useNewestJob } from '../../api/jobs.js';
import { countOf } from '../../parts/format.js';
import { JobProgress } from '../../parts/job-progress.js';
import { Section } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Mono } from '../../parts/values.js';
import { objectPage, s3Url } from '../objects/location.js';

const kinds = ['prove-key', 'destroy-key'] as const;

interface Need {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | null;
  readonly state: string;
}

/** The newest proof that nothing needs a key, as it runs, with what contradicts it. */
export function Proof({ of }: { readonly of: string }) {
  const job = useNewestJob(kinds, ({ key }) => key === of);
  if (job === null) return null;
  return (
    <Section title={job.kind === 'destroy-key' ? 'Destruction' : 'Proof that nothing needs the key'}>
      <JobProgress id={job.id} />
      <Outcome job={job} />
    </Section>
  );
}

function Outcome({ job }: { readonly job: Job }) {
  const { unused, destroyed, needs, rawFiles } = fieldsOf(job.result);
  if (job.state !== 'done') {
    return (
      <p className="dim">
        The gateway compares every version in every bucket with the ledger. It asks S3 about each version that
        the ledger does not know.
      </p>
    );
  }
  const contradicting = Array.isArray(needs) ? (needs as readonly Need[]) : [];
  const files = Array.isArray(rawFiles) ? (rawFiles as readonly string[]) : [];
  if (destroyed === true) {
    return (
      <>
        <Status tone="good">No version needed the key. It is destroyed.</Status>
        {files.length === 0 ? null : (
          <p>
            {countOf(files.length, 'key file')} on the gateway’s machine still{' '}
            {files.length === 1 ? 'holds' : 'hold'} it: {files.join(', ')}
          </p>
        )}
      </>
    );
  }
  if (unused === true) return <Status tone="good">No version in any bucket needs the key.</Status>;
  return (
    <>
      <Status tone="bad">
        {countOf(contradicting.length, 'version')} {contradicting.length === 1 ? 'needs' : 'need'} the key, so
        it stays.
      </Status>
      <ul className="plain-list">
        {contradicting.map(({ bucket, key, versionId, state }) => (
          <li key={`${bucket} ${key} ${versionId}`}>
            <Link href={objectPage({ bucket, key })}>{s3Url(bucket, key)}</Link>{' '}
            {versionId === null ? null : <Mono>{versionId}</Mono>} <span className="dim">{state}</span>
          </li>
        ))}
      </ul>
    </>
  );
}
