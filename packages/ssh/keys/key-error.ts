import { ProtocolError } from '../wire/fault.js';

/**
 * The kinds of faults in keys, certificates and revocation lists.
 *
 * - `malformed`: the bytes do not have the form that their type requires.
 * - `unsupported`: a type or an option that this server does not accept.
 * - `weak`: an RSA key below the smallest accepted size.
 * - `untrusted`: the CA's signature in a certificate is wrong.
 * - `private`: a private key instead of a public one.
 */
export type KeyProblem = 'malformed' | 'unsupported' | 'weak' | 'untrusted' | 'private';

/** A key, a certificate or a revocation list that cannot be used. The message is for the log and for administrators. */
export class KeyError extends Error {
  readonly problem: KeyProblem;

  constructor(problem: KeyProblem, message: string) {
    super(message);
    this.name = 'KeyError';
    this.problem = problem;
  }
}

/** Calls `read` and turns the reader's errors into a `malformed` error about `subject`. */
export function readOrMalformed<T>(subject: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new KeyError('malformed', `malformed ${subject}: ${error.message}`);
  }
}
