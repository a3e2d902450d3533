import { Button, Checkbox, NativeSelect } from '@mantine/core';
import { useState } from 'react';
import { useAll, useChange } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf, countOf } from '../../parts/format.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { toast } from '../../parts/toast.js';
import { type Key, keyName } from './words.js';

/** The actions of a custodian on a key: use, retire, prove that it is unused, destroy. */
export function KeyActions({ value: key }: { readonly value: Key }) {
  if (!useMay('custodian') || key.state === 'destroyed') return null;
  return (
    <>
      {key.state === 'active' ? (
        <>
          <DialogButton label="Use for" isPrimary>
            {(close) => <UseKey value={key} onClose={close} />}
          </DialogButton>
          <Retire value={key} />
        </>
      ) : null}
      <Prove value={key} />
      <Destroy value={key} />
    </>
  );
}

const shared = ' shared';

function UseKey({ value: key, onClose }: { readonly value: Key; readonly onClose: () => void }) {
  const users = useAll('listUsers');
  const use = useChange('useKeyFor');
  const [owner, setOwner] = useState(key.owner.kind === 'user' ? key.owner.username : '');
  const [what, setWhat] = useState({ uploads: true, downloads: false });
  const isShared = owner === shared;
  const submit = async () => {
    const body = isShared ? { user: null } : { user: owner, ...what };
    const { value } = await use.mutateAsync({ parameters: { key: key.id }, body });
    toast(value.summary);
  };
  const flags = isShared
    ? ['--shared']
    : [
        '--user',
        owner || 'NAME',
        ...(what.downloads ? ['--downloads'] : []),
        ...(what.uploads && what.downloads ? ['--uploads'] : []),
      ];
  return (
    <FormDialog
      title={`Use ${keyName(key)}`}
      verb="Use the key"
      isReady={owner !== '' && (isShared || what.uploads || what.downloads)}
      command={commandOf('key', 'use', key.id.slice(0, 8), ...flags)}
      submit={submit}
      onClose={onClose}
    >
      <p>
        From now on it encrypts new files there. Present objects keep their key: a rotation encrypts them
        again.
      </p>
      <NativeSelect
        label="For"
        required
        value={owner}
        onChange={(event) => setOwner(event.currentTarget.value)}
        data={[
          { value: '', label: 'choose a user' },
          { value: shared, label: 'the shared directory' },
          ...(users.data?.items ?? []).map(({ username }) => ({ value: username, label: username })),
        ]}
      />
      {isShared ? null : (
        <>
          <Checkbox
            label="Uploads"
            checked={what.uploads}
            onChange={(event) => setWhat({ ...what, uploads: event.currentTarget.checked })}
          />
          <Checkbox
            label="Downloads"
            checked={what.downloads}
            onChange={(event) => setWhat({ ...what, downloads: event.currentTarget.checked })}
          />
        </>
      )}
    </FormDialog>
  );
}

function Retire({ value: key }: { readonly value: Key }) {
  const retire = useChange('retireKeyById');
  return (
    <ConfirmButton
      label="Retire"
      isDangerous={false}
      consequence={{
        title: `Retire ${keyName(key)}?`,
        does: (
          <>
            <p>It still opens {countOf(key.objects, 'object')}, but encrypts no new files.</p>
            {key.writers.length === 0 ? null : <p>Give these another key first: {key.writers.join(', ')}.</p>}
          </>
        ),
        undo: 'A retired key does not become active again. Generate a new key instead.',
        command: commandOf('key', 'retire', key.id.slice(0, 8)),
        verb: 'Retire the key',
      }}
      act={() => retire.mutateAsync({ parameters: { key: key.id } })}
    />
  );
}

function Prove({ value: key }: { readonly value: Key }) {
  const prove = useChange('proveKeyJob');
  return (
    <>
      <Button
        variant="default"
        loading={prove.isPending}
        onClick={() => prove.mutate({ parameters: { key: key.id } })}
      >
        Prove that it is unused
      </Button>
      <ProblemNotice error={prove.error} />
    </>
  );
}

function Destroy({ value: key }: { readonly value: Key }) {
  const destroy = useChange('destroyKeyJob');
  return (
    <ConfirmButton
      label="Destroy"
      consequence={{
        title: `Destroy ${keyName(key)}?`,
        does: (
          <p>
            A job first proves that no version in any bucket needs the key. The ledger knows{' '}
            {countOf(key.objects, 'object')} that {key.objects === 1 ? 'needs' : 'need'} it.{' '}
            {key.objects === 0 ? '' : 'With even one, the job destroys nothing.'}
          </p>
        ),
        undo: 'After the proof, this cannot be undone, not even with the recovery identity.',
        command: commandOf('key', 'destroy', key.id.slice(0, 8)),
        verb: 'Prove and destroy',
      }}
      act={() => destroy.mutateAsync({ parameters: { key: key.id } })}
    />
  );
}
