import { Button } from '@mantine/core';
import type { AnswerOf } from '../../api/endpoints.js';
import { useRead } from '../../api/hooks.js';
import { Command } from '../../parts/copy.js';
import { Answer } from '../../parts/loading.js';
import { PageLayout } from '../../parts/page.js';
import { sentence } from '../../parts/problem-notice.js';
import { Status, type Tone } from '../../parts/status.js';

type Checklist = AnswerOf<'getChecklist'>;

const states: Readonly<Record<Checklist['items'][number]['state'], readonly [Tone, string]>> = {
  done: ['good', 'done'],
  open: ['plain', 'open'],
  failed: ['bad', 'failed'],
};

/** Lists what a new gateway needs, from the bucket to the first file that was read back. */
export function FirstRun() {
  const query = useRead('getChecklist');
  return (
    <PageLayout
      title="First run"
      answer={query.data === undefined ? undefined : answerOf(query.data)}
      actions={
        <Button variant="default" loading={query.isRefetching} onClick={() => void query.refetch()}>
          Check again
        </Button>
      }
    >
      <Answer query={query}>
        {({ items }) => (
          <ol className="steps">
            {items.map(({ code, title, state, detail, command }) => (
              <li key={code} className="finding">
                <div className="finding-head">
                  <Status tone={states[state][0]}>{states[state][1]}</Status>
                  <b>{title}</b>
                </div>
                {detail === null ? null : <p>{sentence(detail)}</p>}
                {command === null || state === 'done' ? null : <Command text={command} />}
              </li>
            ))}
          </ol>
        )}
      </Answer>
    </PageLayout>
  );
}

function answerOf({ isComplete, items }: Checklist): string {
  const done = items.filter(({ state }) => state === 'done').length;
  return isComplete
    ? 'The gateway is set up, and a file was uploaded and read back.'
    : `${done} of ${items.length} steps are done.`;
}
