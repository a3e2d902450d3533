import { QueryClientProvider } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { createQueryClient, useMe } from './api/hooks.js';
import { problemOf } from './api/problem.js';
import { Mantine } from './mantine.js';
import { Skeleton } from './parts/loading.js';
import { ProblemNotice } from './parts/problem-notice.js';
import { Toasts } from './parts/toast.js';
import { Login } from './screens/login/login.js';
import { Welcome } from './screens/login/welcome.js';
import { Faults } from './shell/faults.js';
import { Shell } from './shell/shell.js';

/** The whole console. */
export function App() {
  const [client] = useState(createQueryClient);
  return (
    <QueryClientProvider client={client}>
      <Mantine>
        <Faults>
          <Entry />
        </Faults>
        <Toasts />
      </Mantine>
    </QueryClientProvider>
  );
}

/** Shows the login page to a person without a session, on every URL except that of an invitation. */
function Entry() {
  const [path] = useLocation();
  return path === '/welcome' ? <Welcome /> : <Inside />;
}

function Inside() {
  const me = useMe();
  if (me.data !== undefined) return <Shell />;
  if (me.error === null) return <Skeleton rows={1} />;
  if (problemOf(me.error).status === 401) return <Login />;
  return (
    <main className="main">
      <ProblemNotice error={me.error} retry={() => void me.refetch()} />
    </main>
  );
}
