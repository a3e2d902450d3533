import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { call } from '../../api/client.js';
import type { AnswerOf } from '../../api/endpoints.js';
import { Command } from '../../parts/copy.js';
import { Dialog } from '../../parts/dialog.js';
import { commandOf, countOf, formatBytes, formatCount } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { Mono } from '../../parts/values.js';

const maxShown = 200;

/** The actions that a pass over a prefix would take now. */
export function MirrorPlan({ name, onClose }: { readonly name: string; readonly onClose: () => void }) {
  const query = useQuery({
    queryKey: ['planMirror', name],
    queryFn: ({ signal }) => call('planMirror', { body: { name }, signal }),
    gcTime: 0,
  });
  return (
    <Dialog title={`Dry run of ${name}`} isWide onClose={onClose}>
      <Answer query={query}>{(plan) => <Plan plan={plan} />}</Answer>
      <Command text={commandOf('mirror', 'run', '--dry-run', name)} />
      <div className="actions">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

function Plan({ plan: { counts, bytes, actions } }: { readonly plan: AnswerOf<'planMirror'> }) {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (total === 0) return <p>Nothing: the directory equals the prefix in S3.</p>;
  const parts = Object.entries(counts).map(([kind, count]) => `${formatCount(count)} ${kind}`);
  return (
    <>
      <p>
        {countOf(total, 'action')}: {parts.join(', ')}. {formatBytes(bytes)} would be fetched.
      </p>
      <ul className="plain-list">
        {actions.slice(0, maxShown).map(({ kind, path, size, why }) => (
          <li key={`${kind} ${path}`}>
            <b>{kind}</b> <Mono>{path}</Mono>
            <span className="dim">
              {[size === null ? null : formatBytes(size), why].filter((text) => text !== null).join(', ')}
            </span>
          </li>
        ))}
      </ul>
      {total > maxShown ? <p className="dim">These are the first {maxShown}.</p> : null}
    </>
  );
}
