import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { ItemOf } from '../../api/endpoints.js';
import { useRead } from '../../api/hooks.js';
import { Command } from '../../parts/copy.js';
import { useFilters } from '../../parts/filters.js';
import { commandOf, countOf } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';
import { Prose } from '../../parts/prose.js';
import { Status } from '../../parts/status.js';
import { prefixPage } from '../objects/location.js';
import { PolicyDiff } from './policy.js';
import { changesOf, lifecycleText, sseCStates, versioningStates } from './words.js';

type Bucket = ItemOf<'listBuckets'>;

/** The buckets: do they accept customer keys, and what would `sftpgw setup --apply` change? */
export function Storage() {
  const filters = useFilters();
  const gatewayPrincipal = filters.get('principal');
  const query = useRead('listBuckets', { query: { gatewayPrincipal } });
  const plan = useRead('getStoragePlan', { query: { gatewayPrincipal } });
  return (
    <PageLayout
      title="Buckets"
      answer={query.data === undefined ? undefined : <Verdict buckets={query.data.items} />}
    >
      <Answer query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <div className="notice-box">
              <p>No bucket is set. Set the default bucket, or give a user one.</p>
              <Command text="sftpgw setup --bucket BUCKET" />
            </div>
          ) : (
            items.map((bucket) => <BucketPart key={bucket.bucket} bucket={bucket} />)
          )
        }
      </Answer>
      {plan.data === undefined ? null : (
        <Section title="Access to the keys">
          <Principal />
          {plan.data.notes.map((note) => (
            <p key={note}>
              <Prose text={note} />
            </p>
          ))}
          <details>
            <summary>The policy of the role, for IAM</summary>
            <pre className="details">{JSON.stringify(plan.data.rolePolicy, null, 2)}</pre>
          </details>
        </Section>
      )}
      <Command text={commandOf('setup', '--policies', ...principalFlag(gatewayPrincipal))} />
    </PageLayout>
  );
}

function principalFlag(principal: string): readonly string[] {
  return principal === '' ? [] : ['--gateway-principal', principal];
}

function Verdict({ buckets }: { readonly buckets: readonly Bucket[] }) {
  const blocked = buckets.filter(({ sseC }) => sseC === 'blocked').map(({ bucket }) => bucket);
  if (blocked.length > 0) {
    return <Status tone="bad">SSE-C is blocked in {blocked.join(', ')}: uploads there fail.</Status>;
  }
  const unknown = buckets.filter(({ sseC }) => sseC === 'unknown').map(({ bucket }) => bucket);
  if (unknown.length > 0) {
    return <Status tone="warn">S3 does not answer for {unknown.join(', ')}.</Status>;
  }
  const changes = buckets.reduce((sum, bucket) => sum + changesOf(bucket).length, 0);
  return (
    <>
      <Status tone="good">
        {buckets.length === 1
          ? 'The bucket accepts customer keys.'
          : `All ${countOf(buckets.length, 'bucket')} accept customer keys.`}
      </Status>{' '}
      {changes === 0
        ? 'The policies are as they should be.'
        : `${countOf(changes, 'statement')} of the policies would change.`}
    </>
  );
}

/** The identity of the gateway in IAM. With it the policies allow only the gateway to use the keys. */
function Principal() {
  const filters = useFilters();
  const [text, setText] = useState(filters.get('principal'));
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        filters.set('principal', text.trim());
      }}
    >
      <TextInput
        className="principal"
        label="The gateway’s principal"
        description="Its ARN in IAM, such as arn:aws:iam::111122223333:role/sftpgw. With it, only the gateway may use SSE-C. Press Enter to see the policies."
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
}

function BucketPart({ bucket: found }: { readonly bucket: Bucket }) {
  const { bucket, sseC, versioning, lifecycle, locksNewObjects, policy, problems, command } = found;
  const [tone, word] = sseCStates[sseC];
  const [versionTone, versionWord] = versioningStates[versioning];
  return (
    <Section title={bucket} aside={<Link href={prefixPage(bucket, '')}>Show its objects</Link>}>
      <Facts
        entries={[
          [
            'SSE-C',
            <Status key="sse" tone={tone}>
              {word}
            </Status>,
          ],
          [
            'Versioning',
            <Status key="versioning" tone={versionTone}>
              {versionWord}
            </Status>,
          ],
          [
            'Object lock',
            locksNewObjects === null ? (
              <span className="dim">unknown</span>
            ) : locksNewObjects ? (
              'locks every new object for a time'
            ) : (
              'does not lock new objects'
            ),
          ],
          ['Lifecycle', lifecycleText(lifecycle)],
        ]}
      />
      {problems.map((problem) => (
        <div key={problem} className="finding">
          <Status tone="warn">
            <Prose text={problem} />
          </Status>
        </div>
      ))}
      <PolicyDiff policy={policy} />
      {changesOf(found).length === 0 && sseC !== 'blocked' ? null : <Command text={command} />}
    </Section>
  );
}
