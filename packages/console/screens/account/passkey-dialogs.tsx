import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { call } from '../../api/client.js';
import { useChange } from '../../api/hooks.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { toast } from '../../parts/toast.js';
import { createPasskey } from '../login/contract.js';

/** Adds a passkey that the browser creates. */
export function AddPasskey({ onClose }: { readonly onClose: () => void }) {
  const [label, setLabel] = useState('');
  const add = useChange('addPasskey');
  return (
    <FormDialog
      title="Add a passkey"
      verb="Continue in the browser"
      isReady={label.trim() !== ''}
      submit={async () => {
        const { ticket, passkey } = await call('beginPasskey');
        if (passkey === null) {
          throw new Error(
            'the browser offers no passkeys at this address: open the console over HTTPS or at localhost',
          );
        }
        const response = await createPasskey(passkey);
        await add.mutateAsync({ body: { ticket, label: label.trim(), response } });
        toast(`The passkey ${label.trim()} is added`);
      }}
      onClose={onClose}
    >
      <LabelInput value={label} onChange={setLabel} />
    </FormDialog>
  );
}

/** Renames a passkey. */
export function RenamePasskey({
  id,
  label: before,
  onClose,
}: {
  readonly id: string;
  readonly label: string;
  readonly onClose: () => void;
}) {
  const [label, setLabel] = useState(before);
  const rename = useChange('renamePasskey');
  return (
    <FormDialog
      title={`Rename the passkey ${before}`}
      verb="Rename"
      isReady={label.trim() !== '' && label.trim() !== before}
      submit={() => rename.mutateAsync({ parameters: { id }, body: { label: label.trim() } })}
      onClose={onClose}
    >
      <LabelInput value={label} onChange={setLabel} />
    </FormDialog>
  );
}

function LabelInput({
  value,
  onChange,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  return (
    <TextInput
      label="Name of the passkey"
      description="Such as the device that keeps it"
      required
      maxLength={100}
      autoComplete="off"
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
