import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useLocation, useSearchParams } from 'wouter';
import type { AnswerOf } from '../../api/endpoints.js';
import { Command } from '../../parts/copy.js';
import { Answer } from '../../parts/loading.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { CodeInput } from './code-input.js';
import { getPasskey, type LoginTicket, loginApi } from './contract.js';
import { LoginFrame } from './frame.js';
import { TokenLogin } from './token.js';

/** Why a login at the identity provider failed, by the code in the URL. */
const oidcErrors: Readonly<Record<string, string>> = {
  denied: 'The identity provider refused the login.',
  'no-role': 'None of your groups has a role here. Ask an admin of this gateway.',
  expired: 'The login took too long. Try again.',
  unavailable: 'The identity provider does not answer.',
  failed: 'The login at the identity provider failed.',
  taken: 'Your name belongs to another person of this gateway. Ask an admin.',
};

/** The login page. It stands in place of every page until there is a session, and keeps the URL. */
export function Login() {
  const options = useQuery({ queryKey: ['login'], queryFn: () => loginApi.options(), retry: false });
  const [search] = useSearchParams();
  const code = search.get('error');
  return (
    <LoginFrame title="Log in">
      {code === null ? null : (
        <div className="problem" role="alert">
          {oidcErrors[code] ?? oidcErrors['failed']}
        </div>
      )}
      <Answer query={options}>{(known) => <Ways options={known} />}</Answer>
      <details>
        <summary>Use an API token</summary>
        <TokenLogin />
      </details>
    </LoginFrame>
  );
}

function Ways({ options: { hasAdmins, passkeys, oidc } }: { readonly options: AnswerOf<'getLogin'> }) {
  const [ticket, setTicket] = useState<LoginTicket | null>(null);
  if (!hasAdmins && oidc === null) {
    return (
      <>
        <p>There is no admin yet. Run this on the gateway’s machine, and open the link that it prints:</p>
        <Command text="sftpgw admin init" />
      </>
    );
  }
  if (ticket !== null) return <SecondStep ticket={ticket} onRestart={() => setTicket(null)} />;
  return (
    <>
      {oidc === null ? null : (
        <Button component="a" href="/api/login/oidc" variant="default" fullWidth>
          Log in with {oidc.label}
        </Button>
      )}
      <FirstStep onTicket={setTicket} />
      {passkeys ? <PasskeyButton /> : null}
    </>
  );
}

function useEnter(): () => Promise<void> {
  const client = useQueryClient();
  const [path, go] = useLocation();
  return async () => {
    if (path === '/login') go('/', { replace: true });
    await client.resetQueries({ queryKey: ['getMe'] });
  };
}

function FirstStep({ onTicket }: { readonly onTicket: (ticket: LoginTicket) => void }) {
  const [name, setName] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const attempt = useAttempt(async () => onTicket(await loginApi.passphrase(name, passphrase)));
  return (
    <form className="form" onSubmit={attempt.run}>
      <TextInput
        label="Name"
        autoComplete="username"
        required
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <PasswordInput
        label="Passphrase"
        autoComplete="current-password"
        required
        value={passphrase}
        onChange={(event) => setPassphrase(event.currentTarget.value)}
      />
      <ProblemNotice error={attempt.error} />
      <Button type="submit" loading={attempt.isBusy}>
        Continue
      </Button>
    </form>
  );
}

function SecondStep({
  ticket: { ticket, methods, passkey },
  onRestart,
}: {
  readonly ticket: LoginTicket;
  readonly onRestart: () => void;
}) {
  const [code, setCode] = useState('');
  const enter = useEnter();
  const byCode = useAttempt(async () => {
    await loginApi.totp(ticket, code.replaceAll(/\s/g, ''));
    await enter();
  });
  const byPasskey = useAttempt(async () => {
    if (passkey === null) return;
    await loginApi.passkey(ticket, await getPasskey(passkey));
    await enter();
  });
  return (
    <>
      {methods.includes('totp') ? (
        <form className="form" onSubmit={byCode.run}>
          <CodeInput value={code} onChange={setCode} />
          <Button type="submit" loading={byCode.isBusy}>
            Log in
          </Button>
        </form>
      ) : null}
      {methods.includes('passkey') && passkey !== null ? (
        <Button
          variant={methods.includes('totp') ? 'default' : 'filled'}
          loading={byPasskey.isBusy}
          onClick={() => byPasskey.run()}
        >
          Use a passkey
        </Button>
      ) : null}
      <ProblemNotice error={byCode.error ?? byPasskey.error} />
      <Button variant="subtle" onClick={onRestart}>
        Use another name
      </Button>
    </>
  );
}

function PasskeyButton() {
  const enter = useEnter();
  const attempt = useAttempt(async () => {
    const { ticket, passkey } = await loginApi.beginPasskey();
    await loginApi.passkey(ticket, await getPasskey(passkey));
    await enter();
  });
  return (
    <>
      <Button variant="default" loading={attempt.isBusy} onClick={() => attempt.run()}>
        Log in with a passkey
      </Button>
      <ProblemNotice error={attempt.error} />
    </>
  );
}

/** Work of a form: it runs once at a time, and its fault is kept. */
export function useAttempt(work: () => Promise<void>) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (event?: FormEvent) => {
    event?.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, error, run: (event?: FormEvent) => void run(event) };
}
