import { Diff } from '../../parts/diff.js';
import { countOf } from '../../parts/format.js';
import { Status, type Tone } from '../../parts/status.js';
import type { Bucket, Statement } from './words.js';

const changes: Readonly<Record<Statement['change'], readonly [Tone, string]>> = {
  same: ['good', 'stays'],
  added: ['busy', 'would be added'],
  changed: ['warn', 'would change'],
  removed: ['bad', 'would be removed'],
};

/** The policy of a bucket now, and after `sftpgw setup --apply`. */
export function PolicyDiff({ policy: { readable, statements } }: { readonly policy: Bucket['policy'] }) {
  if (!readable) {
    return <Status tone="warn">The gateway may not read the policy, so it cannot compare it.</Status>;
  }
  const [changed, same] = [
    statements.filter(({ change }) => change !== 'same'),
    statements.filter(({ change }) => change === 'same'),
  ];
  return (
    <div className="policy">
      {changed.length === 0 ? (
        <Status tone="good">
          {statements.length === 0
            ? 'The bucket has no policy, and needs none.'
            : 'The policy is as it should be.'}
        </Status>
      ) : null}
      {changed.map((statement, index) => (
        <One key={index} statement={statement} />
      ))}
      {same.length === 0 ? null : (
        <details>
          <summary>
            {countOf(same.length, 'statement')} of the policy that {same.length === 1 ? 'stays' : 'stay'}
          </summary>
          {same.map((statement, index) => (
            <One key={index} statement={statement} />
          ))}
        </details>
      )}
    </div>
  );
}

function One({ statement: { sid, change, now, after } }: { readonly statement: Statement }) {
  const [tone, word] = changes[change];
  const name = sid ?? 'a statement without a name';
  return (
    <div className="policy-statement">
      <div className="finding-head">
        <code>{name}</code>
        <Status tone={tone}>{word}</Status>
      </div>
      <Diff label={`${name}: ${word}`} before={jsonOf(now)} after={jsonOf(after)} />
    </div>
  );
}

function jsonOf(value: unknown): string {
  return value === null ? '' : JSON.stringify(value, null, 2);
}
