import { Button, PasswordInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { call, setBearerToken } from '../../api/client.js';
import { ProblemNotice } from '../../parts/problem-notice.js';

/** Logs in with an API token, which stays in the memory of this page only: after a reload it is gone. */
export function TokenLogin() {
  const client = useQueryClient();
  const [token, setToken] = useState('');
  const [error, setError] = useState<unknown>(null);
  const logIn = async () => {
    setBearerToken(token.trim());
    try {
      client.setQueryData(['getMe'], await call('getMe'));
    } catch (thrown) {
      setBearerToken(null);
      setError(thrown);
    }
  };
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        void logIn();
      }}
    >
      <PasswordInput
        label="API token"
        description="From sftpgw admin token create. This page forgets it when you reload."
        autoComplete="off"
        value={token}
        onChange={(event) => setToken(event.currentTarget.value)}
      />
      <ProblemNotice error={error} />
      <Button type="submit" variant="default" disabled={token.trim() === ''}>
        Log in with the token
      </Button>
    </form>
  );
}
