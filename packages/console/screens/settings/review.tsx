import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { callFor } from '../../api/client.js';
import { useChange } from '../../api/hooks.js';
import { problemOf } from '../../api/problem.js';
import { Dialog } from '../../parts/dialog.js';
import { Diff } from '../../parts/diff.js';
import { Answer } from '../../parts/loading.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { toast } from '../../parts/toast.js';
import { type Draft, lineOf, type Setting } from './words.js';

/** Shows what a draft would change, as the gateway has checked it, and saves it. */
export function ReviewChanges({
  items,
  etag,
  draft,
  readAgain,
  onSaved,
  onClose,
}: {
  readonly items: readonly Setting[];
  readonly etag: string;
  readonly draft: Draft;
  /** Reads the settings again, after another client has changed them. */
  readonly readAgain: () => unknown;
  readonly onSaved: () => void;
  readonly onClose: () => void;
}) {
  const values = Object.fromEntries(draft);
  const save = useChange('changeSettings');
  const checked = useQuery({
    queryKey: ['changeSettings', 'dry run', etag, values],
    queryFn: () => callFor('changeSettings', { ifMatch: etag, body: { values, dryRun: true } }),
    // A change invalidates all answers, also this one, whose version is then the one before.
    enabled: !save.isPending,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    gcTime: 0,
  });
  const run = async () => {
    await save.mutateAsync({ ifMatch: etag, body: { values } });
    toast('Settings saved');
    onSaved();
    onClose();
  };
  const after = checked.data?.value.items;
  const restarts = (after ?? []).filter(
    ({ name, takesEffect }) => draft.has(name) && takesEffect === 'after a restart',
  );
  return (
    <Dialog title="Review the changes" isWide onClose={onClose}>
      <Answer query={{ ...checked, refetch: isOutdated(checked.error) ? readAgain : checked.refetch }}>
        {({ value }) => (
          <Diff
            label="Changes of the settings file"
            before={linesOf(items, draft)}
            after={linesOf(value.items, draft)}
          />
        )}
      </Answer>
      {after === undefined ? null : (
        <p>
          {restarts.length === 0
            ? 'All of it takes effect at once.'
            : `After a restart of the gateway: ${restarts.map(({ name }) => name).join(', ')}. The rest takes effect at once.`}
        </p>
      )}
      <p className="dim">
        The gateway writes its file of settings, and the audit trail keeps the values before. To undo this,
        change them back.
      </p>
      {isOutdated(save.error) ? (
        <ProblemNotice
          error={save.error}
          retry={() => {
            save.reset();
            void readAgain();
          }}
        />
      ) : (
        <ProblemNotice error={save.error} />
      )}
      <div className="actions">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button
          loading={save.isPending}
          disabled={after === undefined}
          onClick={() => void run().catch(() => undefined)}
        >
          Save
        </Button>
      </div>
    </Dialog>
  );
}

const outdatedStatus = 412;

/** Returns true if the settings have another version by now. */
function isOutdated(error: unknown): boolean {
  return error !== null && error !== undefined && problemOf(error).status === outdatedStatus;
}

function linesOf(items: readonly Setting[], draft: Draft): string {
  return items
    .filter(({ name }) => draft.has(name))
    .map(lineOf)
    .join('\n');
}
