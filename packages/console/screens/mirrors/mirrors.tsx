import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callLines } from '../../api/client.js';
import type { ItemOf } from '../../api/endpoints.js';
import { useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { ClearFilters, FilterText, useFilters } from '../../parts/filters.js';
import { commandOf, countOf, formatBytes, formatCount, formatDuration } from '../../parts/format.js';
import { PageLayout, Section } from '../../parts/page.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { Prose } from '../../parts/prose.js';
import { Status } from '../../parts/status.js';
import { toast } from '../../parts/toast.js';
import { Bytes, Mono, PathEnd } from '../../parts/values.js';
import { MirrorPlan } from './plan.js';

type Mirror = ItemOf<'listMirrors'>;

const everyMs = 3_000;

/** Returns the state of a mirrored prefix in one word. */
function stateOf({
  status,
  progress,
  isBehind,
}: Mirror): readonly ['good' | 'warn' | 'bad' | 'busy' | 'plain', string] {
  if (progress !== null) return ['busy', 'running'];
  if (status.lastPass === null) return ['plain', 'waiting'];
  if (status.lastPass.result === 'failed') return ['bad', 'failed'];
  if (status.problemCount > 0) return ['warn', 'problems'];
  return isBehind ? ['warn', 'behind'] : ['good', 'complete'];
}

const columns: readonly Column<Mirror>[] = [
  {
    id: 'name',
    header: 'Prefix',
    sortBy: ({ status }) => status.name,
    cell: ({ status }) => <PathEnd title={`s3://${status.bucket}/${status.prefix}`}>{status.name}</PathEnd>,
  },
  {
    id: 'state',
    header: 'State',
    width: 120,
    sortBy: (mirror) => stateOf(mirror)[1],
    cell: (mirror) => <Status tone={stateOf(mirror)[0]}>{stateOf(mirror)[1]}</Status>,
  },
  {
    id: 'objects',
    header: 'Objects',
    width: 96,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ status }) => status.objects,
    cell: ({ status }) => formatCount(status.objects),
  },
  {
    id: 'bytes',
    header: 'Size',
    width: 100,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ status }) => status.bytes,
    cell: ({ status }) => <Bytes value={status.bytes} />,
  },
  {
    id: 'lag',
    header: 'Behind S3',
    width: 110,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ lagMs }) => lagMs,
    cell: ({ lagMs }) =>
      lagMs === null ? <span className="dim">unknown</span> : formatDuration(lagMs / 1000),
  },
  {
    id: 'problems',
    header: 'Problems',
    width: 100,
    isNumber: true,
    fromWidth: 720,
    sortBy: ({ status }) => status.problemCount,
    cell: ({ status }) => formatCount(status.problemCount),
  },
  {
    id: 'directory',
    header: 'Directory',
    fromWidth: 1000,
    sortBy: ({ status }) => status.directory,
    cell: ({ status }) => <Mono>{status.directory}</Mono>,
  },
  {
    id: 'run',
    header: 'Action',
    width: 76,
    cell: ({ status }) => <RunButton names={[status.name]} isCompact />,
  },
  {
    id: 'plan',
    header: 'Preview',
    width: 112,
    fromWidth: 480,
    cell: ({ status }) => <PlanButton name={status.name} />,
  },
];

/** The prefixes of buckets that are directories on disk, and how far they are behind. */
export function Mirrors() {
  const query = useRead('listMirrors', {}, { everyMs });
  const filters = useFilters();
  const name = filters.get('name').toLowerCase();
  const problems = query.data?.items.filter(({ status }) => status.problemCount > 0) ?? [];
  return (
    <PageLayout
      title="Mirrors"
      answer={query.data === undefined ? undefined : answerOf(query.data.items)}
      actions={<RunButton names={null} isCompact={false} />}
    >
      <div className="filters">
        <FilterText filters={filters} name="name" label="Prefix" />
        <ClearFilters filters={filters} />
      </div>
      <DataTable
        label="Mirrored prefixes"
        columns={columns}
        query={query}
        rowKey={({ status }) => status.name}
        filters={filters}
        isShown={({ status }) => status.name.toLowerCase().includes(name)}
        noun={['prefix', 'prefixes']}
        empty={
          <>
            <p>
              Nothing is mirrored. A user with /downloads has a prefix whose objects appear decrypted on disk.
            </p>
            <Command text="sftpgw user add NAME --downloads" />
          </>
        }
      />
      {problems.map(({ status }) => (
        <Section key={status.name} title={`Problems of ${status.name}`}>
          {status.problems.map(({ path, kind, size, text }) => (
            <article key={path} className="finding">
              <div className="finding-head">
                <Status tone="warn">{kind}</Status>
                <code className="wraps">{path}</code>
                <span className="dim">{formatBytes(size)}</span>
              </div>
              <p>
                <Prose text={text} />
              </p>
            </article>
          ))}
        </Section>
      ))}
      <Command text="sftpgw mirror status" />
    </PageLayout>
  );
}

function answerOf(mirrors: readonly Mirror[]): string {
  if (mirrors.length === 0) return 'Nothing is mirrored.';
  const behind = mirrors.filter(({ isBehind }) => isBehind).length;
  const problems = mirrors.reduce((sum, { status }) => sum + status.problemCount, 0);
  const state = behind === 0 ? 'equal S3 or are about to' : `are not all up to date: ${behind} are behind`;
  return `${countOf(mirrors.length, 'prefix', 'prefixes')} ${state}. ${problems === 0 ? 'No problem.' : `${countOf(problems, 'problem')}.`}`;
}

function PlanButton({ name }: { readonly name: string }) {
  if (!useMay('operator')) return null;
  return (
    <DialogButton label="Dry run" isCompact>
      {(close) => <MirrorPlan name={name} onClose={close} />}
    </DialogButton>
  );
}

/** Runs a pass over these prefixes, or over all, and reports its end. */
function RunButton({
  names,
  isCompact,
}: {
  readonly names: readonly string[] | null;
  readonly isCompact: boolean;
}) {
  const client = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      let passes = 0;
      await callLines('runMirrors', { body: { names } }, (line) => {
        if (line.kind === 'done') passes += 1;
      });
      toast(`${countOf(passes, 'pass', 'passes')} complete`);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
      await client.invalidateQueries({ queryKey: ['listMirrors'] });
    }
  };
  if (!useMay('operator')) return null;
  return (
    <>
      <Button
        variant="default"
        size={isCompact ? 'compact-sm' : 'sm'}
        loading={isBusy}
        title={commandOf('mirror', 'run', ...(names ?? []))}
        onClick={() => void run()}
      >
        {names === null ? 'Run all now' : 'Run'}
      </Button>
      <ProblemNotice error={error} />
    </>
  );
}
