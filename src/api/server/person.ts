import type { IncomingHttpHeaders } from 'node:http';
import { Fault } from '../../model/fault.js';
import { type Client, type Person, parseRole } from '../description/roles.js';

/** The headers that name the person of a request on the socket. */
export const personHeader = 'x-sftpgw-person';
export const roleHeader = 'x-sftpgw-role';
/** Groups of operations separated by blanks. Without it the role alone decides. */
export const scopeHeader = 'x-sftpgw-scope';

/** `yes` for a command of this program. */
export const commandHeader = 'x-sftpgw-command';

/** See `Person.identity`. */
export const identityHeader = 'x-sftpgw-identity';
/** The id of the session in a request; in an answer the secret of a new session, or nothing to end one. */
export const sessionHeader = 'x-sftpgw-session';
const addressHeader = 'x-sftpgw-address';
const originHeader = 'x-sftpgw-origin';
const userAgentHeader = 'x-sftpgw-user-agent';

const maxNameCharacters = 200;

/** Returns the headers of a request on behalf of a person. */
export function personHeaders(person: Person): Readonly<Record<string, string>> {
  const { name, role, scope, isCommand, identity, session, client } = person;
  return {
    [personHeader]: encodeURIComponent(name),
    [roleHeader]: role,
    ...(scope === null ? {} : { [scopeHeader]: scope.join(' ') }),
    ...(isCommand ? { [commandHeader]: 'yes' } : {}),
    ...(identity === null ? {} : { [identityHeader]: identity }),
    ...(session === null ? {} : { [sessionHeader]: session }),
    ...(client === null ? {} : clientHeaders(client)),
  };
}

function clientHeaders({ address, origin, userAgent }: Client): Record<string, string> {
  return {
    [addressHeader]: address,
    [originHeader]: origin,
    ...(userAgent === null
      ? {}
      : { [userAgentHeader]: encodeURIComponent(userAgent.slice(0, maxNameCharacters).toWellFormed()) }),
  };
}

/**
 * Returns the person of a request on the socket. Everyone who can open the socket is trusted to name them,
 * but must do so: a request that the console forwarded without checking a person must not get any role. Throws
 * `unauthenticated`.
 */
export function personOf(headers: IncomingHttpHeaders): Person {
  const name = headers[personHeader];
  const role = headers[roleHeader];
  if (typeof name !== 'string' || name === '' || typeof role !== 'string') {
    throw new Fault(
      'unauthenticated',
      `a request on the socket names its person: give the headers ${personHeader} and ${roleHeader}`,
    );
  }
  const known = parseRole(role);
  if (known === null) throw new Fault('unauthenticated', `the header ${roleHeader} has an unknown role`);
  const scope = headers[scopeHeader];
  return {
    name: decoded(name).slice(0, maxNameCharacters),
    role: known,
    scope: typeof scope === 'string' ? scope.split(' ').filter((group) => group !== '') : null,
    isCommand: headers[commandHeader] === 'yes',
    identity: textOf(headers, identityHeader),
    session: textOf(headers, sessionHeader),
    client: clientOf(headers),
  };
}

function clientOf(headers: IncomingHttpHeaders): Client | null {
  const [address, origin] = [textOf(headers, addressHeader), textOf(headers, originHeader)];
  if (address === null || origin === null) return null;
  const userAgent = textOf(headers, userAgentHeader);
  return { address, origin, userAgent: userAgent === null ? null : decoded(userAgent) };
}

function textOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value.slice(0, maxNameCharacters) : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Fault('unauthenticated', 'a header of the person is not percent-encoded');
  }
}
