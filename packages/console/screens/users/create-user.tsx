import { Button, Checkbox, NativeSelect, PasswordInput, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { BodyOf } from '../../api/endpoints.js';
import { useAll, useChange } from '../../api/hooks.js';
import { problemOf } from '../../api/problem.js';
import { Command } from '../../parts/copy.js';
import { Dialog } from '../../parts/dialog.js';
import { commandOf } from '../../parts/format.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { toast } from '../../parts/toast.js';
import type { User } from './words.js';

interface Draft {
  readonly username: string;
  readonly publicKeys: string;
  readonly password: string;
  readonly encryption: User['encryption'];
  /** Empty for a new key. */
  readonly key: string;
  readonly kmsKey: string;
  readonly downloads: boolean;
  readonly shared: boolean;
}

const emptyDraft: Draft = {
  username: '',
  publicKeys: '',
  password: '',
  encryption: 'sse-c',
  key: '',
  kmsKey: '',
  downloads: true,
  shared: false,
};

/** Creates a user; with a `model`, one with the same settings. Logins, the location and keys are never copied. */
export function CreateUser({
  model,
  onClose,
}: {
  readonly model: User | null;
  readonly onClose: () => void;
}) {
  const [draft, setDraft] = useState(emptyDraft);
  const [, go] = useLocation();
  const create = useChange('createUser');
  const clone = useChange('cloneUser');
  const change = model === null ? create : clone;
  const set = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const wrong = change.error === null ? null : problemOf(change.error);
  const submit = async () => {
    const parameters = model === null ? {} : { parameters: { username: model.username } };
    const { value } = await change.mutateAsync({ ...parameters, body: bodyOf(draft, model !== null) });
    toast(`User ${value.username} created`);
    onClose();
    go(`/users/${value.username}`);
  };
  return (
    <Dialog title={model === null ? 'Create a user' : `Clone ${model.username}`} isWide onClose={onClose}>
      {model === null ? null : (
        <p>
          The new user gets the encryption, the bucket, the login methods and the directories of{' '}
          {model.username}, and a key and a location of their own.
        </p>
      )}
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          submit().catch(() => undefined);
        }}
      >
        <TextInput
          label="Name"
          required
          autoComplete="off"
          maxLength={64}
          value={draft.username}
          error={wrong?.field('/username')}
          onChange={(event) => set({ username: event.currentTarget.value })}
        />
        <Textarea
          label="SSH public keys"
          description="One per line, as in the file id_ed25519.pub"
          rows={3}
          spellCheck={false}
          value={draft.publicKeys}
          error={wrong?.field('/publicKeys/0')}
          onChange={(event) => set({ publicKeys: event.currentTarget.value })}
        />
        <PasswordInput
          label="Password"
          description="Optional, beside a key or without one"
          autoComplete="new-password"
          value={draft.password}
          error={wrong?.field('/password')}
          onChange={(event) => set({ password: event.currentTarget.value })}
        />
        {model === null ? <EncryptionFields draft={draft} set={set} /> : null}
        <ProblemNotice error={change.error} />
        {model === null ? <Command text={commandFor(draft)} /> : null}
        <div className="actions">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending}>
            Create
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function EncryptionFields({
  draft,
  set,
}: {
  readonly draft: Draft;
  readonly set: (part: Partial<Draft>) => void;
}) {
  const keys = useAll('listKeys', { query: { state: 'active' } });
  return (
    <>
      <NativeSelect
        label="Encryption of uploads"
        value={draft.encryption}
        onChange={(event) => set({ encryption: event.currentTarget.value as User['encryption'] })}
        data={[
          { value: 'sse-c', label: 'SSE-C: with a key that only you hold' },
          { value: 'sse-kms', label: 'SSE-KMS: with a key of AWS KMS' },
          { value: 'sse-s3', label: 'SSE-S3: with a key of S3' },
          { value: 'bucket-default', label: 'As the bucket is set' },
        ]}
      />
      {draft.encryption === 'sse-c' ? (
        <NativeSelect
          label="Key"
          value={draft.key}
          onChange={(event) => set({ key: event.currentTarget.value })}
          data={[
            { value: '', label: 'Generate a new key for this user' },
            ...(keys.data?.items ?? []).map(({ id, label }) => ({
              value: id,
              label: `${label || 'without label'} (${id.slice(0, 8)})`,
            })),
          ]}
        />
      ) : null}
      {draft.encryption === 'sse-kms' ? (
        <TextInput
          label="KMS key"
          required
          value={draft.kmsKey}
          onChange={(event) => set({ kmsKey: event.currentTarget.value })}
        />
      ) : null}
      <Checkbox
        label="/downloads: files that you give to this user"
        checked={draft.downloads}
        onChange={(event) => set({ downloads: event.currentTarget.checked })}
      />
      <Checkbox
        label="/shared: files that all such users have"
        checked={draft.shared}
        onChange={(event) => set({ shared: event.currentTarget.checked })}
      />
    </>
  );
}

function bodyOf(draft: Draft, isClone: boolean): BodyOf<'createUser'> {
  const { username, password, encryption, key, kmsKey, downloads, shared } = draft;
  const publicKeys = linesOf(draft.publicKeys);
  const logins = {
    ...(publicKeys.length === 0 ? {} : { publicKeys }),
    ...(password === '' ? {} : { password }),
  };
  if (isClone) return { username, ...logins };
  return {
    username,
    ...logins,
    encryption,
    downloads,
    shared,
    ...(encryption === 'sse-c' ? (key === '' ? { generateKey: true } : { key }) : {}),
    ...(encryption === 'sse-kms' ? { kmsKey } : {}),
  };
}

/** Returns the lines of a text that are not empty. */
export function linesOf(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
}

const sseNumbers = { 'sse-s3': '1', 'sse-kms': '2', 'sse-c': '3', 'bucket-default': '4' } as const;

/** Returns the equivalent command. A password is never an argument: the command reads it from a file. */
function commandFor({
  username,
  publicKeys,
  password,
  encryption,
  key,
  kmsKey,
  downloads,
  shared,
}: Draft): string {
  const keyFlags = key === '' ? ['--generate-sse-key'] : ['--sse-key-id', key.slice(0, 8)];
  return commandOf(
    'user',
    'add',
    username === '' ? 'NAME' : username,
    ...['--sse', sseNumbers[encryption]],
    ...(encryption === 'sse-c' ? keyFlags : []),
    ...(encryption === 'sse-kms' ? ['--kms-key-arn', kmsKey === '' ? 'ARN' : kmsKey] : []),
    ...(linesOf(publicKeys).length === 0 ? [] : ['--public-key-file', 'id.pub']),
    ...(password === '' ? [] : ['--password-file', 'password.txt']),
    ...(downloads ? ['--downloads'] : []),
    ...(shared ? ['--shared'] : []),
  );
}
