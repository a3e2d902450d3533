import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { problemOf } from '../../api/problem.js';
import { Command, Copyable } from '../../parts/copy.js';
import { Skeleton } from '../../parts/loading.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { RelativeTime } from '../../parts/values.js';
import { CodeInput } from './code-input.js';
import { createPasskey, type Invitation, loginApi } from './contract.js';
import { LoginFrame } from './frame.js';
import { useAttempt } from './login.js';
import { QrCode } from './qr-code.js';

/** The page of a link that works once: it sets a passphrase and a second factor, or logs in to the demo. */
export function Welcome() {
  const [token] = useState(() => window.location.hash.slice(1));
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  const [error, setError] = useState<unknown>(null);
  const enter = useEnter();
  const isOpened = useRef(false);
  useEffect(() => {
    // The link works once, so it must not be opened again by a second run of this effect.
    if (isOpened.current) return;
    isOpened.current = true;
    window.history.replaceState(null, '', window.location.pathname);
    const open = async () => {
      const found = await loginApi.invitation(token);
      if (found.kind === 'enrol') return setInvitation(found);
      await loginApi.link(token);
      await enter();
    };
    open().catch(setError);
  }, [token, enter]);
  if (error !== null) {
    return (
      <LoginFrame title="This link does not work">
        <ProblemNotice error={error} />
        <p>A link works once, and not for long. This prints a new one on the gateway’s machine:</p>
        <Command text="sftpgw admin reset NAME" />
        <p>A demo prints a new link at its next start.</p>
        <a href="/">Go to the login page</a>
      </LoginFrame>
    );
  }
  if (invitation === null || invitation.kind !== 'enrol') {
    return (
      <LoginFrame title="Welcome">
        <Skeleton rows={3} />
      </LoginFrame>
    );
  }
  return <Enrol token={token} invitation={invitation} />;
}

function useEnter(): () => Promise<void> {
  const client = useQueryClient();
  const [, go] = useLocation();
  return async () => {
    await client.resetQueries({ queryKey: ['getMe'] });
    go('/', { replace: true });
  };
}

function Enrol({
  token,
  invitation: { name, role, expires, ticket, totp, passkey },
}: {
  readonly token: string;
  readonly invitation: Extract<Invitation, { readonly kind: 'enrol' }>;
}) {
  const [passphrase, setPassphrase] = useState('');
  const [code, setCode] = useState('');
  const [label, setLabel] = useState('');
  const enter = useEnter();
  const byCode = useAttempt(async () => {
    await loginApi.finish({ token, ticket, passphrase, code: code.replaceAll(/\s/g, '') });
    await enter();
  });
  const byPasskey = useAttempt(async () => {
    if (passkey === null) return;
    const response = await createPasskey(passkey);
    await loginApi.finish({ token, ticket, passphrase, passkey: { label: label || 'passkey', response } });
    await enter();
  });
  const error = byCode.error ?? byPasskey.error;
  const wrong = error === null ? null : problemOf(error);
  return (
    <LoginFrame title={`Welcome, ${name}`}>
      <p>
        You get the role {role}. Choose a passphrase and a second factor. This link expires{' '}
        <RelativeTime time={expires} />.
      </p>
      <PasswordInput
        label="Passphrase"
        description="12 characters or more"
        autoComplete="new-password"
        minLength={12}
        required
        value={passphrase}
        error={wrong?.field('/passphrase')}
        onChange={(event) => setPassphrase(event.currentTarget.value)}
      />
      <h2>Second factor: an authenticator</h2>
      <p>
        Scan the code with an authenticator app, or type its secret. Then enter the six digits that it shows.
      </p>
      <QrCode text={totp.uri} label="Code for the authenticator" />
      <Copyable text={totp.secret} what="the secret" />
      <form className="form" onSubmit={byCode.run}>
        <CodeInput value={code} onChange={setCode} />
        <Button type="submit" loading={byCode.isBusy} disabled={passphrase.length < 12}>
          Set up and log in
        </Button>
      </form>
      {passkey === null ? null : (
        <>
          <h2>Or: a passkey</h2>
          <TextInput
            label="Name of the passkey"
            description="Such as the device that keeps it"
            value={label}
            onChange={(event) => setLabel(event.currentTarget.value)}
          />
          <Button
            variant="default"
            loading={byPasskey.isBusy}
            disabled={passphrase.length < 12}
            onClick={() => byPasskey.run()}
          >
            Create a passkey and log in
          </Button>
        </>
      )}
      <ProblemNotice error={error} />
    </LoginFrame>
  );
}
