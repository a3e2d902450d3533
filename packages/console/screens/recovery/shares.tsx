import { Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf } from '../../parts/format.js';
import { RelativeTime } from '../../parts/values.js';
import type { Share } from './words.js';

const columns: readonly Column<Share>[] = [
  {
    id: 'holder',
    header: 'Holder',
    sortBy: ({ holder }) => holder,
    cell: ({ holder }) => <span title={holder}>{holder}</span>,
  },
  {
    id: 'number',
    header: 'Share',
    width: 84,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ number }) => number,
    cell: ({ number, of }) => `${number} of ${of}`,
  },
  {
    id: 'set',
    header: 'Set',
    width: 110,
    fromWidth: 720,
    sortBy: ({ set }) => set,
    cell: ({ set }) => <code>{set}</code>,
  },
  {
    id: 'confirmed',
    header: 'Last confirmed',
    width: 132,
    sortBy: ({ confirmed }) => confirmed,
    cell: ({ confirmed }) => <RelativeTime time={confirmed} />,
  },
  {
    id: 'by',
    header: 'Recorded by',
    width: 150,
    fromWidth: 1000,
    sortBy: ({ confirmedBy }) => confirmedBy,
    cell: ({ confirmedBy }) => confirmedBy,
  },
  { id: 'confirm', header: 'Action', width: 106, cell: (share) => <Confirmed share={share} /> },
];

/** The holders of the shares of the identity, and when each last confirmed that they have theirs. */
export function Shares({ shares }: { readonly shares: readonly Share[] }) {
  return (
    <DataTable
      label="Shares"
      columns={columns}
      query={{ data: { items: shares }, error: null, refetch: () => undefined }}
      rowKey={({ set, number }) => `${set} ${number}`}
      noun={['share', 'shares']}
      empty={
        <>
          <p>
            Nobody is recorded as the holder of a share. Split the identity on your own machine, and give each
            person one share:
          </p>
          <code>{commandOf('key', 'split', '--shares', '3', '--threshold', '2')}</code>
        </>
      }
    />
  );
}

function Confirmed({ share: { set, number, holder } }: { readonly share: Share }) {
  const confirm = useChange('confirmShare');
  if (!useMay('custodian')) return null;
  return (
    <ConfirmButton
      label="Confirm"
      isCompact
      isDangerous={false}
      consequence={{
        title: `Has ${holder} confirmed the share?`,
        does: `Ask ${holder} to look for the share ${number} of the set ${set}, whose first line names the set. The holder does not send the share.`,
        undo: 'This records the time of the confirmation. The audit trail keeps who recorded it.',
        command: null,
        verb: 'They have it',
      }}
      act={() => confirm.mutateAsync({ parameters: { set, number } })}
    />
  );
}

/** Records who holds which share. The shares themselves stay with their holders. */
export function RecordHolders({ onClose }: { readonly onClose: () => void }) {
  const register = useChange('registerShares');
  const [set, setSet] = useState('');
  const [threshold, setThreshold] = useState('2');
  const [text, setText] = useState('');
  const holders = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return (
    <FormDialog
      title="Record the holders of the shares"
      verb="Record"
      isReady={/^[0-9a-f]{8}$/.test(set) && holders.length >= 2}
      submit={() => register.mutateAsync({ body: { set, threshold: Number(threshold), holders } })}
      onClose={onClose}
    >
      <p>
        <code>sftpgw key split</code> writes the shares, and begins each with the id of their set. Record here
        who has which one. This replaces the holders of an earlier set.
      </p>
      <TextInput
        label="Set"
        description="Eight digits, as in “share 1 of 3 of the set 9b2cf535”"
        required
        autoComplete="off"
        spellCheck={false}
        value={set}
        onChange={(event) => setSet(event.currentTarget.value.trim())}
      />
      <TextInput
        label="Shares that restore the identity"
        type="number"
        required
        min={2}
        max={255}
        value={threshold}
        onChange={(event) => setThreshold(event.currentTarget.value)}
      />
      <Textarea
        label="Holders"
        description="One a line, in the order of their shares: a name and a location, never the share itself"
        required
        rows={4}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
