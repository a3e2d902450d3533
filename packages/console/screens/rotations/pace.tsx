import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { useAll, useChange } from '../../api/hooks.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf } from '../../parts/format.js';
import type { Rotation } from './words.js';

const mib = 1024 * 1024;

/** The limits of a rotation as text fields; an empty one sets no limit. */
interface PaceDraft {
  readonly objects: string;
  readonly mebibytes: string;
  readonly parallel: string;
}

function draftOf({ objectsPerSecond, bytesPerSecond, parallel }: Rotation['pace']): PaceDraft {
  return {
    objects: objectsPerSecond === null ? '' : String(objectsPerSecond),
    mebibytes: bytesPerSecond === null ? '' : String(bytesPerSecond / mib),
    parallel: String(parallel),
  };
}

function bodyOf({ objects, mebibytes, parallel }: PaceDraft) {
  return {
    objectsPerSecond: objects === '' ? null : Number(objects),
    bytesPerSecond: mebibytes === '' ? null : Number(mebibytes) * mib,
    parallel: Number(parallel),
  };
}

/** Returns the flags of the command. It takes one of the two rates. */
function flagsOf({ objects, mebibytes, parallel }: PaceDraft): readonly string[] {
  const rate = objects !== '' ? [`${objects}/s`] : mebibytes !== '' ? [`${mebibytes}MiB/s`] : [];
  return [...rate.flatMap((value) => ['--rate', value]), '--parallel', parallel];
}

function PaceFields({ draft, set }: { readonly draft: PaceDraft; readonly set: (draft: PaceDraft) => void }) {
  return (
    <>
      <TextInput
        label="Objects per second"
        description="Empty for no limit"
        type="number"
        min={0.01}
        max={100_000}
        step="any"
        value={draft.objects}
        onChange={(event) => set({ ...draft, objects: event.currentTarget.value })}
      />
      <TextInput
        label="MiB per second"
        description="Empty for no limit"
        type="number"
        min={0.001}
        step="any"
        value={draft.mebibytes}
        onChange={(event) => set({ ...draft, mebibytes: event.currentTarget.value })}
      />
      <TextInput
        label="Objects in parallel"
        type="number"
        required
        min={1}
        max={64}
        value={draft.parallel}
        onChange={(event) => set({ ...draft, parallel: event.currentTarget.value })}
      />
    </>
  );
}

/** Changes the speed of a running rotation. */
export function ChangePace({
  rotation,
  onClose,
}: {
  readonly rotation: Rotation;
  readonly onClose: () => void;
}) {
  const [draft, set] = useState(draftOf(rotation.pace));
  const change = useChange('changeRotation');
  return (
    <FormDialog
      title={`Pace of the rotation of ${rotation.username}`}
      verb="Set the pace"
      command={commandOf('key', 'rotate', '--user', rotation.username, '--resume', ...flagsOf(draft))}
      submit={() => change.mutateAsync({ parameters: { id: rotation.id }, body: bodyOf(draft) })}
      onClose={onClose}
    >
      <p>The rotation uses the new pace within seconds.</p>
      <PaceFields draft={draft} set={set} />
    </FormDialog>
  );
}

/** Begins a rotation, and shows it. */
export function BeginRotation({ onClose }: { readonly onClose: () => void }) {
  const users = useAll('listUsers', { query: { encryption: 'sse-c' } });
  const [username, setUsername] = useState('');
  const [rewrites, setRewrites] = useState(false);
  const [draft, set] = useState<PaceDraft>({ objects: '', mebibytes: '', parallel: '8' });
  const [, go] = useLocation();
  const begin = useChange('beginUserRotation');
  const submit = async () => {
    const versions = rewrites ? ('rewrite' as const) : ('keep' as const);
    const { value } = await begin.mutateAsync({ body: { username, versions, ...bodyOf(draft) } });
    go(`/rotations/${value.id}`);
  };
  return (
    <FormDialog
      title="Rotate the key of a user"
      verb="Begin"
      isReady={username !== ''}
      command={commandOf(
        'key',
        'rotate',
        '--user',
        username || 'NAME',
        ...(rewrites ? ['--versions', 'rewrite'] : []),
        ...flagsOf(draft),
      )}
      submit={submit}
      onClose={onClose}
    >
      <p>
        The user gets a new key at once. Then S3 encrypts the present objects with it, one by one, while
        uploads and downloads continue. No content passes through this machine.
      </p>
      <NativeSelect
        label="User"
        required
        value={username}
        onChange={(event) => setUsername(event.currentTarget.value)}
        data={[
          { value: '', label: 'choose a user' },
          ...(users.data?.items ?? []).map((user) => ({ value: user.username, label: user.username })),
        ]}
      />
      <Checkbox
        label="Rewrite older versions as objects of their own"
        description="Otherwise they keep their key, which then cannot be destroyed."
        checked={rewrites}
        onChange={(event) => setRewrites(event.currentTarget.checked)}
      />
      <PaceFields draft={draft} set={set} />
    </FormDialog>
  );
}
