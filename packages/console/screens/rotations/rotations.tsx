import { Progress } from '@mantine/core';
import { Link } from 'wouter';
import { useAll } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { countOf, formatCount } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { PageLayout } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Bytes, RelativeTime } from '../../parts/values.js';
import { BeginRotation } from './pace.js';
import { doneOf, leftText, type Rotation, shareOf, stateOf } from './words.js';

const everyMs = 2_000;

const columns: readonly Column<Rotation>[] = [
  {
    id: 'user',
    header: 'User',
    sortBy: ({ username }) => username,
    cell: ({ id, username }) => <Link href={`/rotations/${id}`}>{username}</Link>,
  },
  {
    id: 'state',
    header: 'State',
    width: 130,
    wideWidth: 160,
    sortBy: (rotation) => stateOf(rotation)[1],
    cell: (rotation) => {
      const [tone, word] = stateOf(rotation);
      return <Status tone={tone}>{word}</Status>;
    },
  },
  {
    id: 'share',
    header: 'Done',
    width: 90,
    sortBy: shareOf,
    cell: (rotation) => (
      <Progress
        value={shareOf(rotation) * 100}
        size="sm"
        aria-label={`Done of the rotation of ${rotation.username}`}
      />
    ),
  },
  {
    id: 'objects',
    header: 'Objects',
    width: 84,
    isNumber: true,
    fromWidth: 720,
    sortBy: doneOf,
    cell: (rotation) => formatCount(doneOf(rotation)),
  },
  {
    id: 'bytes',
    header: 'Bytes',
    width: 90,
    isNumber: true,
    fromWidth: 1000,
    sortBy: ({ counts }) => counts['bytes'] ?? 0,
    cell: ({ counts }) => <Bytes value={counts['bytes'] ?? 0} />,
  },
  {
    id: 'left',
    header: 'Left',
    width: 204,
    isNumber: true,
    fromWidth: 1000,
    sortBy: ({ remaining }) => remaining?.objects ?? null,
    cell: (rotation) => leftText(rotation, ','),
  },
  {
    id: 'failed',
    header: 'Failed',
    width: 72,
    isNumber: true,
    fromWidth: 720,
    sortBy: ({ counts }) => counts['failed'] ?? 0,
    cell: ({ counts }) => formatCount(counts['failed'] ?? 0),
  },
  {
    id: 'key',
    header: 'New key',
    width: 206,
    fromWidth: 1280,
    cell: ({ newKey }) => <KeyGlyph value={{ id: newKey }} />,
  },
  {
    id: 'began',
    header: 'Began',
    width: 104,
    isNumber: true,
    fromWidth: 720,
    sortBy: ({ created }) => created,
    cell: ({ created }) => <RelativeTime time={created} />,
  },
];

/** The rotations: new keys for the existing objects of users. */
export function Rotations() {
  const query = useAll('listRotations', {}, { everyMs });
  return (
    <PageLayout
      title="Rotations"
      answer={query.data === undefined ? undefined : answerOf(query.data.items)}
      actions={
        useMay('custodian') ? (
          <DialogButton label="Rotate the key of a user" isPrimary>
            {(close) => <BeginRotation onClose={close} />}
          </DialogButton>
        ) : undefined
      }
    >
      <DataTable
        label="Rotations"
        columns={columns}
        query={query}
        rowKey={({ id }) => id}
        noun={['rotation', 'rotations']}
        empty={
          <p>
            No key was rotated yet. A rotation gives a user a new key, and S3 encrypts the present objects
            with it.
          </p>
        }
      />
      <Command text="sftpgw key rotate --status" />
    </PageLayout>
  );
}

function answerOf(rotations: readonly Rotation[]): string {
  const open = rotations.filter(({ state }) => state === 'running');
  const paused = open.filter(({ pausedBy }) => pausedBy !== null).length;
  const failed = rotations.reduce((sum, { counts }) => sum + (counts['failed'] ?? 0), 0);
  const running =
    open.length === 0
      ? 'No rotation is running.'
      : `${countOf(open.length - paused, 'rotation')} running${paused === 0 ? '' : `, ${formatCount(paused)} paused`}.`;
  return failed === 0 ? running : `${running} ${countOf(failed, 'object')} failed and kept the older key.`;
}
