import { fieldsOf } from '../../api/jobs.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { FilterChoice, useFilters } from '../../parts/filters.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Status } from '../../parts/status.js';
import { ObjectLink } from '../objects/object-link.js';

/** A difference between the ledger and a bucket, as the result of the job has it. */
interface Finding {
  readonly kind: string;
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | null;
  readonly keyId: string | null;
  readonly text: string;
}

/** The kinds of findings in words. */
const kindWords: Readonly<Record<string, string>> = {
  missing: 'not in the bucket',
  foreign: 'not in the ledger',
  'wrong-key': 'another key opens it',
  'no-key': 'no key opens it',
  'wrong-size': 'wrong size',
  'wrong-checksum': 'wrong checksum',
  unreadable: 'unreadable',
};

const columns: readonly Column<Finding>[] = [
  {
    id: 'kind',
    header: 'Finding',
    width: 180,
    sortBy: ({ kind }) => kind,
    cell: ({ kind }) => <Status tone={kind === 'foreign' ? 'warn' : 'bad'}>{kindWords[kind] ?? kind}</Status>,
  },
  {
    id: 'object',
    header: 'Object',
    sortBy: ({ key }) => key,
    cell: ({ bucket, key }) => <ObjectLink place={{ bucket, key }} />,
  },
  {
    id: 'key',
    header: 'Key',
    width: 230,
    fromWidth: 1000,
    cell: ({ keyId }) => <KeyGlyph value={keyId === null ? null : { id: keyId }} />,
  },
  { id: 'text', header: 'Why', fromWidth: 720, cell: ({ text }) => <span title={text}>{text}</span> },
];

/** The findings of a job of the ledger. Its result has the first thousand. */
export function Findings({ result }: { readonly result: unknown }) {
  const filters = useFilters();
  const { found } = fieldsOf(result);
  const items = Array.isArray(found) ? (found as readonly Finding[]) : [];
  const kind = filters.get('kind');
  const present = [...new Set(items.map((item) => item.kind))].sort();
  return (
    <>
      {present.length < 2 ? null : (
        <div className="filters">
          <FilterChoice
            filters={filters}
            name="kind"
            label="Finding"
            options={present.map((value) => [value, kindWords[value] ?? value])}
          />
        </div>
      )}
      <DataTable
        label="Findings"
        columns={columns}
        query={{ data: { items }, error: null, refetch: () => undefined }}
        rowKey={({ kind: of, bucket, key, versionId }) => `${of} ${bucket} ${key} ${versionId}`}
        filters={filters}
        isShown={(finding) => kind === '' || finding.kind === kind}
        noun={['finding', 'findings']}
        empty={<Status tone="good">No difference was found.</Status>}
      />
    </>
  );
}
