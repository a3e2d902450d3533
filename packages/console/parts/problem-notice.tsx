import { Button } from '@mantine/core';
import { Link } from 'wouter';
import { problemOf } from '../api/problem.js';
import { Copyable } from './copy.js';
import { Status } from './status.js';

/** States what failed, why, and what to do, with the id of the request in the log. Null shows nothing. */
export function ProblemNotice({ error, retry }: { readonly error: unknown; readonly retry?: () => void }) {
  if (error === null || error === undefined) return null;
  const { title, message, requestId, fields, approval } = problemOf(error);
  return (
    <div className="problem" role="alert">
      <Status tone={approval === null ? 'bad' : 'warn'}>
        <b>{title}</b>
      </Status>
      <p>{sentence(message)}</p>
      {fields.length === 0 ? null : (
        <ul>
          {fields.map(({ pointer, detail }) => (
            <li key={pointer}>
              <code>{pointer.replace(/^\//, '')}</code> {detail}
            </li>
          ))}
        </ul>
      )}
      {approval === null ? null : <Link href={`/approvals/${approval}`}>Show the request for approval</Link>}
      {requestId === null ? null : (
        <span className="dim">
          request <Copyable text={requestId} what="the request id" />
        </span>
      )}
      {retry === undefined ? null : (
        <div>
          <Button variant="default" onClick={retry}>
            Try again
          </Button>
        </div>
      )}
    </div>
  );
}

/**
 * Returns a text of the gateway as a sentence. Faults are in lower case and without a full stop. A text with one is a
 * sentence already, and may begin with the name of a setting or of a user.
 */
export function sentence(text: string): string {
  if (/[.!?]$/.test(text)) return text;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
