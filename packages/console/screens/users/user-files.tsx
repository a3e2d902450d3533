import { Link } from 'wouter';
import type { ItemOf } from '../../api/endpoints.js';
import { useRead } from '../../api/hooks.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { commandOf } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Bytes, PathEnd, RelativeTime } from '../../parts/values.js';
import type { User } from './words.js';

type Listed = ItemOf<'listObjects'>;
type ListedObject = Extract<Listed, { readonly kind: 'object' }>;

const shownFiles = 200;

/** The first objects of a user, each with its key. The page Objects has all of them. */
export function UserFiles({ user: { bucket, prefix } }: { readonly user: User }) {
  const where = { bucket: bucket ?? '', prefix };
  const query = useRead(
    'listObjects',
    { query: { ...where, recursive: true, limit: shownFiles } },
    { isEnabled: bucket !== null },
  );
  if (bucket === null) return <div className="notice-box">No bucket is set.</div>;
  const objects = query.data?.items.filter((item): item is ListedObject => item.kind === 'object');
  const isCut = query.data !== undefined && query.data.next !== null;
  return (
    <>
      <DataTable
        label="Files"
        columns={columnsOf(prefix)}
        query={{ ...query, data: objects === undefined ? undefined : { items: objects, isCut } }}
        rowKey={({ key }) => key}
        noun={['object', 'objects']}
        empty={<p>There is no object below {prefix} yet.</p>}
      />
      <Link href={`/objects?${new URLSearchParams(where)}`}>Show all objects below {prefix}</Link>
      <Command text={commandOf('object', 'ls', `s3://${bucket}/${prefix}`)} />
    </>
  );
}

function columnsOf(prefix: string): readonly Column<ListedObject>[] {
  return [
    {
      id: 'key',
      header: 'Name',
      sortBy: ({ key }) => key,
      cell: ({ key }) => <PathEnd title={key}>{key.slice(prefix.length)}</PathEnd>,
    },
    {
      id: 'encryption',
      header: 'Key',
      width: 220,
      fromWidth: 480,
      cell: ({ encryption }) =>
        'keyId' in encryption && encryption.keyId !== null ? (
          <KeyGlyph value={{ id: encryption.keyId, label: encryption.label ?? null }} />
        ) : (
          encryption.kind
        ),
    },
    {
      id: 'size',
      header: 'Size',
      width: 100,
      isNumber: true,
      sortBy: ({ size }) => size,
      cell: ({ size }) => <Bytes value={size} />,
    },
    {
      id: 'time',
      header: 'Changed',
      width: 110,
      isNumber: true,
      sortBy: ({ lastModified }) => lastModified,
      cell: ({ lastModified }) => <RelativeTime time={lastModified} />,
    },
  ];
}
