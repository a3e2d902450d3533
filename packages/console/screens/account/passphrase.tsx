import { PasswordInput } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../../api/hooks.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { Section } from '../../parts/page.js';
import { toast } from '../../parts/toast.js';

const minCharacters = 12;

/** The passphrase of this person, which can be changed but not read. */
export function PassphraseSection() {
  return (
    <Section
      title="Passphrase"
      aside={
        <DialogButton label="Change the passphrase">
          {(close) => <ChangePassphrase onClose={close} />}
        </DialogButton>
      }
    >
      <p className="dim">The gateway stores a hash of it. A change ends your other sessions.</p>
    </Section>
  );
}

function ChangePassphrase({ onClose }: { readonly onClose: () => void }) {
  const [current, setCurrent] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const change = useChange('changePassphrase');
  return (
    <FormDialog
      title="Change the passphrase"
      verb="Change"
      isReady={current !== '' && passphrase.length >= minCharacters}
      submit={async () => {
        await change.mutateAsync({ body: { current, passphrase } });
        toast('The passphrase is changed; your other sessions have ended');
      }}
      onClose={onClose}
    >
      <PasswordInput
        label="Current passphrase"
        autoComplete="current-password"
        required
        value={current}
        onChange={(event) => setCurrent(event.currentTarget.value)}
      />
      <PasswordInput
        label="New passphrase"
        description={`${minCharacters} characters or more`}
        autoComplete="new-password"
        minLength={minCharacters}
        required
        value={passphrase}
        onChange={(event) => setPassphrase(event.currentTarget.value)}
      />
    </FormDialog>
  );
}
