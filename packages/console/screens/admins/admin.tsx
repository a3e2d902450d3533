import { useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { useChange, useMe, useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { FormDialog } from '../../parts/form-dialog.js';
import { commandOf } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { NeedsRole } from '../../parts/needs-role.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { RelativeTime } from '../../parts/values.js';
import { InvitationLink } from './invitation.js';
import { RoleField } from './role-field.js';
import {
  type Admin,
  type AdminSession,
  factorsText,
  type Invitation,
  kinds,
  methods,
  stateOf,
} from './words.js';

/** One person: role, second factors, sessions. */
export function AdminPage() {
  const { name = '' } = useParams<{ readonly name: string }>();
  const query = useRead('getAdmin', { parameters: { name } }, { isEnabled: useMay('admin') });
  const admin = query.data;
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  return (
    <PageLayout
      title={name}
      answer={admin === undefined ? undefined : answerOf(admin)}
      actions={admin === undefined ? undefined : <Actions admin={admin} onInvited={setInvitation} />}
    >
      {invitation === null ? null : (
        <InvitationLink invitation={invitation} onClose={() => setInvitation(null)} />
      )}
      <div>
        <Link href="/admins">All people</Link>
      </div>
      <NeedsRole needs="admin">
        <Answer query={query}>{(found) => <Evidence admin={found} />}</Answer>
      </NeedsRole>
    </PageLayout>
  );
}

function answerOf(admin: Admin): string {
  const { name, role, state, link } = admin;
  if (state === 'active') return `${name} may use the console with the role ${role}.`;
  return link === null
    ? `${name} is invited, but the link has expired. Reset the credentials for a new one.`
    : `${name} is invited, and has not used the link yet.`;
}

function Evidence({ admin }: { readonly admin: Admin }) {
  const [tone, word] = stateOf(admin);
  const sessions = useRead('listAdminSessions', { parameters: { name: admin.name } });
  return (
    <>
      <Facts
        entries={[
          [
            'State',
            <Status key="state" tone={tone}>
              {word}
            </Status>,
          ],
          ['Role', admin.role],
          ['Login', kinds[admin.kind]],
          ['Second factor', factorsText(admin) ?? 'none'],
          [
            'Added',
            <span key="added">
              <RelativeTime time={admin.created} /> by {admin.createdBy}
            </span>,
          ],
          ['Last login', <RelativeTime key="last" time={admin.lastLogin} />],
          admin.link === null
            ? null
            : ['Link expires', <RelativeTime key="link" time={admin.link.expires} />],
          [
            'Their actions',
            <Link key="audit" href={`/audit?user=${encodeURIComponent(admin.name)}`}>
              their events in the audit trail
            </Link>,
          ],
        ]}
      />
      <Section title="Sessions">
        <DataTable
          label="Sessions"
          columns={columnsOf(admin.name)}
          query={sessions}
          rowKey={({ id }) => id}
          noun={['session', 'sessions']}
          empty={<p>{admin.name} is not logged in.</p>}
        />
      </Section>
    </>
  );
}

function columnsOf(name: string): readonly Column<AdminSession>[] {
  return [
    {
      id: 'browser',
      header: 'Browser',
      sortBy: ({ userAgent }) => userAgent,
      cell: ({ userAgent, isCurrent }) => (
        <span title={userAgent ?? undefined}>
          {isCurrent ? 'this one, ' : ''}
          {userAgent ?? 'unknown'}
        </span>
      ),
    },
    {
      id: 'address',
      header: 'Address',
      width: 140,
      fromWidth: 480,
      sortBy: ({ address }) => address,
      cell: ({ address }) => address,
    },
    {
      id: 'method',
      header: 'Login with',
      width: 160,
      fromWidth: 1000,
      sortBy: ({ method }) => method,
      cell: ({ method }) => methods[method],
    },
    {
      id: 'began',
      header: 'Began',
      width: 100,
      isNumber: true,
      fromWidth: 720,
      sortBy: ({ created }) => created,
      cell: ({ created }) => <RelativeTime time={created} />,
    },
    {
      id: 'used',
      header: 'Last used',
      width: 100,
      isNumber: true,
      fromWidth: 720,
      sortBy: ({ lastUsed }) => lastUsed,
      cell: ({ lastUsed }) => <RelativeTime time={lastUsed} />,
    },
    { id: 'end', header: 'Action', width: 76, cell: ({ id }) => <EndSession name={name} id={id} /> },
  ];
}

function EndSession({ name, id }: { readonly name: string; readonly id: string }) {
  const end = useChange('endAdminSession');
  return (
    <ConfirmButton
      label="End"
      isCompact
      consequence={{
        title: `End this session of ${name}?`,
        does: 'Its next request is refused.',
        undo: `${name} can log in again.`,
        command: null,
        verb: 'End the session',
      }}
      act={() => end.mutateAsync({ parameters: { name, id } })}
    />
  );
}

function Actions({
  admin,
  onInvited,
}: {
  readonly admin: Admin;
  readonly onInvited: (invitation: Invitation) => void;
}) {
  const { name, kind } = admin;
  const reset = useChange('resetAdmin');
  return (
    <>
      {kind === 'local' ? (
        <>
          <DialogButton label="Change the role">
            {(close) => <ChangeRole admin={admin} onClose={close} />}
          </DialogButton>
          <ConfirmButton
            label="Reset"
            consequence={{
              title: `Reset the credentials of ${name}?`,
              does: 'This removes the passphrase, the passkeys and the codes, and ends all sessions. You get a new link.',
              undo: `This cannot be undone. ${name} sets everything again with the link.`,
              command: commandOf('admin', 'reset', name),
              verb: 'Reset',
            }}
            act={async () => onInvited((await reset.mutateAsync({ parameters: { name } })).value)}
          />
        </>
      ) : null}
      <Remove name={name} />
    </>
  );
}

function ChangeRole({
  admin: { name, role: present },
  onClose,
}: {
  readonly admin: Admin;
  readonly onClose: () => void;
}) {
  const [role, setRole] = useState(present);
  const change = useChange('changeAdmin');
  return (
    <FormDialog
      title={`Role of ${name}`}
      verb="Change the role"
      isReady={role !== present}
      command={commandOf('admin', 'role', name, role)}
      submit={() => change.mutateAsync({ parameters: { name }, body: { role } })}
      onClose={onClose}
    >
      <p>It counts at their next request.</p>
      <RoleField value={role} set={setRole} />
    </FormDialog>
  );
}

function Remove({ name }: { readonly name: string }) {
  const remove = useChange('removeAdmin');
  const { data: me } = useMe();
  const [, go] = useLocation();
  return (
    <ConfirmButton
      label="Remove"
      consequence={{
        title: `Remove ${name}?`,
        does: `This ends ${me?.name === name ? 'your own' : 'their'} sessions and revokes the tokens that ${me?.name === name ? 'you' : 'they'} created. SFTP users stay as they are.`,
        undo: 'This cannot be undone. The audit trail keeps what they did.',
        command: commandOf('admin', 'remove', name),
        verb: 'Remove the person',
      }}
      act={async () => {
        await remove.mutateAsync({ parameters: { name } });
        go('/admins');
      }}
    />
  );
}
