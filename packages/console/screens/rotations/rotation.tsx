import { Button, Progress } from '@mantine/core';
import { Link, useParams } from 'wouter';
import type { AnswerOf } from '../../api/endpoints.js';
import { useChange, useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { commandOf, countOf, formatBytes, formatCount, formatExact } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';
import { ProblemNotice, sentence } from '../../parts/problem-notice.js';
import { Status } from '../../parts/status.js';
import { Mono, RelativeTime } from '../../parts/values.js';
import { ObjectLink } from '../objects/object-link.js';
import { ChangePace } from './pace.js';
import { doneOf, leftText, paceText, type Rotation, rateText, shareOf, stateOf } from './words.js';

const everyMs = 1_000;

type Problem = AnswerOf<'getRotation'>['problems'][number];

/** One rotation, followed to its end. It continues without this page. */
export function RotationPage() {
  const { id = '' } = useParams<{ readonly id: string }>();
  const query = useRead('getRotation', { parameters: { id } }, { everyMs });
  const rotation = query.data?.rotation;
  return (
    <PageLayout
      title={rotation === undefined ? 'Rotation' : `Rotation of ${rotation.username}`}
      answer={rotation === undefined ? undefined : answerOf(rotation)}
      actions={rotation === undefined ? undefined : <Actions rotation={rotation} />}
    >
      <Answer query={query}>
        {({ rotation: found, problems }) => (
          <>
            <Progress value={shareOf(found) * 100} aria-label="Done" />
            <Evidence rotation={found} />
            <Section title="Failures by name">
              <DataTable
                label="Failures"
                columns={problemColumns(found.bucket)}
                query={{ data: { items: problems }, error: null, refetch: () => undefined }}
                rowKey={({ key, versionId }) => `${key} ${versionId}`}
                noun={['failure', 'failures']}
                empty={<p>No object failed.</p>}
              />
            </Section>
            <Command text={commandOf('key', 'rotate', '--status', '--user', found.username)} />
          </>
        )}
      </Answer>
    </PageLayout>
  );
}

function answerOf(rotation: Rotation): string {
  const { state, pausedBy, obstacle, counts, finished } = rotation;
  const done = `${countOf(doneOf(rotation), 'object')} (${formatBytes(counts['bytes'] ?? 0)}) done`;
  if (state === 'done') {
    return `${done}. Finished ${finished === null ? '' : formatExact(new Date(finished))}.`;
  }
  const left = leftText(rotation);
  const progress = left === null ? `${done}.` : `${done}, left: ${left}.`;
  if (pausedBy !== null) return `${progress} Paused by ${pausedBy}.`;
  return obstacle === null ? progress : `${progress} ${sentence(obstacle)}`;
}

function Actions({ rotation }: { readonly rotation: Rotation }) {
  const pause = useChange('pauseRotationById');
  const resume = useChange('resumeRotationById');
  if (!useMay('custodian') || rotation.state === 'done') return null;
  const isPaused = rotation.pausedBy !== null;
  const change = isPaused ? resume : pause;
  return (
    <>
      <Button
        variant="default"
        loading={change.isPending}
        onClick={() => change.mutate({ parameters: { id: rotation.id } })}
      >
        {isPaused ? 'Resume' : 'Pause'}
      </Button>
      <DialogButton label="Change the pace">
        {(close) => <ChangePace rotation={rotation} onClose={close} />}
      </DialogButton>
      <ProblemNotice error={pause.error ?? resume.error} />
    </>
  );
}

function Evidence({ rotation }: { readonly rotation: Rotation }) {
  const { counts, oldKeys, newKey, retiredKeys } = rotation;
  const [tone, word] = stateOf(rotation);
  const count = (name: string) => formatCount(counts[name] ?? 0);
  return (
    <Facts
      entries={[
        [
          'State',
          <Status key="state" tone={tone}>
            {word}
          </Status>,
        ],
        [
          'User',
          <Link key="user" href={`/users/${rotation.username}`}>
            {rotation.username}
          </Link>,
        ],
        ['New key', <KeyGlyph key="new" value={{ id: newKey }} />],
        [
          oldKeys.length === 1 ? 'Older key' : 'Older keys',
          <span key="old" className="key-list">
            {oldKeys.map((id) => (
              <KeyGlyph key={id} value={{ id }} />
            ))}
          </span>,
        ],
        ['Encrypted with the new key', `${count('rekeyed')}, ${formatBytes(counts['bytes'] ?? 0)}`],
        ['Had it already', count('already')],
        ['Have no key', count('withoutKey')],
        [
          'Older versions',
          `${count('versionsKept')} keep their key, ${count('versionsRewritten')} rewritten`,
        ],
        ['Failed', count('failed')],
        rateText(rotation) === null ? null : ['Mean rate', rateText(rotation)],
        ['Pace', paceText(rotation)],
        retiredKeys.length === 0
          ? null
          : [
              'Retired',
              <span key="retired" className="key-list">
                {retiredKeys.map((id) => (
                  <KeyGlyph key={id} value={{ id }} />
                ))}
              </span>,
            ],
        rotation.cursor === null ? null : ['Done up to', <Mono key="cursor">{rotation.cursor}</Mono>],
        ['Began', <RelativeTime key="began" time={rotation.created} />],
      ]}
    />
  );
}

function problemColumns(bucket: string): readonly Column<Problem>[] {
  return [
    {
      id: 'object',
      header: 'Object',
      sortBy: ({ key }) => key,
      cell: ({ key }) => <ObjectLink place={{ bucket, key }} />,
    },
    {
      id: 'why',
      header: 'Why',
      sortBy: ({ text }) => text,
      cell: ({ text }) => <span title={text}>{text}</span>,
    },
  ];
}
