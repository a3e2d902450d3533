import { NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { useAll, useChange } from '../../api/hooks.js';
import { Command } from '../../parts/copy.js';
import { Dialog } from '../../parts/dialog.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf } from '../../parts/format.js';
import { toast } from '../../parts/toast.js';

const shared = ' shared';

/** Chooses a user, the shared directory or no owner. */
function OwnerField({ value, set }: { readonly value: string; readonly set: (value: string) => void }) {
  const users = useAll('listUsers');
  return (
    <NativeSelect
      label="Owner"
      description="The owner is shown beside the key. It does not change what the key encrypts."
      value={value}
      onChange={(event) => set(event.currentTarget.value)}
      data={[
        { value: '', label: 'nobody' },
        { value: shared, label: 'the shared directory' },
        ...(users.data?.items ?? []).map(({ username }) => ({ value: username, label: username })),
      ]}
    />
  );
}

/** Generates a random key inside the keyring. */
export function GenerateKey({ onClose }: { readonly onClose: () => void }) {
  const [label, setLabel] = useState('');
  const [owner, setOwner] = useState('');
  const [, go] = useLocation();
  const generate = useChange('generateKey');
  const ownerBody = owner === '' ? {} : owner === shared ? { shared: true } : { user: owner };
  const submit = async () => {
    const { value } = await generate.mutateAsync({
      body: { ...(label === '' ? {} : { label }), ...ownerBody },
    });
    toast('Key generated');
    go(`/keys/${value.id}`);
  };
  return (
    <FormDialog
      title="Generate a key"
      verb="Generate"
      command={commandOf(
        'key',
        'generate',
        ...ownerFlags(owner),
        ...(label === '' ? [] : ['--label', label]),
      )}
      submit={submit}
      onClose={onClose}
    >
      <p>
        The key is 256 random bits. It is sealed in the keyring, and to the recovery identities. Nothing uses
        it until you choose it for a user.
      </p>
      <TextInput
        label="Label"
        description="Such as the name of the partner and the year"
        maxLength={100}
        autoComplete="off"
        value={label}
        onChange={(event) => setLabel(event.currentTarget.value)}
      />
      <OwnerField value={owner} set={setOwner} />
    </FormDialog>
  );
}

function ownerFlags(owner: string): readonly string[] {
  if (owner === '') return [];
  return owner === shared ? ['--shared'] : ['--user', owner];
}

/** Says how to import a key. Keys are never typed into a browser. */
export function ImportKey({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Import a key" onClose={onClose}>
      <p>
        This page does not take keys: a browser, its extensions and its history are no place for them. Run
        this on the gateway’s machine, with the key in a file of mode 0600 (32 bytes in base64 or
        hexadecimal):
      </p>
      <Command text="sftpgw key import --user NAME --label LABEL <key.b64" />
      <p>The key appears in this list at once. Remove the file after that.</p>
    </Dialog>
  );
}
