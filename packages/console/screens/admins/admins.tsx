import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { useChange, useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { useFilters } from '../../parts/filters.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf, countOf } from '../../parts/format.js';
import { NeedsRole } from '../../parts/needs-role.js';
import { PageLayout } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { PageTabs } from '../../parts/tabs.js';
import { RelativeTime } from '../../parts/values.js';
import { InvitationLink } from './invitation.js';
import { RoleField } from './role-field.js';
import { CreateToken, TokenSecret, Tokens } from './tokens.js';
import { type Admin, factorsText, type Invitation, kinds, stateOf } from './words.js';

const columns: readonly Column<Admin>[] = [
  {
    id: 'name',
    header: 'Name',
    sortBy: ({ name }) => name,
    cell: ({ name }) => <Link href={`/admins/${name}`}>{name}</Link>,
  },
  { id: 'role', header: 'Role', width: 110, sortBy: ({ role }) => role, cell: ({ role }) => role },
  {
    id: 'state',
    header: 'State',
    width: 176,
    fromWidth: 480,
    sortBy: (admin) => stateOf(admin)[1],
    cell: (admin) => {
      const [tone, word] = stateOf(admin);
      return <Status tone={tone}>{word}</Status>;
    },
  },
  {
    id: 'kind',
    header: 'Login',
    width: 120,
    fromWidth: 1000,
    sortBy: ({ kind }) => kind,
    cell: ({ kind }) => kinds[kind],
  },
  {
    id: 'factors',
    header: 'Second factor',
    width: 160,
    fromWidth: 720,
    sortBy: factorsText,
    cell: (admin) => factorsText(admin) ?? <span className="dim">none</span>,
  },
  {
    id: 'last',
    header: 'Last login',
    width: 112,
    isNumber: true,
    sortBy: ({ lastLogin }) => lastLogin,
    cell: ({ lastLogin }) => <RelativeTime time={lastLogin} />,
  },
];

/** The people who may use the console, and the tokens of programs. */
export function Admins() {
  const isAdmin = useMay('admin');
  const query = useRead('listAdmins', {}, { isEnabled: isAdmin });
  const isTokens = useFilters().get('tab') === 'tokens';
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  return (
    <PageLayout
      title="People"
      answer={query.data === undefined ? undefined : answerOf(query.data.items)}
      actions={
        !isAdmin ? undefined : isTokens ? (
          <DialogButton label="Create a token" isPrimary>
            {(close) => <CreateToken onCreated={setSecret} onClose={close} />}
          </DialogButton>
        ) : (
          <DialogButton label="Add a person" isPrimary>
            {(close) => <AddPerson onInvited={setInvitation} onClose={close} />}
          </DialogButton>
        )
      }
    >
      {invitation === null ? null : (
        <InvitationLink invitation={invitation} onClose={() => setInvitation(null)} />
      )}
      {secret === null ? null : <TokenSecret secret={secret} onClose={() => setSecret(null)} />}
      <NeedsRole needs="admin">
        <PageTabs
          label="People and tokens"
          tabs={[
            {
              id: 'people',
              label: 'People',
              content: () => (
                <>
                  <DataTable
                    label="People"
                    columns={columns}
                    query={query}
                    rowKey={({ name }) => name}
                    noun={['person', 'people']}
                    empty={
                      <>
                        <p>Nobody can log in to the console yet. The first person gets a link:</p>
                        <Command text="sftpgw admin init" />
                      </>
                    }
                  />
                  <Command text="sftpgw admin list" />
                </>
              ),
            },
            { id: 'tokens', label: 'API tokens', content: () => <Tokens /> },
          ]}
        />
      </NeedsRole>
    </PageLayout>
  );
}

function answerOf(admins: readonly Admin[]): string {
  const admin = admins.filter(({ role, state }) => role === 'admin' && state === 'active').length;
  const without = admins.filter(
    (one) => one.kind === 'local' && one.state === 'active' && factorsText(one) === null,
  ).length;
  const warning =
    without === 0 ? '' : ` ${countOf(without, 'of them has', 'of them have')} no second factor.`;
  const may = `${countOf(admins.length, 'person', 'people')} may use the console.`;
  const leading =
    admin === 0
      ? 'None of them is an active admin: use the commands on the gateway’s machine.'
      : `${countOf(admin, 'of them is an active admin', 'of them are active admins')}.`;
  return `${may} ${leading}${warning}`;
}

/** Invites a person with a role. */
function AddPerson({
  onInvited,
  onClose,
}: {
  readonly onInvited: (invitation: Invitation) => void;
  readonly onClose: () => void;
}) {
  const [name, setName] = useState('');
  const [role, setRole] = useState('viewer');
  const add = useChange('addAdmin');
  const submit = async () => onInvited((await add.mutateAsync({ body: { name, role } })).value);
  return (
    <FormDialog
      title="Add a person"
      verb="Add"
      isReady={name !== ''}
      command={commandOf('admin', 'add', name || 'NAME', '--role', role)}
      submit={submit}
      onClose={onClose}
    >
      <p>They get a link that works once, within 15 minutes.</p>
      <TextInput
        label="Name"
        required
        maxLength={100}
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.currentTarget.value.trim())}
      />
      <RoleField value={role} set={setRole} />
    </FormDialog>
  );
}
