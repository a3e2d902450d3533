import type { LoginMethod } from '../../model/users/logins.js';

/**
 * Sequences of methods, as sshd_config(5) AuthenticationMethods has them. A client logs in when all
 * methods of one sequence have succeeded, in order.
 */
export type LoginSequences = readonly (readonly LoginMethod[])[];

/** A key or a password. */
export const defaultLoginSequences: LoginSequences = [['publickey'], ['password']];

/** The methods that the server offers to everyone first, so that its offer reveals nothing about the user. */
export const firstMethods: readonly LoginMethod[] = ['publickey', 'password', 'keyboard-interactive'];

const maxSequences = 8;
const maxMethods = 4;

/** Returns the sequences of a text such as `publickey,keyboard-interactive publickey,password`, or null. */
export function parseSequences(text: string): LoginSequences | null {
  const sequences: LoginMethod[][] = [];
  for (const words of text.trim().split(/\s+/)) {
    const methods = words.split(',');
    if (methods.length > maxMethods || !methods.every(isMethod)) return null;
    sequences.push(methods);
  }
  return sequences.length > maxSequences ? null : sequences;
}

/** Returns the text that `parseSequences` reads. */
export function formatSequences(sequences: LoginSequences): string {
  return sequences.map((methods) => methods.join(',')).join(' ');
}

/**
 * Returns the methods that the client may try next; an empty list when a sequence is complete, null
 * when no sequence begins with the methods that succeeded. Keyboard-interactive may take the place
 * of a password, since it asks for it. For a user with TOTP it must: a password alone is only
 * one factor.
 */
export function nextMethods(
  sequences: LoginSequences,
  hasTotp: boolean,
  passed: readonly LoginMethod[],
): readonly LoginMethod[] | null {
  const begun = sequences.filter((methods) => beginsWith(methods, passed, hasTotp));
  if (begun.length === 0) return null;
  const next = new Set<LoginMethod>();
  for (const methods of begun) {
    const required = methods[passed.length];
    if (required === undefined) return [];
    for (const method of accepted(required, hasTotp)) next.add(method);
  }
  return [...next];
}

function beginsWith(
  methods: readonly LoginMethod[],
  passed: readonly LoginMethod[],
  hasTotp: boolean,
): boolean {
  return passed.every((method, at) => {
    const required = methods[at];
    return required !== undefined && accepted(required, hasTotp).includes(method);
  });
}

function accepted(required: LoginMethod, hasTotp: boolean): readonly LoginMethod[] {
  if (required !== 'password') return [required];
  return hasTotp ? ['keyboard-interactive'] : ['password', 'keyboard-interactive'];
}

function isMethod(text: string): text is LoginMethod {
  return (firstMethods as readonly string[]).includes(text);
}
