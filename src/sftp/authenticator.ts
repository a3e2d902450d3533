import type { Authenticator } from '@sftpgw/ssh';
import type { Call } from '../model/call.js';
import type { UserLogins } from '../model/users/logins.js';
import { usernameOrNull } from '../model/users.js';

/** Returns the SSH server's view of the users. `callFor` creates the call of one connection's login. */
export function authenticatorOf(
  users: UserLogins,
  callFor: (address: string, signal: AbortSignal) => Call,
): Authenticator {
  return {
    accountOf: (username) => usernameOrNull(username) ?? username,
    begin: (username, address, signal) => users.begin(callFor(address, signal), username, address),
  };
}
