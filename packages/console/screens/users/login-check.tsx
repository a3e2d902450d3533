import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { AnswerOf } from '../../api/endpoints.js';
import { useRead } from '../../api/hooks.js';
import { Command } from '../../parts/copy.js';
import { useFilters } from '../../parts/filters.js';
import { commandOf } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { Section } from '../../parts/page.js';
import { Prose } from '../../parts/prose.js';
import { Status } from '../../parts/status.js';
import { Mono, RelativeTime } from '../../parts/values.js';

type Check = AnswerOf<'explainLogin'>;

/** Answers "why can’t bob log in?" by the rules that logins are checked with, and by the last refusals. */
export function LoginCheck({ username }: { readonly username: string }) {
  const filters = useFilters();
  const asked = filters.get('from');
  const [address, setAddress] = useState(asked);
  const query = useRead('explainLogin', { parameters: { username }, query: { address: asked } });
  return (
    <Section title={`Why can’t ${username} log in?`}>
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          filters.set('from', address.trim());
        }}
      >
        <TextInput
          className="wide"
          aria-label="Address of the client"
          placeholder="From any address"
          value={address}
          onChange={(event) => setAddress(event.currentTarget.value)}
        />
        <Button type="submit" variant="default">
          Check this address
        </Button>
      </form>
      <Answer query={query}>{(check) => <Findings check={check} />}</Answer>
      <Command text={commandOf('user', 'why', username, ...(asked === '' ? [] : ['--address', asked]))} />
    </Section>
  );
}

function Findings({ check: { username, canLogIn, findings, refusals } }: { readonly check: Check }) {
  return (
    <>
      <Status tone={canLogIn ? 'good' : 'bad'}>
        <b>
          {canLogIn
            ? `Nothing prevents ${username} from logging in now.`
            : `${username} cannot log in: ${findings.length === 1 ? 'one cause' : `${findings.length} causes`}.`}
        </b>
      </Status>
      {findings.map(({ code, severity, what, whatToDo, command }) => (
        <article key={code} className="finding">
          <Status tone={severity === 'blocks' ? 'bad' : 'warn'}>
            <span className="wraps">
              <Prose text={what} />
            </span>
          </Status>
          <p>
            <Prose text={whatToDo} />
          </p>
          {command === null ? null : <Command text={command} />}
        </article>
      ))}
      {refusals.length === 0 ? null : (
        <>
          <h3>Last refusals</h3>
          <ul className="plain-list">
            {refusals.map(({ time, address, rule, reason }, index) => (
              <li key={`${time} ${index}`}>
                <RelativeTime time={time} />
                {address === null ? null : <Mono>{address}</Mono>}
                <span>
                  {reason} <span className="dim">({rule})</span>
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
