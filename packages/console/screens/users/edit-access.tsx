import { Button, PasswordInput, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { BodyOf } from '../../api/endpoints.js';
import { useChange } from '../../api/hooks.js';
import { problemOf } from '../../api/problem.js';
import { Dialog } from '../../parts/dialog.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { toast } from '../../parts/toast.js';
import { linesOf } from './create-user.js';
import type { User } from './words.js';

/** Changes how a user logs in. Only what differs is sent, with the version that this page has read. */
export function EditAccess({
  user,
  etag,
  onClose,
}: {
  readonly user: User;
  readonly etag: string;
  readonly onClose: () => void;
}) {
  const [publicKeys, setPublicKeys] = useState('');
  const [password, setPassword] = useState('');
  const [loginFrom, setLoginFrom] = useState(user.loginFrom ?? '');
  const [expires, setExpires] = useState(localTimeOf(user.expires));
  const [rights, setRights] = useState(user.rights);
  const change = useChange('changeUser');
  const wrong = change.error === null ? null : problemOf(change.error);
  const added = linesOf(publicKeys);
  const body: BodyOf<'changeUser'> = {
    ...(added.length === 0 ? {} : { publicKeys: [...added] }),
    ...(password === '' ? {} : { password }),
    ...(loginFrom === (user.loginFrom ?? '') ? {} : { loginFrom: loginFrom === '' ? null : loginFrom }),
    ...(expires === localTimeOf(user.expires)
      ? {}
      : { expires: expires === '' ? null : new Date(expires).toISOString() }),
    ...(rights === user.rights ? {} : { rights }),
  };
  const submit = async () => {
    await change.mutateAsync({ parameters: { username: user.username }, ifMatch: etag, body });
    toast(`${user.username} is changed`);
    onClose();
  };
  return (
    <Dialog title={`Change the access of ${user.username}`} isWide onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          submit().catch(() => undefined);
        }}
      >
        <Textarea
          label="Add SSH public keys"
          description="One per line. Present keys stay"
          rows={2}
          spellCheck={false}
          value={publicKeys}
          error={wrong?.field('/publicKeys/0')}
          onChange={(event) => setPublicKeys(event.currentTarget.value)}
        />
        <PasswordInput
          label="New password"
          description={user.hasPassword ? 'Replaces the present one' : 'The user has none'}
          autoComplete="new-password"
          value={password}
          error={wrong?.field('/password')}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <TextInput
          label="Allowed addresses"
          description="Addresses and networks, separated by commas. Empty: all"
          value={loginFrom}
          error={wrong?.field('/loginFrom')}
          onChange={(event) => setLoginFrom(event.currentTarget.value)}
        />
        <TextInput
          label="Can log in until"
          description="In the time zone of this browser. Empty: no end. Nothing is deleted at that time"
          type="datetime-local"
          value={expires}
          error={wrong?.field('/expires')}
          onChange={(event) => setExpires(event.currentTarget.value)}
        />
        <TextInput
          label="Rights in /uploads"
          description="all, none, dropbox, or some of list, read, create, overwrite, rename, remove"
          value={rights}
          error={wrong?.field('/rights')}
          onChange={(event) => setRights(event.currentTarget.value)}
        />
        <ProblemNotice error={change.error} />
        <div className="actions">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending} disabled={Object.keys(body).length === 0}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Returns a time as the browser's field for times takes it, in the zone of the browser. */
function localTimeOf(time: string | null): string {
  if (time === null) return '';
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
