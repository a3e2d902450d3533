import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { useChange, useReadForChange } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { commandOf, countOf } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Answer } from '../../parts/loading.js';
import { PageLayout } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { PageTabs } from '../../parts/tabs.js';
import { toast } from '../../parts/toast.js';
import { AuditTable } from '../audit/audit-table.js';
import { SessionTable } from '../live/session-table.js';
import { CreateUser } from './create-user.js';
import { UserAccess } from './user-access.js';
import { UserEncryption } from './user-encryption.js';
import { UserFiles } from './user-files.js';
import { encryptionWords, meansOf, type User as ShownUser, stateOf } from './words.js';

/** One user: access, encryption, files, transfers and history. */
export function User() {
  const { name = '' } = useParams<{ name: string }>();
  const query = useReadForChange('getUser', { parameters: { username: name } });
  return (
    <Answer query={query}>
      {({ value, etag }) => (
        <PageLayout
          title={name}
          heading={
            <>
              {name} <Status tone={stateOf(value)[0]}>{stateOf(value)[1]}</Status>
            </>
          }
          answer={<Summary user={value} />}
          actions={<Actions user={value} etag={etag ?? '*'} />}
        >
          <PageTabs label={`Parts of ${name}`} tabs={tabsOf(value, etag ?? '*')} />
        </PageLayout>
      )}
    </Answer>
  );
}

function tabsOf(user: ShownUser, etag: string) {
  const { username } = user;
  return [
    { id: 'access', label: 'Access', content: () => <UserAccess user={user} etag={etag} /> },
    { id: 'encryption', label: 'Encryption', content: () => <UserEncryption user={user} /> },
    { id: 'files', label: 'Files', content: () => <UserFiles user={user} /> },
    { id: 'transfers', label: 'Transfers', content: () => <SessionTable username={username} /> },
    { id: 'audit', label: 'Audit', content: () => <AuditTable fixed={{ user: username }} /> },
  ];
}

function Summary({ user }: { readonly user: ShownUser }) {
  const { username, state, canLogIn, encryption, keyId } = user;
  const login =
    state === 'active' && canLogIn
      ? `${username} can log in with ${meansOf(user)}.`
      : `${username} cannot log in.`;
  return (
    <>
      {login} Uploads are encrypted with{' '}
      {encryption === 'sse-c' ? (
        <KeyGlyph value={keyId === null ? null : { id: keyId }} none="a key that is missing" />
      ) : (
        encryptionWords[encryption]
      )}
      .
    </>
  );
}

function Actions({ user, etag }: { readonly user: ShownUser; readonly etag: string }) {
  const [isCloning, setCloning] = useState(false);
  const [, go] = useLocation();
  const enable = useChange('enableUser');
  const disable = useChange('disableUser');
  const remove = useChange('removeUser');
  const { username, state } = user;
  const input = { parameters: { username } };
  const sheet = (
    <Button variant="default" component={Link} href={`/users/${username}/sheet`}>
      Partner’s sheet
    </Button>
  );
  if (!useMay('operator')) return sheet;
  return (
    <>
      {sheet}
      <Button variant="default" onClick={() => setCloning(true)}>
        Clone
      </Button>
      {state === 'disabled' ? (
        <Button loading={enable.isPending} onClick={() => enable.mutate(input)}>
          Enable
        </Button>
      ) : (
        <ConfirmButton
          label="Disable"
          consequence={{
            title: `Disable ${username}?`,
            does: 'Logins are refused at once, and current sessions end. Nothing is deleted; open uploads can be resumed later.',
            undo: 'Enable the user again at any time.',
            command: commandOf('user', 'disable', username),
            verb: 'Disable',
          }}
          act={async () => {
            const { value } = await disable.mutateAsync(input);
            toast(`${username} is disabled; ${countOf(value.endedSessions, 'session')} ended`);
          }}
        />
      )}
      <ConfirmButton
        label="Remove"
        consequence={{
          title: `Remove ${username}?`,
          does: 'The account is removed. The objects stay in S3, and the keys stay in the keyring. Local files are moved aside.',
          undo: 'This cannot be undone as a whole: a new user needs new credentials. Disabling is reversible.',
          command: commandOf('user', 'remove', username),
          verb: 'Remove the user',
        }}
        act={async () => {
          const { value } = await remove.mutateAsync({ ...input, ifMatch: etag });
          toast(`${username} is removed; the files are in ${value.keptIn}`);
          go('/users');
        }}
      />
      {isCloning ? <CreateUser model={user} onClose={() => setCloning(false)} /> : null}
    </>
  );
}
