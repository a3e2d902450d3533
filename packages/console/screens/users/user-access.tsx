import { Button } from '@mantine/core';
import { useState } from 'react';
import { useChange } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Copyable } from '../../parts/copy.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { Facts, Section } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { RelativeTime } from '../../parts/values.js';
import { EditAccess } from './edit-access.js';
import { LoginCheck } from './login-check.js';
import type { User } from './words.js';

/** How a user logs in, from where and until when, and what they may do. */
export function UserAccess({ user, etag }: { readonly user: User; readonly etag: string }) {
  const [isEditing, setEditing] = useState(false);
  const mayChange = useMay('operator');
  const directories = [
    '/uploads',
    ...(user.downloads ? ['/downloads'] : []),
    ...(user.shared ? ['/shared'] : []),
  ];
  return (
    <>
      <LoginCheck username={user.username} />
      <Section
        title="Login"
        aside={
          mayChange ? (
            <Button variant="default" onClick={() => setEditing(true)}>
              Change
            </Button>
          ) : null
        }
      >
        <Facts
          entries={[
            ['Methods', <code key="methods">{user.loginMethods}</code>],
            ['SSH keys', <PublicKeys key="keys" user={user} etag={etag} />],
            ['Password', user.hasPassword ? 'set' : 'none'],
            ['TOTP', user.hasTotp ? 'set up' : 'none'],
            ['From', user.loginFrom ?? 'any address'],
            ['Until', <RelativeTime key="until" time={user.expires} none="no end" />],
            ['Last login', <RelativeTime key="login" time={user.lastLogin} />],
          ]}
        />
      </Section>
      <Section title="Files">
        <Facts
          entries={[
            ['Directories', directories.join(', ')],
            ['Rights in /uploads', user.rights],
            ['Kept out of S3', user.exclusions.length === 0 ? 'nothing' : user.exclusions.join(', ')],
            ['Location', <code key="location">{`s3://${user.bucket ?? 'BUCKET'}/${user.prefix}`}</code>],
            ['Last file', <RelativeTime key="file" time={user.lastFile} />],
          ]}
        />
      </Section>
      {user.problems.length === 0 ? null : (
        <Section title="Problems in the files of this user">
          {user.problems.map((problem) => (
            <Status key={problem} tone="warn">
              {problem}
            </Status>
          ))}
        </Section>
      )}
      {isEditing ? <EditAccess user={user} etag={etag} onClose={() => setEditing(false)} /> : null}
    </>
  );
}

function PublicKeys({
  user: { username, publicKeys },
  etag,
}: {
  readonly user: User;
  readonly etag: string;
}) {
  const change = useChange('changeUser');
  const mayChange = useMay('operator');
  if (publicKeys.length === 0) return <>none</>;
  return (
    <ul className="plain-list">
      {publicKeys.map(({ type, fingerprint, comment, isAuthority }) => (
        <li key={fingerprint}>
          <span>
            {comment === '' ? type : comment} {isAuthority ? '(certificate authority)' : ''}
          </span>
          <Copyable text={fingerprint} what="the fingerprint" />
          {mayChange ? (
            <ConfirmButton
              label="Remove"
              isCompact
              consequence={{
                title: `Remove this key of ${username}?`,
                does: `The key ${comment === '' ? fingerprint : comment} can no longer log in. Current sessions stay.`,
                undo: 'Add the same public key again.',
                command: null,
                verb: 'Remove the key',
              }}
              act={() =>
                change.mutateAsync({
                  parameters: { username },
                  ifMatch: etag,
                  body: { removePublicKeys: [fingerprint] },
                })
              }
            />
          ) : null}
        </li>
      ))}
    </ul>
  );
}
