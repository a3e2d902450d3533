import type { IncomingHttpHeaders } from 'node:http';
import { ControlRequests } from '../api/control-request.js';
import { type Client, type Person, parseRole } from '../api/description/roles.js';
import { Fault } from '../model/fault.js';
import { cookieName, readCookie } from './cookies.js';
import { refuseForgery } from './csrf.js';

/** A request whose person is not known yet. */
export interface Sender {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly client: Client;
}

/** One kind of credential. The console asks each in turn. */
export interface Authenticator {
  /**
   * Returns the person of a request; null if the request has no credential of this kind. Throws `unauthenticated`
   * for a wrong one, `denied` for a forged request, and the gateway's faults.
   */
  authenticate(sender: Sender): Promise<Person | null>;
}

const checkTimeoutMs = 10_000;

/** Tokens of the API in `Authorization: Bearer`. The gateway checks each request, so a revoked token ends at once. */
export function tokenAuthenticator(socket: string): Authenticator {
  return {
    async authenticate({ headers: { authorization }, client }) {
      const secret = /^Bearer +(\S{1,200})$/i.exec(authorization ?? '')?.[1];
      if (authorization === undefined) return null;
      if (secret === undefined)
        throw new Fault('unauthenticated', 'the header Authorization needs a bearer token');
      const person = await check(socket, '/internal/tokens/check', secret, client);
      if (person === null) throw new Fault('unauthenticated', 'the token is unknown, expired or revoked');
      return person;
    },
  };
}

/** The name of the session's cookie, before its prefix. */
const sessionCookie = 'sftpgw';

/** Returns the name of the session's cookie. */
export function sessionCookieName(isSecure: boolean): string {
  return cookieName(sessionCookie, isSecure);
}

/** Sessions of people, in a cookie. Each request is checked at the gateway, so that a session ends at once. */
export function sessionAuthenticator(socket: string, isSecure: boolean): Authenticator {
  const name = sessionCookieName(isSecure);
  return {
    async authenticate({ method, headers, client }) {
      const secret = readCookie(headers.cookie, name);
      if (secret === null) return null;
      refuseForgery(method, headers);
      const isPossible = /^[\w-]{43}$/.test(secret);
      const person = isPossible ? await check(socket, '/internal/sessions/check', secret, client) : null;
      if (person === null) throw new Fault('unauthenticated', 'the session has ended: log in again');
      return person;
    },
  };
}

async function check(socket: string, path: string, secret: string, client: Client): Promise<Person | null> {
  const requests = new ControlRequests(socket, AbortSignal.timeout(checkTimeoutMs));
  const answer = (await requests.json('POST', path, { secret })) as {
    readonly name: string;
    readonly role: string;
    readonly scope?: string[] | null;
    readonly identity: string | null;
    readonly session?: string;
  } | null;
  const role = answer === null ? null : parseRole(answer.role);
  if (answer === null || role === null) return null;
  const { name, scope = null, identity, session = null } = answer;
  return { name, role, scope, isCommand: false, identity, session, client };
}
