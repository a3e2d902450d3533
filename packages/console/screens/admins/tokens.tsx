import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useChange, useRead } from '../../api/hooks.js';
import { useNow } from '../../parts/clock.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf } from '../../parts/format.js';
import { SecretDialog } from '../../parts/secret.js';
import { Status } from '../../parts/status.js';
import { RelativeTime } from '../../parts/values.js';
import { RoleField } from './role-field.js';
import { type Token, tokenState } from './words.js';

const columns: readonly Column<Token>[] = [
  {
    id: 'label',
    header: 'Label',
    sortBy: ({ label }) => label,
    cell: ({ label, id }) => <span title={id}>{label}</span>,
  },
  { id: 'role', header: 'Role', width: 100, sortBy: ({ role }) => role, cell: ({ role }) => role },
  {
    id: 'scope',
    header: 'May call',
    width: 190,
    fromWidth: 1000,
    cell: ({ scope }) =>
      scope === null ? (
        <span className="dim">all of its role</span>
      ) : (
        <span title={scope.join(', ')}>{scope.join(', ')}</span>
      ),
  },
  {
    id: 'state',
    header: 'State',
    width: 104,
    fromWidth: 480,
    cell: (token) => <TokenState token={token} />,
  },
  {
    id: 'by',
    header: 'Created by',
    width: 140,
    fromWidth: 1000,
    sortBy: ({ createdBy }) => createdBy,
    cell: ({ createdBy }) => createdBy,
  },
  {
    id: 'used',
    header: 'Last used',
    width: 112,
    isNumber: true,
    fromWidth: 720,
    sortBy: ({ lastUsed }) => lastUsed,
    cell: ({ lastUsed }) => <RelativeTime time={lastUsed} />,
  },
  {
    id: 'expires',
    header: 'Expires',
    width: 100,
    isNumber: true,
    fromWidth: 720,
    sortBy: ({ expires }) => expires,
    cell: ({ expires }) => <RelativeTime time={expires} />,
  },
  { id: 'revoke', header: 'Action', width: 100, cell: (token) => <Revoke token={token} /> },
];

/** The tokens of programs that call the API. */
export function Tokens() {
  const query = useRead('listTokens');
  return (
    <>
      <DataTable
        label="API tokens"
        columns={columns}
        query={query}
        rowKey={({ id }) => id}
        noun={['token', 'tokens']}
        empty={<p>There is no token. A program that calls the API needs one.</p>}
      />
      <Command text="sftpgw admin token list" />
    </>
  );
}

function TokenState({ token }: { readonly token: Token }) {
  const [tone, word] = tokenState(token, useNow());
  return <Status tone={tone}>{word}</Status>;
}

function Revoke({ token }: { readonly token: Token }) {
  const revoke = useChange('revokeToken');
  const now = useNow();
  if (tokenState(token, now)[1] !== 'valid') return null;
  return (
    <ConfirmButton
      label="Revoke"
      isCompact
      consequence={{
        title: `Revoke the token ${token.label}?`,
        does: 'Requests with it are refused from now on.',
        undo: 'This cannot be undone. Create another token instead.',
        command: commandOf('admin', 'token', 'revoke', token.id),
        verb: 'Revoke the token',
      }}
      act={() => revoke.mutateAsync({ parameters: { id: token.id } })}
    />
  );
}

const day = 24 * 3600;
const lives = [
  { value: String(3600), label: '1 hour' },
  { value: String(day), label: '1 day' },
  { value: String(30 * day), label: '30 days' },
  { value: String(90 * day), label: '90 days' },
  { value: String(365 * day), label: '365 days' },
];

/** The groups of operations that a token can be limited to. */
const groups = [
  'users',
  'keys',
  'objects',
  'rotations',
  'ledger',
  'recovery',
  'jobs',
  'storage',
  'settings',
  'audit',
  'sessions',
  'mirrors',
  'webhooks',
  'bans',
  'gateway',
] as const;

/** Creates a token. `onCreated` gets its secret, which cannot be read again. */
export function CreateToken({
  onCreated,
  onClose,
}: {
  readonly onCreated: (secret: string) => void;
  readonly onClose: () => void;
}) {
  const [label, setLabel] = useState('');
  const [role, setRole] = useState('viewer');
  const [seconds, setSeconds] = useState(String(90 * day));
  const [scope, setScope] = useState<readonly string[]>([]);
  const create = useChange('createToken');
  const submit = async () => {
    const { value } = await create.mutateAsync({
      body: { label, role, expiresInSeconds: Number(seconds), ...(scope.length === 0 ? {} : { scope }) },
    });
    onCreated(value.secret);
  };
  return (
    <FormDialog
      title="Create a token"
      verb="Create"
      isReady={label.trim() !== ''}
      command={commandOf(
        ...['admin', 'token', 'create', '--label', label || 'LABEL', '--role', role],
        ...['--expires', `${seconds}s`],
        ...(scope.length === 0 ? [] : ['--scope', ...scope]),
      )}
      submit={submit}
      onClose={onClose}
    >
      <TextInput
        label="Label"
        description="The program that uses it"
        required
        maxLength={100}
        autoComplete="off"
        value={label}
        onChange={(event) => setLabel(event.currentTarget.value)}
      />
      <RoleField value={role} set={setRole} />
      <NativeSelect
        label="Expires after"
        value={seconds}
        onChange={(event) => setSeconds(event.currentTarget.value)}
        data={lives}
      />
      <fieldset className="choices">
        <legend>May call{scope.length === 0 ? ' (none chosen: all of its role)' : ''}</legend>
        {groups.map((group) => (
          <Checkbox
            key={group}
            label={group}
            checked={scope.includes(group)}
            onChange={(event) =>
              setScope(
                event.currentTarget.checked
                  ? groups.filter((one) => one === group || scope.includes(one))
                  : scope.filter((one) => one !== group),
              )
            }
          />
        ))}
      </fieldset>
    </FormDialog>
  );
}

/** The secret of a token, which the gateway shows once. */
export function TokenSecret({ secret, onClose }: { readonly secret: string; readonly onClose: () => void }) {
  return (
    <SecretDialog title="The token" what="the token" secret={secret} onClose={onClose}>
      <p>
        Programs send it in the header <code>Authorization: Bearer</code>. Store it where only they read it.
      </p>
    </SecretDialog>
  );
}
